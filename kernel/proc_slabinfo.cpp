#include "kernel/proc_slabinfo.hpp"

#include "mm/print_to.hpp"
#include "mm/slab/slab_allocator.hpp"

namespace fl::kernel {

std::string proc_slabinfo(const mm::PhysicalMemory& memory) {
    std::string text =
        "slabinfo - version: 2.1\n"
        "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>"
        " : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n";
    if (memory.slab() == nullptr) return text;
    const auto& caches = memory.slab()->caches();
    for (auto newest = caches.rbegin(); newest != caches.rend(); ++newest) {
        const mm::KmemCache& cache = **newest;
        const mm::SlabLayout& layout = cache.layout();
        print_to(text,
                 "{:<17} {:>6} {:>6} {:>6} {:>4} {:>4} : tunables {:>4} {:>4} {:>4} : slabdata {:>6} {:>6} {:>6}\n",
                 cache.name(), cache.object_count(), cache.room_count(), layout.bytes, layout.objects_in(layout.order),
                 1U << layout.order, 0, 0, 0, cache.slab_count(), cache.slab_count(), 0);
    }
    return text;
}

}  // namespace fl::kernel
