// A machine with room for a few large pages, and what their tests say of content.
#pragma once

#include "tests/unit/mm/machine.hpp"

#include <algorithm>

namespace fl::mm::test {

// The start of a place for a large page.
inline VirtAddr huge(std::uint64_t index) { return VirtAddr(0x4000'0000) + index * huge_page_bytes; }

class HugeMachine : public Machine {
public:
    explicit HugeMachine(std::uint64_t frames = 4096) : Machine(frames) { memory.huge_pages().mode = ThpMode::always; }

    bool is_large(VirtAddr address) const {
        const emu::Pte* entry = mm->page_table().find(address);
        return entry != nullptr && entry->is_large();
    }
    // The byte behind an address, as a read by the program finds it; -1 where it is refused.
    int get(VirtAddr address) {
        const Kinds kinds = read(address);
        if (!kinds.empty() && is_fatal(kinds.back())) return -1;
        return std::to_integer<int>(byte(address));
    }
    void put(VirtAddr address, int value) {
        const Kinds kinds = write(address);
        REQUIRE((kinds.empty() || !is_fatal(kinds.back())));
        byte(address) = static_cast<std::byte>(value);
    }
    // Whatever the rights; the page is resident.
    int peek(VirtAddr address) const {
        const emu::Pte pte = mm->page_table().page_at(address);
        REQUIRE(pte.is_resident());
        return std::to_integer<int>(ram.frame(pte.pfn())[address.page_offset()]);
    }

    // That the policy knows.
    std::uint64_t known_pages() const {
        std::uint64_t known = 0;
        reclaimer->for_each_page([&](PageId, std::optional<Pfn> pfn) { known += pfn ? 1 : 0; });
        return known;
    }
    std::uint64_t resident_pages() const {
        std::uint64_t resident = 0;
        reclaimer->for_each_pool([&](const MmStruct*, std::uint64_t pages, const std::string&) { resident += pages; });
        return resident;
    }

    static int number_of(std::uint64_t index) { return static_cast<int>(1 + index % 251); }
    void number_pages(VirtAddr start, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) put(start + i * page_size, number_of(i));
    }
    bool numbers_are(VirtAddr start, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            if (get(start + i * page_size) != number_of(i)) return false;
        }
        return true;
    }
};

}  // namespace fl::mm::test
