#include "mm/huge_allocation.hpp"

#include "mm/vma.hpp"

namespace fl::mm {

HugeEffort huge_effort_of_fault(ThpDefrag defrag, const Vma& vma) {
    const bool is_advised = vma.flags().has(vm_hugepage);
    switch (defrag) {
        case ThpDefrag::always: return HugeEffort::compact;
        case ThpDefrag::defer: return HugeEffort::wake_daemon;
        case ThpDefrag::defer_madvise: return is_advised ? HugeEffort::compact : HugeEffort::wake_daemon;
        case ThpDefrag::madvise: return is_advised ? HugeEffort::compact : HugeEffort::take;
        case ThpDefrag::never: break;
    }
    return HugeEffort::take;
}

Result<Pfn> allocate_large_page(PhysicalMemory& memory, HugeEffort effort) {
    const auto first = memory.allocate_large_page();
    if (first || effort == HugeEffort::take) return first;
    Compaction& compaction = memory.compaction();
    if (effort == HugeEffort::wake_daemon) {
        compaction.wake_daemon(huge_page_order);
        return first;
    }
    if (!compaction.make_block(huge_page_order, BlockEffort::compact)) return first;
    return memory.allocate_large_page();
}

}  // namespace fl::mm
