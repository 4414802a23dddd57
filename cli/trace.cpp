#include "cli/trace.hpp"

#include "cli/option.hpp"

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(Traces are written by `faultline run --trace=FILE --trace-format jsonl`. docs/trace.md describes each format.

  faultline trace convert faults.jsonl faults.db
  faultline trace convert faults.jsonl - --format text --filter 'symbol=main')";

}  // namespace

TraceCommand::TraceCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Bring a trace into another format, or take parts of it",
                                               .operands = "convert ...",
                                               .footer = footer})),
      convert_(subcommand_) {
    require_subcommand(subcommand_);
}

}  // namespace fl::cli
