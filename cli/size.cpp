#include "cli/size.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <charconv>
#include <limits>
#include <optional>

namespace fl::cli {

namespace {

constexpr unsigned bits_per_step = 10;

constexpr std::string_view what_a_size_is = "4096, 512K, 64M, 1G or 100pages";

// The power of two that a suffix stands for.
std::optional<unsigned> suffix_shift(std::string_view suffix) {
    if (suffix.empty()) return 0;
    constexpr std::string_view letters = "kmgt";
    std::string lower;
    for (const char letter : suffix) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    if (lower == "b") return 0;
    if (lower == "page" || lower == "pages") return page_shift;
    const std::size_t step = letters.find(lower.front());
    const std::string rest = lower.substr(1);
    if (step == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
    return static_cast<unsigned>(step + 1) * bits_per_step;
}

}  // namespace

tl::expected<std::uint64_t, std::string> parse_size(std::string_view text) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const auto digit_count = static_cast<std::size_t>(end - text.data());
    if (error == std::errc::result_out_of_range) return tl::unexpected(fmt::format("'{}' is too large", text));
    const std::optional<unsigned> shift = suffix_shift(text.substr(digit_count));
    if (digit_count == 0 || !shift) {
        return tl::unexpected(fmt::format("'{}' is not a size; say {}", text, what_a_size_is));
    }
    if (number > std::numeric_limits<std::uint64_t>::max() >> *shift) {
        return tl::unexpected(fmt::format("'{}' is too large", text));
    }
    return number << *shift;
}

tl::expected<PageCount, std::string> parse_page_count(std::string_view text) {
    const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (!is_number) {
        const auto size = parse_size(text);
        if (!size) return tl::unexpected(size.error());
        return PageCount(*size >> page_shift);
    }
    std::uint64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc{}) return tl::unexpected(fmt::format("'{}' is too large", text));
    return PageCount(count);
}

std::string humanised(std::uint64_t size_bytes) {
    constexpr std::array<const char*, 5> units = {"B", "KiB", "MiB", "GiB", "TiB"};
    std::size_t unit = 0;
    auto value = static_cast<double>(size_bytes);
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
    return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, units[unit]);
}

}  // namespace fl::cli
