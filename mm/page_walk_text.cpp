#include "mm/page_walk_text.hpp"

#include <fmt/format.h>

#include <array>

namespace fl::mm {

using emu::Pte;
using emu::PteKind;

namespace {

struct BitName {
    unsigned bit;
    const char* name;
};
// What the processor reads.
constexpr std::array hardware_bits{BitName{0, "P"},   BitName{1, "W"},  BitName{2, "U"}, BitName{3, "PWT"},
                                   BitName{4, "PCD"}, BitName{5, "A"},  BitName{6, "D"}, BitName{7, "PS"},
                                   BitName{8, "G"},   BitName{63, "NX"}};

void append(std::string& text, const char* word) {
    if (!text.empty()) text += ' ';
    text += word;
}

std::string resident_text(Pte pte) {
    std::string text;
    for (const BitName& bit : hardware_bits) {
        // G says PROT_NONE while P is clear.
        const bool is_set = (pte.raw() >> bit.bit & 1) != 0 && (pte.is_present() || bit.bit != 8);
        if (is_set) append(text, bit.name);
    }
    if (!pte.is_present()) append(text, "prot_none");
    if (pte.is_write_protected()) append(text, "uffd_wp");
    return text;
}

}  // namespace

std::vector<LevelStep> walk_levels(const PageTable& table, VirtAddr address) {
    const PageWalk walk = table.walk_to(address);
    std::vector<LevelStep> steps;
    unsigned level = 4;
    for (const WalkStep& step : walk.all()) steps.push_back({step, level--});
    return steps;
}

const char* level_name(unsigned level) {
    constexpr std::array names{"pte", "pmd", "pud", "pgd"};
    FL_ASSERT(level >= 1 && level <= names.size());
    return names.at(level - 1);
}

std::string pte_text(Pte pte) {
    switch (pte.kind()) {
        case PteKind::none: return "none";
        case PteKind::swapped:
            return fmt::format("swap slot {}{}{}", pte.slot().value(), pte.is_exclusive() ? ", exclusive" : "",
                               pte.is_write_protected() ? ", uffd_wp" : "");
        case PteKind::guard: return "guard";
        case PteKind::write_protected: return "no page, uffd_wp";
        case PteKind::poisoned: return "poisoned";
        case PteKind::present:
        case PteKind::prot_none: break;
    }
    return resident_text(pte);
}

std::string pte_letters(Pte pte) {
    switch (pte.kind()) {
        case PteKind::none: return "------";
        case PteKind::swapped: return "swap";
        case PteKind::guard: return "guard";
        case PteKind::write_protected: return "uffdwp";
        case PteKind::poisoned: return "poison";
        case PteKind::present:
        case PteKind::prot_none: break;
    }
    std::string letters = pte.is_present() ? "P" : "N";
    const auto add = [&letters](bool is_set, char letter) { letters += is_set ? letter : '-'; };
    add(pte.writable(), 'W');
    add(pte.user(), 'U');
    add(pte.accessed(), 'A');
    add(pte.dirty(), 'D');
    add(pte.executable(), 'X');
    return letters;
}

}  // namespace fl::mm
