// A walk through the page tables, level by level, for people to look at.
#pragma once

#include "emu/pte.hpp"
#include "mm/page_table.hpp"
#include "mm/page_walk.hpp"

#include <string>
#include <vector>

namespace fl::mm {

struct LevelStep : WalkStep {
    unsigned level = 0;  // 4, 3, 2, 1
    // The entry maps a page, or would: it is no table's.
    bool is_leaf() const { return level == 1 || (level == 2 && entry.is_large()); }
    friend bool operator==(const LevelStep&, const LevelStep&) = default;
};

// From the root down to the leaf, or to the first level whose table is missing below. `address` is canonical.
std::vector<LevelStep> walk_levels(const PageTable& table, VirtAddr address);

// "pgd", "pud", "pmd", "pte": Linux's names of the levels 4 to 1.
const char* level_name(unsigned level);

// The bits that are set in an entry, in the order of the Intel SDM (vol. 3A, 4.5) and then those that software keeps:
// "P W U A D NX"; of an entry without a frame what it is: "none", "swap slot 3, exclusive", "guard".
std::string pte_text(emu::Pte pte);

// The same in six letters, as the trace has them: PWUADX, N in the first place where PROT_NONE hides the page.
std::string pte_letters(emu::Pte pte);

}  // namespace fl::mm
