// PageNames: which page a number of 64 bits names, for as long as it does.
#pragma once

#include "lab/reference_string.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::lab {

// A hash table with open addressing, at most 43 bytes for each name.
class PageNames {
public:
    // no_page: none.
    PageId find(std::uint64_t number) const {
        if (slots_.empty()) return replacement::no_page;
        return slots_[slot_of(number)].page;
    }
    // The number names no page yet.
    void add(std::uint64_t number, PageId page);
    // It names one.
    void remove(std::uint64_t number);

private:
    struct Slot {
        std::uint64_t number = 0;
        PageId page = replacement::no_page;  // no_page: the slot is free
    };

    std::size_t home_of(std::uint64_t number) const {
        constexpr std::uint64_t golden_ratio = 0x9e37'79b9'7f4a'7c15;
        return (number ^ number >> 32U) * golden_ratio >> shift_;
    }
    std::size_t following(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
    // Where the number is, or the free slot where it would be.
    std::size_t slot_of(std::uint64_t number) const {
        std::size_t slot = home_of(number);
        while (slots_[slot].page != replacement::no_page && slots_[slot].number != number) slot = following(slot);
        return slot;
    }
    void grow();

    std::vector<Slot> slots_;  // a power of two
    unsigned shift_ = 64;      // leaves as many bits as number the slots
    std::size_t size_ = 0;
};

}  // namespace fl::lab
