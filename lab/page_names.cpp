#include "lab/page_names.hpp"

#include "emu/assert.hpp"

#include <utility>

namespace fl::lab {

void PageNames::add(std::uint64_t number, PageId page) {
    if (4 * (size_ + 1) > 3 * slots_.size()) grow();
    Slot& slot = slots_[slot_of(number)];
    FL_ASSERT(slot.page == replacement::no_page);
    slot = {number, page};
    ++size_;
}

// Moves those behind it up that would not be found any more across the gap (Knuth, The Art of Computer Programming 3,
// 6.4, algorithm R).
void PageNames::remove(std::uint64_t number) {
    std::size_t gap = slot_of(number);
    FL_ASSERT(slots_[gap].page != replacement::no_page);
    for (std::size_t slot = following(gap); slots_[slot].page != replacement::no_page; slot = following(slot)) {
        const std::size_t distance_from_home = (slot - home_of(slots_[slot].number)) & (slots_.size() - 1);
        const std::size_t distance_from_gap = (slot - gap) & (slots_.size() - 1);
        if (distance_from_home < distance_from_gap) continue;
        slots_[gap] = slots_[slot];
        gap = slot;
    }
    slots_[gap] = {};
    --size_;
}

void PageNames::grow() {
    constexpr unsigned first_bits = 4;
    shift_ = slots_.empty() ? 64 - first_bits : shift_ - 1;
    const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(std::size_t{1} << (64 - shift_)));
    for (const Slot& slot : old) {
        if (slot.page != replacement::no_page) slots_[slot_of(slot.number)] = slot;
    }
}

}  // namespace fl::lab
