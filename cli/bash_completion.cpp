#include "cli/completion.hpp"
#include "cli/value_kind.hpp"
#include "mm/replacement/registry.hpp"

#include <fmt/format.h>

#include <string_view>

namespace fl::cli {

namespace {

using Of = ValueKind::Of;

constexpr std::string_view head = R"(# Completion of faultline for bash. Made by faultline --generate bash.
# shellcheck shell=bash

)";

// The part that is the same whatever the command line is like. The tables before it are functions that print.
constexpr std::string_view machinery = R"bash(
# _faultline_files -f|-d TEXT: files, or folders alone, that begin like this.
_faultline_files() {
  local line
  compopt -o filenames 2>/dev/null
  while IFS= read -r line; do
    _faultline_found+=("$line")
  done < <(compgen "$1" -- "$2")
}

# _faultline_words TEXT PREFIX WORD...: those words that begin with TEXT, with PREFIX before each.
_faultline_words() {
  local text=$1 prefix=$2 word
  shift 2
  for word; do
    [[ $word != "$text"* ]] || _faultline_found+=("$prefix$word")
  done
}

# _faultline_policy one|list TEXT
_faultline_policy() {
  local text=$2 before='' last word policy=''
  local -a words=()
  if [[ $text == */* ]]; then
    _faultline_files -f "$text"
    return
  fi
  [[ $text != *,* ]] || before=${text%,*},
  last=${text##*,}
  # The policy that a parameter would belong to is the last word without '='.
  IFS=, read -r -a words <<<"${before%,}"
  for word in "${words[@]}"; do
    [[ $word == *=* ]] || policy=$word
  done
  if [[ -n $policy && $last == *=* ]]; then
    read -r -a words <<<"$(_faultline_choices "$policy,${last%%=*}")"
    _faultline_words "${last#*=}" "$before${last%%=*}=" "${words[@]}"
    return
  fi
  if [[ -n $policy ]]; then
    read -r -a words <<<"$(_faultline_parameters "$policy")"
    _faultline_words "$last" "$before" "${words[@]/%/=}"
  fi
  if [[ -z $before || $1 == list ]]; then
    read -r -a words <<<"$(_faultline_policies)"
    [[ $1 != list || -n $before ]] || words+=(all)
    _faultline_words "$last" "$before" "${words[@]}"
  fi
}

# _faultline_value KIND TEXT: what TEXT can become, into _faultline_found.
_faultline_value() {
  local -a words=()
  local before=''
  case $1 in
    file) _faultline_files -f "$2" ;;
    folder) _faultline_files -d "$2" ;;
    policy) _faultline_policy one "$2" ;;
    policies) _faultline_policy list "$2" ;;
    word:*)
      read -r -a words <<<"${1#*:}"
      _faultline_words "$2" '' "${words[@]}"
      ;;
    words:*)
      read -r -a words <<<"${1#*:}"
      [[ $2 != *,* ]] || before=${2%,*},
      _faultline_words "${2##*,}" "$before" "${words[@]}"
      ;;
  esac
}

# The words up to the cursor, without the command, into `line`: bash has cut them at '=' and ':'.
_faultline_line() {
  local i word
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 1)) && { [[ $word == [=:]* ]] || [[ ${COMP_WORDS[i - 1]} == [=:] ]]; }; then
      line[${#line[@]} - 1]+=$word
    else
      line+=("$word")
    fi
  done
}

_faultline() {
  local -a line=() kinds=() words=() _faultline_found=()
  local i word option kind raw text command='' operands=0
  _faultline_line
  text=${line[${#line[@]} - 1]}
  raw=${COMP_WORDS[COMP_CWORD]}
  [[ $raw != [=:] ]] || raw=''

  # What the words before it make of the last one; `kinds` are the values that are still awaited.
  for ((i = 0; i < ${#line[@]} - 1; i++)); do
    word=${line[i]}
    if ((${#kinds[@]} > 0)); then
      kinds=("${kinds[@]:1}")
    elif [[ $word == -* ]]; then
      [[ $word == *=* ]] || IFS=';' read -r -a kinds <<<"$(_faultline_option "$command" "$word")"
    elif [[ " $(_faultline_subcommands "$command") " == *" $word "* ]]; then
      command+=${command:+ }$word
    else
      operands=$((operands + 1))
      # What follows a program is the program's.
      [[ $(_faultline_operand "$command") != program ]] || break
    fi
  done
  kind=$(_faultline_operand "$command")

  if ((${#kinds[@]} > 0)); then
    _faultline_value "${kinds[0]}" "$text"
  elif ((operands > 0)) && [[ $kind == program ]]; then
    _faultline_files -f "$text"
  elif [[ $text == --*=* ]]; then
    option=${text%%=*}
    text=${text#*=}
    kind=$(_faultline_option "$command" "$option=")
    [[ -n $kind ]] || kind=$(_faultline_option "$command" "$option")
    IFS=';' read -r -a kinds <<<"$kind"
    _faultline_value "${kinds[0]:-none}" "$text"
    if ((${#raw} > ${#text})); then
      _faultline_found=("${_faultline_found[@]/#/$option=}")
      text=$option=$text
    fi
  elif [[ $text == -* ]]; then
    read -r -a words <<<"$(_faultline_options "$command")"
    _faultline_words "$text" '' "${words[@]}"
  elif [[ -n $(_faultline_subcommands "$command") ]]; then
    read -r -a words <<<"$(_faultline_subcommands "$command")"
    _faultline_words "$text" '' "${words[@]}"
  else
    _faultline_value "${kind/program/file}" "$text"
  fi

  # bash replaces only what stands behind its last cut.
  COMPREPLY=()
  for word in "${_faultline_found[@]}"; do
    COMPREPLY+=("${word:${#text} - ${#raw}}")
  done
  # Options and parameters that want a value behind '='.
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
}

complete -F _faultline faultline
)bash";

std::string kind_text(const ValueKind& kind) {
    switch (kind.of) {
        case Of::anything: return "none";
        case Of::word: return fmt::format("word:{}", fmt::join(kind.words, " "));
        case Of::words: return fmt::format("words:{}", fmt::join(kind.words, " "));
        case Of::file: return "file";
        case Of::folder: return "folder";
        case Of::policy: return "policy";
        case Of::policies: return "policies";
    }
    return "none";
}

// Without the "faultline" that each begins with.
std::string words_behind(const CommandModel& command) {
    return fmt::format("{}", fmt::join(command.words.begin() + 1, command.words.end(), " "));
}

struct Tables {
    std::string subcommands, options, option_values, operands;

    void add(const CommandModel& command) {
        const std::string words = words_behind(command);
        std::vector<std::string> names, option_names;
        for (const CommandModel& part : command.subcommands) names.push_back(part.name());
        for (const OptionModel& option : command.options) {
            for (const std::string& name : option.names) add(words, option, name, option_names);
        }
        if (!names.empty()) subcommands += row(words, fmt::format("{}", fmt::join(names, " ")));
        options += row(words, fmt::format("{}", fmt::join(option_names, " ")));
        // Behind a program all is the program's.
        const bool runs = command.operands.find("PROGRAM") != std::string::npos;
        operands += row(words, runs ? "program" : kind_text(operand_kind(command.operands)));
        for (const CommandModel& part : command.subcommands) add(part);
    }

private:
    static std::string row(const std::string& key, const std::string& value) {
        return fmt::format("    '{}') echo '{}' ;;\n", key, value);
    }
    void add(const std::string& words, const OptionModel& option, const std::string& name,
             std::vector<std::string>& option_names) {
        option_names.push_back(option.value_needs_equals ? name + "=" : name);
        if (option.value_needs_equals) option_names.push_back(name);
        if (option.value.empty()) return;
        std::vector<std::string> kinds;
        for (const ValueKind& kind : value_kinds(option.value)) kinds.push_back(kind_text(kind));
        option_values +=
            row(words + " " + name + (option.value_needs_equals ? "=" : ""), fmt::format("{}", fmt::join(kinds, ";")));
    }
};

std::string function(std::string_view comment, std::string_view name, std::string_view subject, std::string_view rows) {
    return fmt::format("# {}\n{}() {{\n  case \"{}\" in\n{}  esac\n}}\n\n", comment, name, subject, rows);
}

}  // namespace

std::string bash_completion(const CommandModel& application) {
    Tables tables;
    tables.add(application);
    std::string policies, parameters, choices;
    for (const replacement::PolicyInfo* policy : replacement::all_policies()) {
        policies += std::string(policies.empty() ? "" : " ") + policy->name;
        std::vector<std::string_view> names;
        for (const replacement::Parameter& parameter : policy->parameters) {
            names.emplace_back(parameter.name);
            if (parameter.choices.empty()) continue;
            choices += fmt::format("    {},{}) echo '{}' ;;\n", policy->name, parameter.name,
                                   fmt::join(parameter.choices, " "));
        }
        if (!names.empty()) parameters += fmt::format("    {}) echo '{}' ;;\n", policy->name, fmt::join(names, " "));
    }
    return std::string(head) +
           function("The subcommands of a command.", "_faultline_subcommands", "$1", tables.subcommands) +
           function("The options of a command.", "_faultline_options", "$1", tables.options) +
           function("What the values of an option are, with '=' behind it where they need that: COMMAND OPTION",
                    "_faultline_option", "$1 $2", tables.option_values) +
           function("What the operands of a command are.", "_faultline_operand", "$1", tables.operands) +
           fmt::format("_faultline_policies() {{ echo '{}'; }}\n\n", policies) +
           function("The parameters of a policy.", "_faultline_parameters", "$1", parameters) +
           function("The values of a parameter: POLICY,PARAMETER", "_faultline_choices", "$1", choices) +
           std::string(machinery.substr(1));
}

}  // namespace fl::cli
