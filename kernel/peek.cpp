#include "kernel/peek.hpp"

#include "mm/reclaimer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace fl::kernel {

namespace {

void copy_from_frame(const emu::Ram& ram, Pfn pfn, VirtAddr address, std::span<std::byte> into) {
    const auto bytes = ram.frame(pfn).subspan(address.page_offset(), into.size());
    std::memcpy(into.data(), bytes.data(), bytes.size());
}

// A page that the program has not touched holds its file's bytes, or zeroes.
bool peek_untouched(const emu::Ram& ram, const mm::Vma& vma, VirtAddr address, std::span<std::byte> into) {
    if (const mm::SpecialBacking* special = vma.special()) {
        const auto pfn = special->pages != nullptr ? special->pages->frame(vma.page_index(address)) : std::nullopt;
        if (pfn) copy_from_frame(ram, *pfn, address, into);
        return pfn.has_value();
    }
    const mm::File* file = vma.file();
    if (file == nullptr) {
        std::fill(into.begin(), into.end(), std::byte{0});
        return true;
    }
    const std::uint64_t page = vma.page_index(address);
    if (page >= file->page_count().value()) return false;
    return file->read_uncached(page * page_size + address.page_offset(), into).has_value();
}

bool peek_page(const emu::Ram& ram, const mm::MmStruct& mm, VirtAddr address, std::span<std::byte> into) {
    const mm::Vma* vma = mm.vmas().find(address);
    if (vma == nullptr || vma->start() > address) return false;
    const emu::Pte* pte = mm.page_table().find(address);
    if (pte != nullptr && pte->is_guard()) return false;
    if (pte != nullptr && pte->is_swapped()) {
        std::array<std::byte, page_size> page{};
        if (!mm.memory().reclaimer()->swap()->peek(pte->slot(), page)) return false;
        std::memcpy(into.data(), page.data() + address.page_offset(), into.size());
        return true;
    }
    if (pte == nullptr || !pte->is_resident()) return peek_untouched(ram, *vma, address, into);
    copy_from_frame(ram, pte->pfn_at(address), address, into);
    return true;
}

}  // namespace

std::size_t peek_memory(const emu::Ram& ram, const mm::MmStruct& mm, VirtAddr address, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto at = address.checked_add(done);
        if (!at || *at >= mm::task_size) break;
        const std::size_t part = std::min<std::size_t>(into.size() - done, page_size - at->page_offset());
        if (!peek_page(ram, mm, *at, into.subspan(done, part))) break;
        done += part;
    }
    return done;
}

}  // namespace fl::kernel
