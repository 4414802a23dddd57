// CsvWriter: a trace as one table, for pandas, R and spreadsheets: a line for each fault, eviction and write-back, and
// a header (RFC 4180, but that lines end as they do on Linux). A field that an event does not have is empty.
#pragma once

#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fl::trace {

class CsvWriter final : public Writer {
public:
    // `output` must outlive the writer.
    explicit CsvWriter(Output& output) : output_(output) {}

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    void finish() noexcept override;
    void flush() noexcept override { output_.flush(); }

private:
    // print_fields() appends a line's fields, each with a comma behind it.
    template <class PrintFields>
    void write_line(PrintFields&& print_fields) noexcept;

    Output& output_;
    std::string line_;
    bool header_written_ = false;
};

}  // namespace fl::trace
