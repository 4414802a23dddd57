#include "cli/command_line.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fl::cli {

namespace {

// Whether `word`, an option, takes the next word as its value.
bool takes_next_word(const CLI::App& subcommand, const std::string& word) {
    if (word.find('=') != std::string::npos) return false;
    const CLI::Option* option = subcommand.get_option_no_throw(word);
    // Options with an optional value take it with '=' alone: their minimum is 0.
    return option != nullptr && option->get_items_expected_min() > 0;
}

}  // namespace

HelpFormatter::HelpFormatter(std::string operands) : operands_(std::move(operands)) { column_width(30); }

std::string HelpFormatter::make_usage(const CLI::App* /*app*/, std::string name) const {
    return "usage: " + name + " " + operands_ + "\n";
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
    const std::string& text = option->get_option_text();
    return text.empty() || text.front() == '[' ? text : " " + text;
}

std::vector<std::string> split_off_operands(const CLI::App& subcommand, std::vector<std::string>& words) {
    auto word = words.begin();
    while (word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--") {
        const bool with_value = takes_next_word(subcommand, *word);
        ++word;
        if (with_value && word != words.end()) ++word;
    }
    const auto options_end = word;
    if (word != words.end() && *word == "--") ++word;
    std::vector<std::string> operands(std::make_move_iterator(word), std::make_move_iterator(words.end()));
    words.erase(options_end, words.end());
    return operands;
}

}  // namespace fl::cli
