#include "cli/policies.hpp"

#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "mm/replacement/registry.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace fl::cli {

namespace {

using replacement::Needs;
using replacement::Parameter;
using replacement::PolicyChoice;
using replacement::PolicyInfo;

constexpr std::size_t line_width = 110;

constexpr const char* footer =
    R"(Without NAME it lists all policies. NAME may have parameters, as everywhere a policy is asked for, and may be the path of
a shared object that holds a policy of your own, built from one file.

  faultline policies clock
  faultline policies clock,load=0
  c++ -std=c++20 -shared -fPIC -I build/include -o lifo.so docs/examples/lifo.cpp
  faultline policies ./lifo.so)";

// Words from column `indent` on; the first line starts there already.
std::string wrapped(std::string_view text, std::size_t indent) {
    std::string result;
    std::size_t column = indent;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        if (column > indent && column + 1 + word.size() > line_width) {
            result += "\n" + std::string(indent, ' ');
            column = indent;
        }
        if (column > indent) {
            result += ' ';
            ++column;
        }
        result += word;
        column += word.size();
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return result;
}

std::string_view cost_of(Needs needs) {
    switch (needs) {
        case Needs::faults_only: return "faults only: a program runs at full speed under it";
        case Needs::accessed_bits: return "accessed and dirty bits: a program runs at full speed under it";
        case Needs::every_reference:
            return "every reference: each access is reported to it, which slows a program down";
        case Needs::future: return "the future: for recorded reference strings only";
    }
    return "";
}

std::string list_of_all() {
    constexpr std::size_t name_width = 14, needs_width = 16;
    std::string text = fmt::format("{:{}} {:{}} {}\n", "name", name_width, "needs", needs_width, "what it does");
    for (const PolicyInfo* info : replacement::all_policies()) {
        text += fmt::format("{:{}} {:{}} {}\n", info->name, name_width, replacement::needs_text(info->needs),
                            needs_width, wrapped(info->title, name_width + needs_width + 2));
    }
    return text;
}

std::string page_of(const PolicyChoice& choice) {
    constexpr std::size_t indent = 12;
    const PolicyInfo& info = *choice.info;
    std::string text = fmt::format("{}\n\n", wrapped(fmt::format("{} - {}", info.name, info.title), 0));
    text += fmt::format("needs       {}\n", wrapped(cost_of(info.needs), indent));
    text += fmt::format("source      {}\n", wrapped(info.source, indent));
    text += info.parameters.empty() ? "parameters  none\n" : "parameters\n";
    for (std::size_t i = 0; i < info.parameters.size(); ++i) {
        const Parameter& parameter = info.parameters[i];
        const std::string value = replacement::parameter_value_text(parameter, choice.parameters[i]);
        text += fmt::format("  {}={}  ({}{}, default {})\n{:{}}{}\n", parameter.name, value,
                            replacement::parameter_range_text(parameter), parameter.is_whole ? "" : " with fractions",
                            replacement::parameter_value_text(parameter, parameter.default_value), "", indent,
                            wrapped(parameter.meaning, indent));
    }
    return text;
}

// A plugin's words may hold anything; each line stays one.
std::string printable_lines(const std::string& text) {
    std::string result;
    std::string_view left = text;
    while (!left.empty()) {
        const std::size_t end = left.find('\n');
        result += trace::printable(std::string(left.substr(0, end))) + "\n";
        left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
    }
    return result;
}

int print(const std::string& text) {
    const bool is_written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
    if (is_written) return 0;
    report("standard output: cannot be written");
    return exit_output_failed;
}

}  // namespace

PoliciesCommand::PoliciesCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "List the page-replacement policies, or explain one of them",
                                               .operands = "[NAME[,key=value...]]",
                                               .footer = footer})) {}

int PoliciesCommand::execute(const std::vector<std::string>& words) {
    if (words.empty()) return print(list_of_all());
    if (words.size() > 1) {
        report(fmt::format("one NAME at a time, not '{}' as well; see faultline policies --help", words[1]));
        return exit_usage;
    }
    const auto choice = replacement::parse_policy(words.front());
    if (!choice) {
        report(choice.error());
        return exit_usage;
    }
    return print(printable_lines(page_of(*choice)));
}

}  // namespace fl::cli
