#include "kernel/vfs/file_room.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>

namespace fl::kernel {

FileRoom file_room(const mm::PhysicalMemory& memory, mm::FileKind kind) {
    constexpr std::uint64_t kept_part = 16;
    PageCount total = memory.total_page_count(), free = memory.buddy().free_page_count(), swappable;
    const mm::Reclaimer* reclaimer = memory.reclaimer();
    const auto limit = reclaimer != nullptr ? reclaimer->frame_limit() : std::nullopt;
    if (limit && kind == mm::FileKind::shared_memory) {
        total = std::min(total, *limit);
        free = std::min(free, *limit - std::min(*limit, reclaimer->frames()));
    }
    const PageCount kept(total.value() / kept_part);
    if (const mm::SwapDevice* swap = reclaimer != nullptr ? reclaimer->swap() : nullptr) {
        total += swap->slot_count();
        swappable = swap->free_slot_count() + swap->spare_slot_count();
        // What stays in memory itself takes the place of those that can leave now.
        if (kind != mm::FileKind::shared_memory) swappable = std::min(swappable, reclaimer->frames());
    }
    free += swappable;
    return {total - kept, free - std::min(free, kept)};
}

}  // namespace fl::kernel
