#include "kernel/memory_census.hpp"

#include "mm/slab/slab_allocator.hpp"

namespace fl::kernel {

namespace {

void count_frame(const mm::Frame& frame, MemoryCensus& census) {
    const PageCount one(1);
    switch (frame.state) {
        case mm::FrameState::page_table: census.page_tables += one; break;
        case mm::FrameState::anonymous:
            census.anonymous += one;
            if (frame.map_count > 0) census.anonymous_mapped += one;
            if (frame.lazy_free) census.lazily_free += one;
            if (frame.slot != 0) census.swap_cached_anonymous += one;
            break;
        case mm::FrameState::file_cache: census.file_cache += one; break;
        case mm::FrameState::shared_memory: census.shared_memory += one; break;
        case mm::FrameState::kernel_stack: census.kernel_stacks += one; return;
        case mm::FrameState::slab:
        case mm::FrameState::free:
        case mm::FrameState::reserved:
        case mm::FrameState::zero_page:
        case mm::FrameState::special:
        case mm::FrameState::kernel_table:
        case mm::FrameState::memory_map:
        case mm::FrameState::vmalloc: return;
    }
    const bool in_page_cache =
        frame.state == mm::FrameState::file_cache || frame.state == mm::FrameState::shared_memory;
    if (in_page_cache && frame.map_count > 0) census.mapped += one;
    if (frame.slot != 0) census.swap_cached += one;
    if (is_kept(frame)) {
        (frame.state == mm::FrameState::file_cache ? census.kept : census.kept_shared) += one;
    } else if (frame.state == mm::FrameState::file_cache && frame.dirty) {
        census.dirty += one;
    }
}

}  // namespace

bool is_kept(const mm::Frame& frame) {
    switch (frame.state) {
        case mm::FrameState::file_cache: return frame.anchor.file().kind() == mm::FileKind::memory;
        case mm::FrameState::shared_memory: return frame.anchor.file().is_locked();
        default: return false;
    }
}

std::unordered_set<Pfn> locked_frames(std::span<const mm::MmStruct* const> spaces) {
    std::unordered_set<Pfn> frames;
    for (const mm::MmStruct* mm : spaces) {
        if (mm->vm().locked == PageCount(0)) continue;
        for (const mm::Vma* vma = mm->vmas().first(); vma != nullptr; vma = vma->next()) {
            if (!vma->flags().has(mm::vm_locked)) continue;
            mm->page_table().for_each_page(vma->range(), [&](VirtAddr, const emu::Pte& pte) {
                if (pte.is_resident() && mm->memory().counts_mappings(pte.pfn())) frames.insert(pte.pfn());
            });
        }
    }
    return frames;
}

const mm::SwapDevice* swap_of(const mm::PhysicalMemory& memory) {
    const mm::Reclaimer* reclaimer = memory.reclaimer();
    return reclaimer != nullptr ? reclaimer->swap() : nullptr;
}

PageCount total_memory(const mm::PhysicalMemory& memory) {
    const mm::SwapDevice* swap = swap_of(memory);
    return memory.buddy().managed_page_count() + (swap != nullptr ? swap->slot_count() : PageCount(0));
}

MemoryCensus take_census(const mm::PhysicalMemory& memory, std::span<const mm::MmStruct* const> spaces) {
    MemoryCensus census;
    census.total = memory.buddy().managed_page_count();
    census.free = memory.buddy().free_page_count();
    census.anonymous_huge_pages = memory.frames().large_page_count();
    for (std::uint64_t i = 0; i < memory.total_page_count().value(); ++i) count_frame(memory.frames()[Pfn(i)], census);
    for (const Pfn pfn : locked_frames(spaces)) {
        census.locked += PageCount(1);
        const mm::Frame& frame = memory.frames()[pfn];
        if (is_kept(frame)) continue;
        const bool anonymous = frame.state != mm::FrameState::file_cache && !frame.lazy_free;
        (anonymous ? census.locked_anonymous : census.locked_file) += PageCount(1);
    }
    if (const mm::SlabAllocator* slab = memory.slab()) {
        census.slab_reclaimable = slab->reclaimable_page_count();
        census.slab_unreclaimable = slab->unreclaimable_page_count();
    }
    if (const mm::SwapDevice* swap = swap_of(memory)) {
        census.swap_total = swap->slot_count();
        census.swap_free = swap->free_slot_count();
    }
    if (const mm::Reclaimer* reclaimer = memory.reclaimer()) census.watermarks = reclaimer->watermarks();
    if (const mm::KernelSpace* kernel = memory.kernel_space()) {
        census.page_tables += kernel->later_table_count();
        census.vmalloc = kernel->vmalloc().page_count();
        census.direct_map = kernel->direct_map_pages();
    }
    for (const mm::MmStruct* mm : spaces) {
        for (const mm::Vma* vma = mm->vmas().first(); vma != nullptr; vma = vma->next()) {
            if (vma->flags().has(mm::vm_account)) census.committed += vma->page_count();
        }
    }
    return census;
}

}  // namespace fl::kernel
