// What CLI11 knows of the command line, as plain data: manual pages and completions are made from it.
#pragma once

#include "cli/cli11.hpp"

#include <string>
#include <vector>

namespace fl::cli {

struct OptionModel {
    std::vector<std::string> names;   // "-o", "--output"
    std::string value;                // as the help calls it: "FILE", "on|off"; empty: it takes none
    bool value_needs_equals = false;  // --trace[=FILE]
    bool may_be_repeated = false;
    std::string meaning;
};

struct CommandModel {
    std::vector<std::string> words;  // "faultline", "refs", "info"
    std::string title;               // what it does, in one line
    std::string operands;            // what the usage line shows behind the words
    std::string footer;              // of its help: text, examples, exit status
    std::vector<OptionModel> options;
    std::vector<CommandModel> subcommands;

    const std::string& name() const { return words.back(); }
};

CommandModel command_model(const CLI::App& application);

}  // namespace fl::cli
