// faultline --generate: manual pages and completions, for those who package the command.
#pragma once

#include "cli/cli11.hpp"

#include <string>
#include <vector>

namespace fl::cli {

inline constexpr const char* generate_option = "--generate";

// "man" writes a page for the command and for each subcommand into a folder, "bash" and "zsh" their completion; the
// folder is there already. `words` are the kind and the folder. Returns the command's exit status.
int generate(const CLI::App& application, const std::vector<std::string>& words);

}  // namespace fl::cli
