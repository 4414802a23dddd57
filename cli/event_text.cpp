#include "cli/event_text.hpp"

#include "trace/text_cell.hpp"

#include <fmt/format.h>

namespace fl::cli {

namespace {

// Of a page number: a file may hold any, and one that is no address shows it by having more than 16 digits.
std::string address_text(std::uint64_t page_number) {
    constexpr unsigned page_digits = 3;
    const std::string digits = fmt::format("{:x}", page_number);
    return page_number == 0 ? "0" : digits + std::string(page_digits, '0');
}

}  // namespace

std::string origin_text(const lab::PageOrigin& origin) {
    if (!origin.file.empty()) return trace::printable(fmt::format("{} page {}", origin.file, origin.page_number));
    if (origin.process == 0) return fmt::format("number {}", origin.page_number);
    return "0x" + address_text(origin.page_number);
}

std::string addresses_text(std::uint64_t first_page, std::uint64_t page_count) {
    constexpr unsigned width = 8;  // as the kernel pads them
    return fmt::format("{:0>{}}-{:0>{}}", address_text(first_page), width, address_text(first_page + page_count),
                       width);
}

std::string range_text(const lab::MappedRange& range) {
    const auto right = [&](unsigned bit, char letter) { return (range.protection & bit) != 0 ? letter : '-'; };
    return trace::printable(fmt::format("{} {}{}{}{} {}", addresses_text(range.first_page, range.page_count),
                                        right(1, 'r'), right(2, 'w'), right(4, 'x'), range.shared ? 's' : 'p',
                                        range.name));
}

const char* touch_text(lab::Touch touch) {
    switch (touch) {
        case lab::Touch::fetch: return "fetch";
        case lab::Touch::read: return "read";
        case lab::Touch::write: return "write";
    }
    return "";
}

}  // namespace fl::cli
