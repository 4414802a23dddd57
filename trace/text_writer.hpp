// TextWriter: a trace for people: a header, one aligned line per fault, and at the end what the kinds that occurred
// mean. Where pages have to leave memory, a line without a number says which, before the fault that needed its frame;
// from the first of them on faults have columns of their own for it.
//
// On a terminal lines are no longer than it is wide: the least telling columns give way. Elsewhere every column is
// there. Text from the traced program's file is shown without its control characters.
#pragma once

#include "trace/output.hpp"
#include "trace/terminal.hpp"
#include "trace/writer.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::trace {

class TextWriter final : public Writer {
public:
    // `output` must outlive the writer.
    TextWriter(Output& output, const TerminalTraits& terminal);
    TextWriter(const TextWriter&) = delete;
    TextWriter& operator=(const TextWriter&) = delete;
    ~TextWriter() override;

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    // A write that is a part of the page's eviction is told of there.
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    void finish() noexcept override;
    void flush() noexcept override { output_.flush(); }

private:
    struct Column;
    static const std::array<Column, 22> all_columns;

    // Beside those of faults.
    struct ReclaimLine {
        std::uint64_t time_ns;
        std::string_view kind;
        std::string_view tint;
        std::string_view state;
        std::optional<VirtAddr> address;
        std::string text;
    };

    void choose_columns();
    void append_header();
    void append_task(std::uint32_t tid);
    void append_line(const TracedFault& fault);
    void append_reclaim_line(const ReclaimLine& line);
    void append_cell(const Column& column, std::string_view tint);
    void append_legend();
    void append_kinds();
    void append_reclaim_counts();
    void append_tinted(std::string_view tint, std::string_view text);
    void end_line();

    Output& output_;
    TerminalTraits terminal_;
    std::vector<const Column*> columns_;
    unsigned last_column_width_ = 0;  // 0: as wide as its text
    bool header_written_ = false;
    bool reclaims_ = false;                  // a page has been evicted, or written back
    std::optional<std::uint32_t> last_tid_;  // of the line before
    std::array<std::uint64_t, mm::fault_kind_count> counts_{};
    std::uint64_t major_count_ = 0;
    struct ReclaimCounts {
        std::uint64_t clean = 0, dirty = 0, dropped = 0;
        std::uint64_t written_ahead = 0, failed_writes = 0;
        std::uint64_t refaults = 0, refault_distances = 0;  // the latter: their sum
    } reclaim_counts_;
    std::string cell_;
    std::string line_;
};

}  // namespace fl::trace
