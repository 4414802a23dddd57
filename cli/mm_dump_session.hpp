// MmDumpSession: address spaces as text, at chosen page faults and at the program's end, into the file that the user
// named.
#pragma once

#include "cli/output_file.hpp"
#include "kernel/machine.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fl::cli {

// "3" or "3,17": the numbers of faults as traces count them, from 1. The error says what is wrong with the text.
tl::expected<std::set<std::uint64_t>, std::string> parse_fault_numbers(std::string_view text);

enum class DumpAtEnd : std::uint8_t { no, yes };

class MmDumpSession final : public mm::FaultObserver {
public:
    MmDumpSession(OutputFile file, std::set<std::uint64_t> at_faults, DumpAtEnd at_end);
    MmDumpSession(const MmDumpSession&) = delete;
    MmDumpSession& operator=(const MmDumpSession&) = delete;
    ~MmDumpSession() = default;

    const OutputFile& file() const { return file_; }
    // Whether it has to be told of faults.
    bool watches_faults() const { return !at_faults_.empty(); }
    // Whom to tell of each fault as well; nullptr: nobody.
    void set_next(mm::FaultObserver* next) { next_ = next; }
    // The machine is there; `machine` must live until its run is over. Nothing is written before begin().
    void attach(const kernel::Machine& machine) { machine_ = &machine; }
    // The machine has its program.
    void begin();
    // The program is over, its address space is still there.
    void at_end();
    // One line for each thing that went wrong: faults that never happened, bytes that could not be written.
    std::vector<std::string> finish();

    void on_fault(const mm::FaultEvent& event) override;
    void on_eviction(const mm::EvictionEvent& event) override {
        if (next_ != nullptr) next_->on_eviction(event);
    }
    void on_write_back(const mm::WriteBackEvent& event) override {
        if (next_ != nullptr) next_->on_write_back(event);
    }

private:
    void dump(std::string_view occasion);
    void flush();

    OutputFile file_;
    std::set<std::uint64_t> at_faults_;  // that have not happened yet
    DumpAtEnd at_end_;
    mm::FaultObserver* next_ = nullptr;
    const kernel::Machine* machine_ = nullptr;
    bool begun_ = false;
    bool empty_ = true;              // nothing was dumped yet
    std::uint64_t fault_count_ = 0;  // of the whole run, at its end
    std::string waiting_;
    std::optional<int> error_;
};

}  // namespace fl::cli
