// Completions for shells: a script that knows all subcommands, options, values and policies of the command line.
#pragma once

#include "cli/command_model.hpp"

#include <string>

namespace fl::cli {

// A script for bash 4.3 or later, which needs nothing beside bash.
std::string bash_completion(const CommandModel& application);
// A function file _faultline for zsh's compinit.
std::string zsh_completion(const CommandModel& application);

}  // namespace fl::cli
