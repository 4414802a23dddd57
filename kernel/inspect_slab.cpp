// inspect.hpp: the kernel's own objects, cache by cache.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "mm/kernel_layout.hpp"
#include "mm/print_to.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

std::string slab_text(const mm::Slab& slab) {
    return fmt::format("{:#x}, {} of {} used", mm::direct_map_address(slab.first.address()).value(), slab.inuse,
                       slab.objects);
}

}  // namespace

const mm::Slab* first_slab(const mm::KmemCache& cache) {
    const mm::Slab* first = nullptr;
    cache.for_each_slab([&first](const mm::Slab& slab) {
        if (first == nullptr) first = &slab;
    });
    return first;
}

std::string show_slab(const mm::PhysicalMemory& memory) {
    const mm::SlabAllocator* slab = memory.slab();
    if (slab == nullptr) return "slab: none\n";
    std::string text;
    print_to(text, "slab: {}, {} reclaimable, {}\n", counted(slab->page_count().value(), "frame"),
             slab->reclaimable_page_count().value(), counted(slab->object_count(), "object"));
    print_to(text, "  {:<17} {:>6} {:>6} {:>6} {:>5} {:>8} {:>6}  {}\n", "cache", "size", "used", "room", "slabs",
             "partial", "frames", "first slab");
    std::uint64_t empty = 0;
    for (const auto& cache : slab->caches()) {
        if (cache->slab_count() == 0) {
            ++empty;
            continue;
        }
        print_to(text, "  {:<17} {:>6} {:>6} {:>6} {:>5} {:>8} {:>6}  {}", cache->name(), cache->layout().bytes,
                 cache->object_count(), cache->room_count(), cache->slab_count(), cache->partial_slab_count(),
                 cache->page_count().value(), slab_text(*first_slab(*cache)));
        end_line(text);
    }
    print_to(text, "  {} without a slab; {} of kmalloc's beyond {} bytes\n", counted(empty, "cache"),
             counted(slab->block_count(), "block"), mm::SlabAllocator::max_class_bytes);
    return text;
}

}  // namespace fl::kernel
