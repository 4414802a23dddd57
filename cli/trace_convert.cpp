#include "cli/trace_convert.hpp"

#include "cli/exit_status.hpp"
#include "cli/input_file.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/replaced_output.hpp"
#include "trace/jsonl_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <optional>
#include <string_view>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(IN is a trace of JSON lines. Without --format OUT's name says what it becomes: .txt, .jsonl, .csv, .json (for
ui.perfetto.dev and chrome://tracing), .db or .sqlite. OUT is written whole or not at all. A trace that is damaged or
was cut off is converted up to there; one line says where that is, and the exit status is 1.

  faultline trace convert faults.jsonl faults.db
  faultline trace convert faults.jsonl faults.json                      for ui.perfetto.dev
  faultline trace convert faults.jsonl - --format text --filter 'kind=cow'
  faultline trace convert faults.jsonl - --format csv --trace-last 100)";

constexpr std::string_view standard_stream = "-";

// Whether anything came before what could not be read.
class CountingWriter final : public trace::Writer {
public:
    explicit CountingWriter(trace::Writer& next) : next_(next) {}

    bool has_events() const { return has_events_; }
    void write(const trace::TracedFault& fault) noexcept override { count().write(fault); }
    void write_eviction(const mm::EvictionEvent& event) noexcept override { count().write_eviction(event); }
    void write_write_back(const mm::WriteBackEvent& event) noexcept override { count().write_write_back(event); }
    void write_task(const trace::TaskEvent& event) noexcept override { count().write_task(event); }
    void write_mappings(const trace::MappingsEvent& event) noexcept override { count().write_mappings(event); }
    void write_sample(const mm::MemorySample& sample) noexcept override { count().write_sample(sample); }
    void write_tables(const trace::TableTree& tree) noexcept override { count().write_tables(tree); }
    void finish() noexcept override { next_.finish(); }
    void flush() noexcept override { next_.flush(); }

private:
    trace::Writer& count() {
        has_events_ = true;
        return next_;
    }

    trace::Writer& next_;
    bool has_events_ = false;
};

// One conversion: reads the trace to its end, and writes it.
class Conversion {
public:
    Conversion(const InputFile& input, TraceFormat format, TraceSelection selection)
        : input_(input), format_(format), selection_(std::move(selection)) {}

    Outcome run(const std::string& output) {
        return write_output(output, [this](OutputFile file) { return write_to(std::move(file)); });
    }
    // What could not be read, in one line; empty: nothing.
    const std::string& damage() const { return damage_; }

private:
    Outcome write_to(OutputFile file) {
        if (auto refusal = TraceOutput::refusal(file, format_)) {
            return tl::unexpected(Failure{exit_usage, *std::move(refusal)});
        }
        TraceOutput output(std::move(file), format_, std::move(selection_));
        output.begin();
        CountingWriter writer(output.writer());
        trace::JsonlReader reader([this](char* to, std::size_t size) { return input_.read(to, size); }, input_.name());
        if (const auto read = reader.read(writer); !read) {
            if (!writer.has_events()) return tl::unexpected(Failure{exit_usage, read.error()});
            damage_ = read.error();
        }
        if (auto error = output.finish()) return tl::unexpected(Failure{exit_output_failed, *std::move(error)});
        return {};
    }

    const InputFile& input_;
    TraceFormat format_;
    TraceSelection selection_;
    std::string damage_;
};

int refuse(const std::string& line) {
    report(line);
    return exit_usage;
}

}  // namespace

TraceConvert::TraceConvert(CLI::App& trace)
    : subcommand_(add_subcommand(trace, {.name = "convert",
                                         .meaning = "Write a trace in another format, or a part of it",
                                         .operands = "[OPTIONS] IN OUT",
                                         .footer = footer})) {
    let_last_count(subcommand_);
    add_option(subcommand_, "IN", input_, "What to read; '-': standard input").required().option_text(" ");
    add_option(subcommand_, "OUT", output_, "What to write; '-': standard output").required().option_text(" ");
    add_option(subcommand_, "--format", format_, "Write this, whatever OUT is called")
        .one_of(trace_format_names())
        .type_name("FORMAT")
        .option_text(fmt::format("{}", fmt::join(trace_format_names(), "|")));
    add_selection_options(subcommand_, selection_);
}

int TraceConvert::execute() const {
    const auto format = format_.empty() ? trace_format_by_suffix(output_) : trace_format_by_name(format_);
    if (!format) return refuse(fmt::format("{}: its name says no format; give one by --format", output_));
    auto selection = selection_from(selection_);
    if (!selection) return refuse(selection.error());
    const auto input = InputFile::open(input_);
    if (!input) return refuse(input.error());
    struct stat there {};
    if (output_ != standard_stream && ::stat(output_.c_str(), &there) == 0) {
        if (S_ISDIR(there.st_mode)) return refuse(fmt::format("{}: is a folder", output_));
        if (input->is_same_file(there)) {
            return refuse(fmt::format("{}: cannot be read and replaced at once", output_));
        }
    }
    Conversion conversion(*input, *format, *std::move(selection));
    if (const Outcome outcome = conversion.run(output_); !outcome) {
        report(outcome.error().line);
        return outcome.error().status;
    }
    if (conversion.damage().empty()) return 0;
    report(conversion.damage());
    return exit_output_failed;
}

}  // namespace fl::cli
