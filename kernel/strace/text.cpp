#include "kernel/strace/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace fl::kernel::strace {

namespace {

constexpr std::size_t max_text_bytes = 32;

std::string unknown_text(const Names& names, std::uint64_t value) {
    if (names.unknown == nullptr) return hexadecimal_text(value);
    return fmt::format("{} /* {} */", hexadecimal_text(value), names.unknown);
}

}  // namespace

std::string flags_text(const Names& names, std::uint64_t flags) {
    std::string text;
    std::uint64_t left = flags;
    for (const FlagName& name : names.list) {
        if (name.value == 0 && flags == 0) return name.text;
        if (name.value == 0 || (left & name.value) != name.value) continue;
        text += (text.empty() ? "" : "|") + std::string(name.text);
        left &= ~name.value;
    }
    if (flags == 0) return "0";
    if (text.empty()) return unknown_text(names, flags);
    return left == 0 ? text : text + "|" + hexadecimal_text(left);
}

const char* find_name(const Names& names, std::uint64_t value) {
    const auto found = std::ranges::find(names.list, value, &FlagName::value);
    return found == names.list.end() ? nullptr : found->text;
}

std::string value_text(const Names& names, std::uint64_t value) {
    const char* name = find_name(names, value);
    return name != nullptr ? name : unknown_text(names, value);
}

std::string address_text(std::uint64_t address) { return address == 0 ? "NULL" : fmt::format("{:#x}", address); }

std::string hexadecimal_text(std::uint64_t value) { return value == 0 ? "0" : fmt::format("{:#x}", value); }

std::string octal_text(std::uint32_t mode) { return mode == 0 ? "000" : fmt::format("0{:02o}", mode); }

std::string owner_text(std::uint32_t id) { return id == ~std::uint32_t{0} ? "-1" : std::to_string(id); }

std::string escaped(std::span<const std::byte> bytes) {
    static constexpr std::string_view letters = "\t\n\v\f\r\"\\", names = "tnvfr\"\\";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        const auto next = i + 1 < bytes.size() ? static_cast<char>(bytes[i + 1]) : '\0';
        if (const std::size_t at = letters.find(static_cast<char>(byte)); at != std::string_view::npos) {
            text += '\\';
            text += names[at];
        } else if (byte >= 0x20 && byte < 0x7f) {
            text += static_cast<char>(byte);
        } else {
            const bool digit_follows = next >= '0' && next <= '7';
            text += fmt::format(fmt::runtime(digit_follows ? "\\{:03o}" : "\\{:o}"), byte);
        }
    }
    return text;
}

std::string quoted(std::span<const std::byte> bytes) {
    const bool cut = bytes.size() > max_text_bytes;
    return "\"" + escaped(bytes.first(std::min(bytes.size(), max_text_bytes))) + (cut ? "\"..." : "\"");
}

}  // namespace fl::kernel::strace
