#include "loader/vdso.hpp"

#include <array>
#include <cstring>

// Made by `ld -r -b binary` from the linked image.
extern "C" {
extern const std::byte _binary_linux_vdso_so_start[];
extern const std::byte _binary_linux_vdso_so_end[];
}

namespace fl::loader {

namespace {

constexpr PageCount image_page_count{2};
// Of [vvar] only the time page exists: without time namespaces, a vDSO that gives out random numbers and a clock of a
// hypervisor, Linux has nothing behind the others either.
constexpr PageCount data_page_count{1};

constexpr mm::VmFlags data_flags =
    mm::vm_read | mm::vm_mayread | mm::vm_io | mm::vm_pfnmap | mm::vm_dontdump | mm::vm_dontexpand;
constexpr mm::VmFlags image_flags = mm::vm_read | mm::vm_exec | mm::vm_may_flags | mm::vm_dontexpand;

}  // namespace

std::span<const std::byte> Vdso::image() { return {_binary_linux_vdso_so_start, _binary_linux_vdso_so_end}; }

Result<Vdso> Vdso::create(mm::PhysicalMemory& memory) {
    FL_ASSERT(image().size() <= image_page_count.bytes());
    auto data = mm::SpecialPages::create(memory, data_page_count, mm::SpecialPageKind::shown);
    if (!data) return fail(data.error());
    auto pages = mm::SpecialPages::create(memory, image_page_count, mm::SpecialPageKind::counted);
    if (!pages) return fail(pages.error());
    std::span<const std::byte> rest = image();
    for (std::uint64_t i = 0; !rest.empty(); ++i) {
        const auto part = rest.first(std::min<std::size_t>(rest.size(), page_size));
        std::memcpy((*pages)->bytes(i).data(), part.data(), part.size());
        rest = rest.subspan(part.size());
    }
    return Vdso(std::move(*pages), std::move(*data));
}

// The sizes are those of Linux 6.18, so that all that is mapped later has the addresses that it has there.
Result<VirtAddr> Vdso::map(mm::MmStruct& mm) const {
    struct Range {
        PageCount page_count;
        mm::VmFlags flags;
        mm::SpecialBacking backing;
    };
    const std::array ranges{
        Range{PageCount(4), data_flags, {"[vvar]", data_}},
        Range{PageCount(2), data_flags, {"[vvar_vclock]", nullptr}},
        Range{image_page_count, image_flags, {"[vdso]", image_}},
    };
    PageCount pages;
    for (const Range& range : ranges) pages += range.page_count;
    // One place for all of them: a hole that would take only some is passed over.
    const auto found = mm.find_free_range(pages.bytes());
    if (!found) return found;
    VirtAddr start = *found;
    for (const Range& range : ranges) {
        const VirtAddr end = start + range.page_count.bytes();
        if (auto done = mm.map_special(VirtRange{start, end}, range.flags, range.backing); !done) {
            return fail(done.error());
        }
        start = end;
    }
    return start - image_page_count.bytes();
}

}  // namespace fl::loader
