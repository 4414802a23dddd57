// TraceOutput: a trace on its way to the file that the user named: its form, what is left out, and what it comes to.
#pragma once

#include "cli/cli11.hpp"
#include "cli/output_file.hpp"
#include "trace/filter.hpp"
#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fl::trace {
class SqliteWriter;
}

namespace fl::cli {

enum class TraceFormat { text, jsonl, csv, perfetto, sqlite };

// As in --trace-format; nullopt: there is none of that name.
std::optional<TraceFormat> trace_format_by_name(std::string_view name);
// By what the file's name ends with: .txt .jsonl .csv .json .db .sqlite
std::optional<TraceFormat> trace_format_by_suffix(std::string_view path);
std::vector<std::string> trace_format_names();

// What others write to as well, or what somebody watches, gets each line at once.
trace::Delivery delivery_for(int descriptor);

// Which events of a trace are written.
struct TraceSelection {
    std::optional<trace::Filter> filter;
    std::optional<std::uint64_t> last;  // so many at most, the last ones
};

// --filter and --trace-last, as they were typed.
struct TraceSelectionOptions {
    std::optional<std::string> filter;
    std::optional<std::string> last;
};
void add_selection_options(CLI::App& subcommand, TraceSelectionOptions& options);
// The error is one line.
tl::expected<TraceSelection, std::string> selection_from(const TraceSelectionOptions& options);

class TraceOutput {
public:
    // What an output of this form has to be: one line where `file` is not.
    static std::optional<std::string> refusal(const OutputFile& file, TraceFormat format);

    TraceOutput(OutputFile file, TraceFormat format, TraceSelection selection);
    TraceOutput(const TraceOutput&) = delete;
    TraceOutput& operator=(const TraceOutput&) = delete;
    ~TraceOutput();

    // Events go here, from the start.
    trace::Writer& writer() { return *writers_.back(); }
    const OutputFile& file() const { return file_; }
    // From here on the file is ours: what was held is written.
    void begin();
    // After the last event. One line where the trace could not be written in full.
    std::optional<std::string> finish();

private:
    OutputFile file_;
    trace::Output output_;
    trace::SqliteWriter* database_ = nullptr;              // of that form: the first writer
    std::vector<std::unique_ptr<trace::Writer>> writers_;  // each hands on to the one before it
};

}  // namespace fl::cli
