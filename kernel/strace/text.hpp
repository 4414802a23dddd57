// The texts that strace(1) makes of numbers, names and bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace fl::kernel::strace {

struct FlagName {
    std::uint64_t value;
    const char* text;
};

// The names of a kind of value, in the order in which strace tries them.
struct Names {
    std::span<const FlagName> list;
    const char* unknown = nullptr;  // "PROT_???", said of a value without a name; nullptr: nothing is said
};

// "PROT_READ|PROT_WRITE"; what has no name as a number at the end; the name of 0 where nothing is set.
std::string flags_text(const Names& names, std::uint64_t flags);
// The one name of a value, or "0x63 /* RLIMIT_??? */".
std::string value_text(const Names& names, std::uint64_t value);
// The same without a remark on an unknown value; nullptr: it has no name.
const char* find_name(const Names& names, std::uint64_t value);

// "0x1000", "NULL".
std::string address_text(std::uint64_t address);
// "0x1000", "0".
std::string hexadecimal_text(std::uint64_t value);
// "0644", "000".
std::string octal_text(std::uint32_t mode);
// -1 for what leaves a user or group as it is.
std::string owner_text(std::uint32_t id);

// strace's escapes: what C has a letter for, octal for the rest, as short as the next character allows.
std::string escaped(std::span<const std::byte> bytes);
// In double quotes; longer than 32 bytes it is cut and ends with "...".
std::string quoted(std::span<const std::byte> bytes);

}  // namespace fl::kernel::strace
