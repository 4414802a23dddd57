// Subcommands and their options, as the files of cli/ describe them. CLI11 does the work, but behind these
// declarations: a file that sees its header compiles most of the library anew, which takes ten seconds.
#pragma once

#include "cli/cli11.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::cli {

struct SubcommandText {
    const char* name;
    const char* meaning;
    const char* operands;  // behind the name in the usage line
    const char* footer;
};
// Belongs to `parent`.
CLI::App& add_subcommand(CLI::App& parent, const SubcommandText& text);
// One of its own subcommands has to be named.
void require_subcommand(CLI::App& subcommand);
// An option that is said twice: the last time counts. Of options that are added from here on.
void let_last_count(CLI::App& subcommand);
// After parsing: whether it was asked for.
bool is_asked_for(const CLI::App& subcommand);

// An option that was added, to say more about it. The names are CLI11's.
class Option {
public:
    explicit Option(CLI::Option& option) : option_(option) {}

    // What errors call its value.
    Option& type_name(const std::string& name);
    // How help spells its value; starting with '[' it stands directly behind the name, as in --trace[=FILE].
    Option& option_text(const std::string& text);
    // Its value is one of these words; a complaint names the one that was meant, or all.
    Option& one_of(std::vector<std::string> words);
    Option& required();
    // May be repeated.
    Option& take_all();
    Option& delimiter(char character);
    Option& expected(int count);
    // Whether it takes the words behind its value as well.
    Option& allow_extra_args(bool are_allowed);

private:
    CLI::Option& option_;
};

// Parsing stores the option's value in `value`, which outlives that.
Option add_option(CLI::App& subcommand, const std::string& name, std::string& value, const std::string& meaning);
Option add_option(CLI::App& subcommand, const std::string& name, std::optional<std::string>& value,
                  const std::string& meaning);
Option add_option(CLI::App& subcommand, const std::string& name, std::vector<std::string>& value,
                  const std::string& meaning);
Option add_option(CLI::App& subcommand, const std::string& name, std::uint64_t& value, const std::string& meaning);
void add_flag(CLI::App& subcommand, const std::string& name, bool& value, const std::string& meaning);
// --NAME[=FILE]: `value` is empty where no FILE is said, nullopt where the option is not.
void add_optional_file(CLI::App& subcommand, const std::string& name, std::optional<std::string>& value,
                       const std::string& meaning);

// An option that takes a value, which its help calls by `value_name`.
template <class Value>
Option add_value_option(CLI::App& subcommand, const std::string& name, Value& value, const std::string& meaning,
                        const std::string& value_name) {
    return add_option(subcommand, name, value, meaning).type_name(value_name).option_text(value_name);
}

}  // namespace fl::cli
