#include "cli/trace.hpp"

#include "cli/command_line.hpp"

#include <memory>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(Traces are written by `faultline run --trace=FILE --trace-format jsonl`. docs/trace.md describes each format.

  faultline trace convert faults.jsonl faults.db
  faultline trace convert faults.jsonl - --format text --filter 'symbol=main')";

}  // namespace

TraceCommand::TraceCommand(CLI::App& application)
    : subcommand_(*application.add_subcommand(name, "Bring a trace into another format, or take parts of it")),
      convert_(subcommand_) {
    subcommand_.formatter(std::make_shared<HelpFormatter>("convert ..."));
    subcommand_.footer(footer);
    subcommand_.require_subcommand(1);
}

}  // namespace fl::cli
