#include "kernel/inspect_text.hpp"

#include "kernel/mangle.hpp"
#include "mm/rmap.hpp"

#include <fmt/format.h>

namespace fl::kernel {

void end_line(std::string& text) {
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
}

std::string counted(std::uint64_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string range_text(VirtRange range) { return fmt::format("{:#x}-{:#x}", range.start.value(), range.end.value()); }

std::string frames_text(std::uint64_t first, std::uint64_t last) {
    return first == last ? fmt::format("{:#x}", first) : fmt::format("{:#x}-{:#x}", first, last);
}

std::string vma_text(const mm::MmStruct& mm, const mm::Vma& vma) {
    const std::string name = mm.vma_name(vma);
    return name.empty() ? "anonymous" : mangled(name, "\n");
}

const char* frame_state_name(mm::FrameState state) {
    switch (state) {
        case mm::FrameState::free: return "free";
        case mm::FrameState::reserved: return "kernel";
        case mm::FrameState::page_table: return "page table";
        case mm::FrameState::anonymous: return "anonymous";
        case mm::FrameState::file_cache: return "file";
        case mm::FrameState::shared_memory: return "shared";
        case mm::FrameState::zero_page: return "zero page";
        case mm::FrameState::special: return "vdso";
        case mm::FrameState::kernel_table: return "page table";
        case mm::FrameState::memory_map: return "memory map";
        case mm::FrameState::vmalloc: return "vmalloc";
        case mm::FrameState::slab: return "slab";
        case mm::FrameState::kernel_stack: return "stack";
    }
    return "";
}

const mm::File* file_of(const mm::Frame& frame) {
    const bool is_cached = frame.state == mm::FrameState::file_cache || frame.state == mm::FrameState::shared_memory;
    return is_cached && frame.anchor.owner() != nullptr ? &frame.anchor.file() : nullptr;
}

std::vector<MappedAt> mappings_of(const Inspection& machine, Pfn pfn) {
    std::vector<MappedAt> mappings;
    const mm::FrameState state = machine.memory.frames()[pfn].state;
    const bool is_user = state == mm::FrameState::anonymous || state == mm::FrameState::file_cache ||
                         state == mm::FrameState::shared_memory;
    if (!is_user) return mappings;
    mm::for_each_mapping(machine.memory, pfn, [&](const mm::Vma& vma, VirtAddr address, const emu::Pte&) {
        mappings.push_back({machine.owner_of(vma.mm()), address});
    });
    return mappings;
}

std::string frame_letters(const mm::PhysicalMemory& memory, Pfn pfn) {
    const mm::Frame& frame = memory.frames()[pfn];
    bool accessed = frame.referenced, dirty = frame.dirty;
    const bool has_mappings = frame.anchor.owner() != nullptr && frame.map_count > 0;
    if (has_mappings && frame.state != mm::FrameState::special) {
        mm::for_each_mapping(memory, pfn, [&](const mm::Vma&, VirtAddr, const emu::Pte& entry) {
            accessed = accessed || entry.accessed();
            dirty = dirty || entry.dirty();
        });
    }
    std::string letters;
    const auto add = [&letters](bool is_set, char letter) { letters += is_set ? letter : '-'; };
    add(accessed, 'A');
    add(dirty, 'D');
    add(frame.anon_exclusive, 'E');
    add(frame.lazy_free, 'L');
    add(frame.slot != 0, 'S');
    return letters;
}

}  // namespace fl::kernel
