#include "cli/command_line.hpp"

#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
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

// The subcommand that was asked for, or its own.
const CLI::App& innermost(const CLI::App& application) {
    const std::vector<CLI::App*> parsed = application.get_subcommands();
    return parsed.empty() ? application : innermost(*parsed.back());
}

std::vector<std::string> option_names(const CLI::App& subcommand) {
    std::vector<std::string> names;
    for (const CLI::Option* option : subcommand.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

std::vector<std::string> subcommand_names(const CLI::App& application) {
    std::vector<std::string> names;
    for (const CLI::App* subcommand : application.get_subcommands(nullptr)) names.push_back(subcommand->get_name());
    return names;
}

std::string_view nearest(const std::string& name, const std::vector<std::string>& names) {
    return replacement::nearest_name(name, {names.begin(), names.end()});
}

}  // namespace

std::string asked_for(const CLI::App& application) {
    const CLI::App& subcommand = innermost(application);
    std::string name = subcommand.get_name();
    for (const CLI::App* above = subcommand.get_parent(); above != nullptr; above = above->get_parent())
        name = above->get_name() + " " + name;
    return name;
}

std::string unknown_word_text(const CLI::App& application, const std::vector<std::string>& extras) {
    const CLI::App& subcommand = innermost(application);
    const auto unknown = std::find_if(extras.begin(), extras.end(), [](const auto& word) { return word != "--"; });
    const std::string word = unknown == extras.end() ? "--" : *unknown;
    const bool is_option = word.starts_with("-");
    const std::vector<std::string> subcommands = subcommand_names(subcommand);
    if (!is_option && subcommands.empty())
        return fmt::format("unexpected '{}'; see {} --help", word, asked_for(application));
    const std::string name = is_option ? word.substr(0, word.find('=')) : word;
    const std::vector<std::string> names = is_option ? option_names(subcommand) : subcommands;
    const std::string_view meant = nearest(name, names);
    const std::string text = fmt::format("unknown {} '{}'", is_option ? "option" : "subcommand", name);
    if (meant.empty()) return fmt::format("{}; see {} --help", text, asked_for(application));
    const std::string_view quote = is_option ? "" : "'";
    return fmt::format("{0}; did you mean {1}{2}{1}?", text, quote, meant);
}

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
