#include "cli/refs.hpp"

#include "cli/option.hpp"

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
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Look at recorded reference strings, and convert them",
                                               .operands = "info|head|convert ...",
                                               .footer = footer})),
      info_(subcommand_),
      head_(subcommand_),
      convert_(subcommand_) {
    require_subcommand(subcommand_);
}

int RefsCommand::execute() const {
    if (info_.is_asked()) return info_.execute();
    if (head_.is_asked()) return head_.execute();
    return convert_.execute();
}

}  // namespace fl::cli
