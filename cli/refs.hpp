// faultline refs: looks at recorded reference strings, and brings them from one format to another.
#pragma once

#include "cli/cli11.hpp"
#include "cli/refs_convert.hpp"
#include "cli/refs_head.hpp"
#include "cli/refs_info.hpp"

namespace fl::cli {

class RefsCommand {
public:
    static constexpr const char* name = "refs";

    // Adds the subcommand to the application, which must outlive this.
    explicit RefsCommand(CLI::App& application);
    RefsCommand(const RefsCommand&) = delete;
    RefsCommand& operator=(const RefsCommand&) = delete;
    ~RefsCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing. Returns the command's exit status.
    int execute() const;

private:
    CLI::App& subcommand_;
    RefsInfo info_;
    RefsHead head_;
    RefsConvert convert_;
};

}  // namespace fl::cli
