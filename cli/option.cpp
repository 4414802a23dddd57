#include "cli/option.hpp"

#include "cli/command_line.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace fl::cli {

namespace {

CLI::Validator one_of_these(std::vector<std::string> words) {
    const std::string description = fmt::format("{{{}}}", fmt::join(words, ","));
    return {[words = std::move(words)](const std::string& word) {
                if (std::find(words.begin(), words.end(), word) != words.end()) return std::string();
                return replacement::unknown_name("value", word, {words.begin(), words.end()});
            },
            description};
}

}  // namespace

CLI::App& add_subcommand(CLI::App& parent, const SubcommandText& text) {
    CLI::App& subcommand = *parent.add_subcommand(text.name, text.meaning);
    subcommand.formatter(std::make_shared<HelpFormatter>(text.operands));
    subcommand.footer(text.footer);
    return subcommand;
}

void require_subcommand(CLI::App& subcommand) { subcommand.require_subcommand(1); }

void let_last_count(CLI::App& subcommand) { subcommand.option_defaults()->take_last(); }

bool is_asked_for(const CLI::App& subcommand) { return subcommand.parsed(); }

Option& Option::type_name(const std::string& name) {
    option_.type_name(name);
    return *this;
}

Option& Option::option_text(const std::string& text) {
    option_.option_text(text);
    return *this;
}

Option& Option::one_of(std::vector<std::string> words) {
    option_.check(one_of_these(std::move(words)));
    return *this;
}

Option& Option::required() {
    option_.required();
    return *this;
}

Option& Option::take_all() {
    option_.take_all();
    return *this;
}

Option& Option::delimiter(char character) {
    option_.delimiter(character);
    return *this;
}

Option& Option::expected(int count) {
    option_.expected(count);
    return *this;
}

Option& Option::allow_extra_args(bool are_allowed) {
    option_.allow_extra_args(are_allowed);
    return *this;
}

Option add_option(CLI::App& subcommand, const std::string& name, std::string& value, const std::string& meaning) {
    return Option(*subcommand.add_option(name, value, meaning));
}

Option add_option(CLI::App& subcommand, const std::string& name, std::optional<std::string>& value,
                  const std::string& meaning) {
    return Option(*subcommand.add_option(name, value, meaning));
}

Option add_option(CLI::App& subcommand, const std::string& name, std::vector<std::string>& value,
                  const std::string& meaning) {
    return Option(*subcommand.add_option(name, value, meaning));
}

Option add_option(CLI::App& subcommand, const std::string& name, std::uint64_t& value, const std::string& meaning) {
    return Option(*subcommand.add_option(name, value, meaning));
}

void add_flag(CLI::App& subcommand, const std::string& name, bool& value, const std::string& meaning) {
    subcommand.add_flag(name, value, meaning);
}

void add_optional_file(CLI::App& subcommand, const std::string& name, std::optional<std::string>& value,
                       const std::string& meaning) {
    const auto store = [&value](const std::vector<std::string>& words) { value = words.empty() ? "" : words.back(); };
    // As the value is optional, CLI11 would take the program's name for it; split_off_operands() sees to that.
    subcommand.add_option_function<std::vector<std::string>>(name, store, meaning)
        ->expected(0, 1)
        ->option_text("[=FILE]");
}

}  // namespace fl::cli
