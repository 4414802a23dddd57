// faultline compare-native: the same program on the host's kernel and on ours, and whether they show the same.
#pragma once

#include "cli/cli11.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace fl::cli {

struct CompareOptions {
    std::string memory = "256M";
    std::vector<std::string> environment;
    std::string output;  // file name; empty: standard output
    std::size_t limit = 60;
    bool all = false;
    bool maps = false;
    bool host_cpuid = false;
};

class CompareNativeCommand {
public:
    static constexpr const char* name = "compare-native";

    // Adds the subcommand to the application, which must outlive this.
    explicit CompareNativeCommand(CLI::App& application);
    CompareNativeCommand(const CompareNativeCommand&) = delete;
    CompareNativeCommand& operator=(const CompareNativeCommand&) = delete;
    ~CompareNativeCommand() = default;

    CLI::App& subcommand() { return subcommand_; }
    // After parsing: compares. Returns the command's exit status.
    int execute(const std::vector<std::string>& program_words) const;

private:
    CLI::App& subcommand_;
    CompareOptions options_;
};

}  // namespace fl::cli
