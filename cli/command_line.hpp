// What the subcommands' command lines have in common, around CLI11.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fl::cli {

// CLI11's help with our usage lines and the spelling of values that options give by option_text(): one that starts with
// '[' is set directly behind the name, as in --trace[=FILE].
class HelpFormatter final : public CLI::Formatter {
public:
    // `operands`: what the usage line shows behind the options.
    explicit HelpFormatter(std::string operands);

    std::string make_usage(const CLI::App* app, std::string name) const override;
    std::string make_option_opts(const CLI::Option* option) const override;

private:
    std::string operands_;
};

// The complaint about the first of `extras`, words that the application or the subcommand that was asked for has no use
// for: what was meant, or where to look. `application` has been parsed, as far as it could be.
std::string unknown_word_text(const CLI::App& application, const std::vector<std::string>& extras);
// "faultline refs info": the subcommand that was asked for.
std::string asked_for(const CLI::App& application);

// Splits a subcommand's words at the first that is neither an option nor an option's value (or behind "--"): those
// before stay in `words`, that one and all behind it are returned, untouched. CLI11 never sees them, so that nothing
// that looks like an option, a subcommand or a list can be taken from the program that they belong to.
std::vector<std::string> split_off_operands(const CLI::App& subcommand, std::vector<std::string>& words);

}  // namespace fl::cli
