#include "kernel/proc_maps.hpp"

#include "kernel/mangle.hpp"
#include "mm/print_to.hpp"

namespace fl::kernel {

namespace {

// Names stand in the 74th column, or behind a space where the numbers reach further.
constexpr std::size_t name_column = 73;

struct Place {
    VirtRange range;
    std::string_view protection;
    std::uint64_t offset_bytes = 0;
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
};

void append_line(std::string& text, const Place& place, std::string_view name) {
    const std::size_t line_start = text.size();
    print_to(text, "{:08x}-{:08x} {} {:08x} {:02x}:{:02x} {} ", place.range.start.value(), place.range.end.value(),
             place.protection, place.offset_bytes, place.device_major, place.device_minor, place.inode);
    if (!name.empty()) {
        const std::size_t width = text.size() - line_start;
        text.append(width < name_column ? name_column - width : 1, ' ');
        // A name is one line (seq_path).
        text += mangled(name, "\n");
    }
    text += '\n';
}

}  // namespace

void append_maps_line(std::string& text, VirtRange range, std::string_view protection, std::string_view name) {
    append_line(text, Place{.range = range, .protection = protection}, name);
}

void append_maps_line(std::string& text, const mm::MmStruct& mm, const mm::Vma& vma) {
    const std::string protection = mm::protection_string(vma.flags());
    Place place{.range = vma.range(), .protection = protection};
    if (const mm::File* file = vma.file()) {
        place.offset_bytes = vma.pgoff() << page_shift;
        place.device_major = file->identity().device_major;
        place.device_minor = file->identity().device_minor;
        place.inode = file->identity().inode;
    }
    append_line(text, place, mm.vma_name(vma));
}

std::string proc_maps(const mm::MmStruct& mm) {
    std::string text;
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) append_maps_line(text, mm, *vma);
    append_maps_line(text, vsyscall_page, mm::protection_string(vsyscall_flags), vsyscall_name);
    return text;
}

}  // namespace fl::kernel
