// PageWalk: the processor's walk to one address, level by level, as it stands in the tables.
#pragma once

#include "emu/pte.hpp"

#include <array>
#include <cstdint>
#include <span>

namespace fl::mm {

// One step: the entry that is read, and where.
struct WalkStep {
    Pfn table;                // the frame that holds the table
    std::uint16_t index = 0;  // of the entry in it
    emu::Pte entry;
    friend bool operator==(const WalkStep&, const WalkStep&) = default;
};

// pgd, pud, pmd, pte. It ends at the first entry that names no table; that of a large page is a pmd.
struct PageWalk {
    std::array<WalkStep, 4> steps{};
    std::uint8_t count = 0;  // 0: the address is not one of a program's

    std::span<const WalkStep> all() const& { return std::span(steps).first(count); }
    // They end with the walk.
    std::span<const WalkStep> all() const&& = delete;
    bool ends_large() const { return count == 3 && steps[2].entry.is_large(); }
    // none() where a table is missing.
    emu::Pte leaf() const {
        if (ends_large()) return steps[2].entry;
        return count == 4 ? steps[3].entry : emu::Pte::none();
    }
};

}  // namespace fl::mm
