#include "cli/completion.hpp"
#include "cli/value_kind.hpp"
#include "mm/replacement/registry.hpp"

#include <fmt/format.h>

#include <string_view>

namespace fl::cli {

namespace {

using Of = ValueKind::Of;

constexpr std::string_view head = R"(#compdef faultline
# Completion of faultline for zsh. Made by faultline --generate zsh.

)";

constexpr std::string_view machinery = R"(
# _faultline_policy one|list
_faultline_policy() {
  local policy= word
  if [[ $PREFIX == */* ]]; then
    _files
    return
  fi
  # The policy that a parameter would belong to is the last word without '='.
  if [[ $PREFIX == *,* ]]; then
    for word in ${(s:,:)${PREFIX%,*}}; do
      [[ $word == *=* ]] || policy=$word
    done
  fi
  compset -P '*,'
  if [[ -n $policy && $PREFIX == *=* ]]; then
    local -a choices=(${(s: :)_faultline_choices[$policy,${PREFIX%%=*}]})
    compset -P '*='
    _wanted values expl value compadd -a choices
    return
  fi
  local ret=1 expl
  if [[ -n $policy ]]; then
    local -a parameters=(${(s: :)_faultline_parameters[$policy]})
    _wanted parameters expl "parameter of $policy" compadd -S = -a parameters && ret=0
  fi
  if [[ -z $policy || $1 == list ]]; then
    local -a policies=($_faultline_policies)
    [[ -n $policy || $1 != list ]] || policies+=('all:every policy')
    _describe -t policies policy policies -S '' && ret=0
  fi
  return ret
}

)";

// Within single quotes.
std::string in_quotes(std::string_view text) {
    std::string result = "'";
    for (const char letter : text) result += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return result + "'";
}

// As _arguments and _describe want descriptions.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char letter : text) {
        if (letter == ':' || letter == '[' || letter == ']' || letter == '\\') result += '\\';
        result += letter;
    }
    return result;
}

std::string action(const ValueKind& kind) {
    switch (kind.of) {
        case Of::anything: return " ";
        case Of::word: return fmt::format("({})", fmt::join(kind.words, " "));
        case Of::words: return fmt::format("_values -s , value {}", fmt::join(kind.words, " "));
        case Of::file: return "_files";
        case Of::folder: return "_files -/";
        case Of::policy: return " _faultline_policy one";
        case Of::policies: return " _faultline_policy list";
    }
    return " ";
}

// What _arguments is told of the values behind an option.
std::string values_of(const OptionModel& option) {
    if (option.value.empty()) return {};
    const std::vector<ValueKind> kinds = value_kinds(option.value);
    if (kinds.size() == 1) {
        return fmt::format("{}{}:{}", option.value_needs_equals ? "::" : ":", escaped(option.value), action(kinds[0]));
    }
    std::string text;
    for (const ValueKind& kind : kinds) text += fmt::format(":value:{}", action(kind));
    return text;
}

// An option's name, and where its value may stand.
std::string name_of(const OptionModel& option, const std::string& name) {
    if (option.value.empty() || value_kinds(option.value).size() > 1) return name;
    if (!name.starts_with("--")) return name + "+";
    return name + (option.value_needs_equals ? "=-" : "=");
}

std::string arguments_of(const OptionModel& option) {
    std::string text;
    for (const std::string& name : option.names) {
        std::string before;
        if (option.may_be_repeated) {
            before = "*";
        } else if (option.names.size() > 1) {
            before = fmt::format("({})", fmt::join(option.names, " "));
        }
        text += fmt::format(" \\\n    {}", in_quotes(before + name_of(option, name) + "[" + escaped(option.meaning) +
                                                     "]" + values_of(option)));
    }
    return text;
}

std::string operands_of(const CommandModel& command) {
    if (command.operands.find("PROGRAM") != std::string::npos)
        return " \\\n    '(-)1:program:_files' \\\n    '*::argument:_files'";
    const ValueKind kind = operand_kind(command.operands);
    if (kind == ValueKind{}) return {};
    return fmt::format(" \\\n    {}", in_quotes(fmt::format("*:operand:{}", action(kind))));
}

std::string function_name(const CommandModel& command) { return fmt::format("_{}", fmt::join(command.words, "_")); }

// The function of a command, behind those of its parts.
std::string functions_of(const CommandModel& command) {
    std::string text;
    for (const CommandModel& part : command.subcommands) text += functions_of(part);
    text += function_name(command) + "() {\n";
    std::string options;
    for (const OptionModel& option : command.options) options += arguments_of(option);
    if (command.subcommands.empty()) return text + "  _arguments -S :" + options + operands_of(command) + "\n}\n\n";
    text += "  local curcontext=$curcontext state line ret=1\n  local -a subcommands\n  local -A opt_args\n";
    text += "  _arguments -C :" + options + " \\\n    '1: :->subcommand' \\\n    '*:: :->words' && ret=0\n";
    text += "  case $state in\n    subcommand)\n      subcommands=(\n";
    for (const CommandModel& part : command.subcommands)
        text += fmt::format("        {}\n", in_quotes(escaped(part.name()) + ":" + escaped(part.title)));
    text += "      )\n      _describe -t subcommands subcommand subcommands && ret=0\n      ;;\n    words)\n";
    text += "      case $words[1] in\n";
    for (const CommandModel& part : command.subcommands)
        text += fmt::format("        {}) {} && ret=0 ;;\n", part.name(), function_name(part));
    return text + "      esac\n      ;;\n  esac\n  return ret\n}\n\n";
}

}  // namespace

std::string zsh_completion(const CommandModel& application) {
    std::string policies, parameters, choices;
    for (const replacement::PolicyInfo* policy : replacement::all_policies()) {
        policies += fmt::format("  {}\n", in_quotes(escaped(policy->name) + ":" + escaped(policy->title)));
        std::vector<std::string_view> names;
        for (const replacement::Parameter& parameter : policy->parameters) {
            names.emplace_back(parameter.name);
            if (parameter.choices.empty()) continue;
            choices += fmt::format("  '{},{}' '{}'\n", policy->name, parameter.name, fmt::join(parameter.choices, " "));
        }
        if (!names.empty()) parameters += fmt::format("  {} '{}'\n", policy->name, fmt::join(names, " "));
    }
    std::string text(head);
    text += fmt::format("typeset -ga _faultline_policies=(\n{})\n", policies);
    text += fmt::format("typeset -gA _faultline_parameters=(\n{})\n", parameters);
    text += fmt::format("typeset -gA _faultline_choices=(\n{})\n", choices);
    text += machinery;
    text += functions_of(application);
    text += "_faultline \"$@\"\n";
    return text;
}

}  // namespace fl::cli
