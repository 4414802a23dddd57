#include "mm/rmap.hpp"

#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::mm {

using emu::Pte;

namespace {

const IntervalTree& mappers_of(const Frame& frame) {
    return frame.state == FrameState::anonymous ? frame.anchor.anon_vma().vmas() : frame.anchor.file().i_mmap();
}

}  // namespace

void for_each_mapping(const PhysicalMemory& memory, Pfn pfn, const MappingVisitor& visit) {
    const Frame& frame = memory.frames()[pfn];
    if (frame.map_count == 0) return;
    const std::uint64_t index = frame.anchor.index();
    mappers_of(frame).for_each(index, index, [&](Vma& vma) {
        const VirtAddr address = vma.address_of(index);
        Pte* slot = vma.mm().page_table().find(address);
        if (slot != nullptr && slot->is_resident() && slot->pfn_at(address) == pfn) visit(vma, address, *slot);
    });
}

Cleaned clean_mappings(const PhysicalMemory& memory, Pfn pfn) {
    Cleaned cleaned = Cleaned::was_clean;
    for_each_mapping(memory, pfn, [&](Vma& vma, VirtAddr, Pte& slot) {
        if (!vma.is_shared() || (!slot.dirty() && !slot.writable())) return;
        if (slot.dirty()) cleaned = Cleaned::was_dirty;
        if (memory.tlb_may_hold(slot)) vma.mm().note_tlb_stale();
        slot = slot.without_dirty().without_writable();
    });
    return cleaned;
}

void unmap_file_pages(File& file, std::uint64_t first_page, std::uint64_t end_page, PrivateCopies copies) {
    if (first_page >= end_page) return;
    file.i_mmap().for_each(first_page, end_page - 1, [&](Vma& vma) {
        const std::uint64_t first = std::max(first_page, vma.pgoff());
        const std::uint64_t end = std::min(end_page, vma.pgoff() + vma.page_count().value());
        const VirtAddr start = vma.address_of(first);
        vma.mm().unmap_pages(VirtRange{start, start + (end - first) * page_size}, copies);
    });
}

}  // namespace fl::mm
