#include "cli/refs.hpp"

#include "cli/command_line.hpp"

#include <memory>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(Reference strings are recorded by `faultline run --record FILE.refs`, or come from elsewhere: as plain text, as page
numbers of 64 bits, from valgrind's lackey, or in libCacheSim's oracleGeneral. docs/refs.md describes each.

  faultline refs info program.refs
  faultline refs head -n 20 program.refs
  faultline refs convert program.refs program.txt)";

}  // namespace

RefsCommand::RefsCommand(CLI::App& application)
    : subcommand_(*application.add_subcommand(name, "Look at recorded reference strings, and convert them")),
      info_(subcommand_),
      head_(subcommand_),
      convert_(subcommand_) {
    subcommand_.formatter(std::make_shared<HelpFormatter>("info|head|convert ..."));
    subcommand_.footer(footer);
    subcommand_.require_subcommand(1);
}

int RefsCommand::execute() const {
    if (info_.is_asked()) return info_.execute();
    if (head_.is_asked()) return head_.execute();
    return convert_.execute();
}

}  // namespace fl::cli
