// What an option's value can be completed with, told from how its help calls it; so a new option is completed as its
// neighbours are.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fl::cli {

struct ValueKind {
    enum class Of : std::uint8_t {
        anything,  // nothing is offered
        word,      // one of `words`
        words,     // some of them, with commas
        file,
        folder,
        policy,    // and its parameters
        policies,  // a list of them
    };
    Of of = Of::anything;
    std::vector<std::string> words{};

    friend bool operator==(const ValueKind&, const ValueKind&) = default;
};

// "FILE", "FILE.refs", "DIR", "on|off", "lru,opt|all", "NAME[,key=value...]", "NAMES", "HOST:GUEST[:rw]"; one for each
// value of "slurm DIR".
std::vector<ValueKind> value_kinds(std::string_view value);
// Of the operands of a usage line: what the first operand is; anything where there is none.
ValueKind operand_kind(std::string_view operands);

}  // namespace fl::cli
