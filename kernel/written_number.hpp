// The numbers that programs write to files of /proc and /sys: with a sign, and 0x or 0 in front of them. Each family of
// files has its own rules for what may stand around them.
#pragma once

#include "mm/errno.hpp"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fl::kernel {

// As kstrtoint() takes it: one line end behind it, and no blank.
inline std::optional<std::int64_t> written_number(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    int base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    } else if (text.size() > 1 && text.front() == '0') {
        base = 8;
    }
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return negative ? -std::int64_t{number} : std::int64_t{number};
}

// As kstrtouint() and kstrtoull() take it in base 10. EINVAL; ERANGE where it is too large.
template <class Unsigned>
Result<Unsigned> written_decimal(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.starts_with('+')) text.remove_prefix(1);
    Unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc::result_out_of_range) return fail(Errno::erange);
    if (error != std::errc{} || end != text.data() + text.size()) return fail(Errno::einval);
    return number;
}

// Without the blanks around it (strstrip).
inline std::string_view without_blanks(std::string_view text) {
    constexpr std::string_view blanks = " \t\n\v\f\r";
    const std::size_t first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

// As proc_dointvec() takes it: the first word, which has no plus.
inline std::optional<std::int64_t> written_setting(std::string_view text) {
    text = without_blanks(text);
    text = text.substr(0, text.find_first_of(" \t\n"));
    return text.starts_with('+') ? std::nullopt : written_number(text);
}

}  // namespace fl::kernel
