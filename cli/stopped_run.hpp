// StoppedRun: a program that runs up to one point, where somebody looks at the machine, and no further. What `inspect`
// and `explain` have in common.
#pragma once

#include "cli/machine_options.hpp"
#include "cli/output_file.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

// Where to stop: exactly one of them.
struct StopPoint {
    std::optional<std::uint64_t> fault;        // once it is handled
    std::optional<std::uint64_t> instruction;  // once so many have been executed
    std::optional<std::uint64_t> eviction;     // once so many pages have left memory
    bool exit = false;                         // the program's end
};

// What it was stopped at; both nullptr: at neither.
struct StoppedAt {
    const mm::FaultEvent* fault = nullptr;
    const mm::EvictionEvent* eviction = nullptr;
};

// Looks at the machine when it stands still. Called from inside the machine: what is thrown ends the run, and is kept.
class StopView {
public:
    virtual void before_fault(const kernel::Machine& /*machine*/, const mm::MmStruct& /*mm*/, VirtAddr /*address*/) {}
    virtual void on_eviction(const mm::EvictionEvent& /*event*/) {}
    virtual void on_write_back(const mm::WriteBackEvent& /*event*/) {}
    // The text to print.
    virtual std::string look(const kernel::Machine& machine, const StoppedAt& at) = 0;
    // The machine is about to go: nothing of it may be kept.
    virtual void forget() {}

protected:
    ~StopView() = default;
};

// Runs the program of these words and prints what the view says: to standard output, where the program's own output
// goes to standard error; or to `output`, and then standard output is the program's. Returns the command's exit status:
// 0, or 1 where the point was never reached or the text could not be written; 2, 125 as `run`.
int run_to_stop(const MachineTexts& texts, const std::vector<std::string>& program_words, const StopPoint& point,
                StopView& view, const std::optional<std::string>& output);

}  // namespace fl::cli
