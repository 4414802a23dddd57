#include "cli/report.hpp"

#include "cli/exit_status.hpp"
#include "cli/input_file.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/output_file.hpp"
#include "cli/replaced_output.hpp"
#include "cli/report_session.hpp"
#include "trace/jsonl_reader.hpp"
#include "trace/report/report_writer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <new>
#include <optional>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(TRACE is one of JSON lines, as faultline run --trace=FILE --trace-format jsonl writes it; '-' is standard input. The
page is written whole or not at all, to TRACE with .html for its ending unless -o says otherwise. A trace that is
damaged or was cut off is shown up to there; one line says where that is, and the exit status is 1. docs/report.md says
what is on the page.

  faultline report faults.jsonl
  faultline report faults.jsonl -o out.html)";

constexpr const char* standard_stream = "-";

// One page: reads the trace to its end, and writes what it came to.
class Making {
public:
    explicit Making(const InputFile& input) : input_(input) {}

    Outcome run(const std::string& output) {
        return write_output(output, [this](OutputFile file) { return write_to(std::move(file)); });
    }
    // What could not be read, in one line; empty: nothing.
    const std::string& damage() const { return damage_; }

private:
    Outcome write_to(OutputFile file) {
        trace::Output output(file.descriptor(), trace::Delivery::when_full);
        trace::report::ReportWriter writer(output);
        trace::JsonlReader reader([this](char* to, std::size_t size) { return input_.read(to, size); }, input_.name());
        trace::report::ReportHead head;
        head.title = fmt::format("Trace {}", input_.name());
        if (const auto read = reader.read(writer); !read) {
            if (!writer.has_events()) return tl::unexpected(Failure{exit_usage, read.error()});
            damage_ = read.error();
            head.notes.push_back(fmt::format("The trace is shown up to where it is damaged: {}.", damage_));
        }
        writer.set_head(std::move(head));
        if (auto problem = finish_report(writer, output, file)) {
            return tl::unexpected(Failure{exit_output_failed, *std::move(problem)});
        }
        return {};
    }

    const InputFile& input_;
    std::string damage_;
};

int refuse(const std::string& line, int status = exit_usage) {
    report(line);
    return status;
}

// Where the page goes that belongs to a trace; nullopt: to no file in particular.
std::optional<std::string> page_beside(const std::string& trace) {
    if (trace == standard_stream) return std::nullopt;
    return std::filesystem::path(trace).replace_extension(".html").string();
}

}  // namespace

ReportCommand::ReportCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Show a trace as one HTML page, which needs no network",
                                               .operands = "[OPTIONS] TRACE",
                                               .footer = footer})) {
    let_last_count(subcommand_);
    add_option(subcommand_, "TRACE", trace_, "What to read; '-': standard input").required().option_text(" ");
    add_option(subcommand_, "-o,--output", output_, "Where the page goes; '-': standard output")
        .type_name("FILE")
        .option_text("FILE");
}

int ReportCommand::execute() const {
    const auto output = output_.empty() ? page_beside(trace_) : output_;
    if (!output) return refuse("report: a trace from standard input needs -o FILE");
    const auto input = InputFile::open(trace_);
    if (!input) return refuse(input.error());
    struct stat there {};
    const bool exists = *output != standard_stream && ::stat(output->c_str(), &there) == 0;
    if (exists && S_ISDIR(there.st_mode)) return refuse(fmt::format("{}: is a folder", *output));
    if (exists && input->is_same_file(there)) {
        return refuse(fmt::format("{}: cannot be read and replaced at once", *output));
    }
    try {
        Making making(*input);
        if (const Outcome made = making.run(*output); !made) return refuse(made.error().line, made.error().status);
        return making.damage().empty() ? 0 : refuse(making.damage(), exit_output_failed);
    } catch (const std::bad_alloc&) {
        return refuse(fmt::format("{}: the host has too little memory for it", input->name()));
    }
}

}  // namespace fl::cli
