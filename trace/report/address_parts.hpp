// The parts of an address space that faults touched: what the map's axis of addresses shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::trace::report {

struct TouchedPage {
    std::uint64_t page = 0;  // number
    std::uint32_t area = 0;  // which mapping it lay in
    friend auto operator<=>(const TouchedPage&, const TouchedPage&) = default;
};

struct AddressPart {
    std::uint64_t page = 0;   // the first
    std::uint64_t pages = 0;  // 1 or more
    friend bool operator==(const AddressPart&, const AddressPart&) = default;
};

// At most `most` parts (1 or more) that hold all the pages, by address. One ends where more than `near_pages` pages are
// between two, or where the next lies in another mapping; of too many such places those with the widest gaps are taken.
inline constexpr std::uint64_t near_pages = 64;
std::vector<AddressPart> address_parts(std::vector<TouchedPage> touched, std::size_t most);

}  // namespace fl::trace::report
