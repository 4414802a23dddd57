// Memory calls that stand alone: protection keys, which this processor does not have, barriers between tasks, which one
// processor keeps anyway, seals, and what of a file is cached.
#include "kernel/syscalls.hpp"
#include "mm/reclaimer.hpp"

#include <linux/membarrier.h>

#include <algorithm>
#include <limits>

namespace fl::kernel {

// --- protection keys (mm/mprotect.c; arch/x86/kernel/fpu/xstate.c)

Result<std::uint64_t> sys_pkey_alloc(System&, const Arguments& a) {
    constexpr std::uint64_t disable_access = 1, disable_write = 2;
    if (a[0] != 0 || (a[1] & ~(disable_access | disable_write)) != 0) return fail(Errno::einval);
    // The one key that there is cannot be given rights (arch_set_user_pkey_access).
    return fail(Errno::einval);
}

// Without keys there is none that could be freed.
Result<std::uint64_t> sys_pkey_free(System&, const Arguments&) { return fail(Errno::einval); }

Result<std::uint64_t> sys_pkey_mprotect(System& system, const Arguments& a) {
    constexpr std::int32_t no_key = -1;
    if (int_argument(a[3]) == no_key) return sys_mprotect(system, a);
    // What comes before the key is looked at (do_mprotect_pkey).
    const VirtAddr start(a[0]);
    if (!start.page_aligned()) return fail(Errno::einval);
    if (a[1] == 0) return 0;
    const auto end = start.checked_add(a[1]);
    if (!end || end->value() > ~page_mask) return fail(Errno::enomem);
    return fail(Errno::einval);
}

// --- membarrier (kernel/sched/membarrier.c)

Result<std::uint64_t> sys_membarrier(System& system, const Arguments& a) {
    constexpr std::int32_t get_registrations = 1 << 9;  // MEMBARRIER_CMD_GET_REGISTRATIONS
    constexpr std::int32_t all_commands = (1 << 10) - 1;
    constexpr std::uint32_t flag_cpu = 1;  // MEMBARRIER_CMD_FLAG_CPU
    const std::int32_t command = int_argument(a[0]);
    const auto flags = static_cast<std::uint32_t>(a[1]);
    const bool takes_cpu = command == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ;
    if (flags != 0 && !(takes_cpu && flags == flag_cpu)) return fail(Errno::einval);
    mm::MmStruct& mm = *system.task.mm;
    const auto after = [&mm](std::uint32_t registration) -> Result<std::uint64_t> {
        if ((mm.membarrier_registrations() & registration) == 0) return fail(Errno::eperm);
        return 0;
    };
    switch (command) {
        case MEMBARRIER_CMD_QUERY: return static_cast<std::uint64_t>(all_commands);
        // The processor is the only one, and sees its own writes in order.
        case MEMBARRIER_CMD_GLOBAL:
        case MEMBARRIER_CMD_GLOBAL_EXPEDITED: return 0;
        case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
        case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
            mm.register_membarrier(static_cast<std::uint32_t>(command));
            return 0;
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED: return after(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
            return after(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
        case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: return after(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ);
        case get_registrations: return mm.membarrier_registrations();
        default: return fail(Errno::einval);
    }
}

// --- mseal (mm/mseal.c)

Result<std::uint64_t> sys_mseal(System& system, const Arguments& a) {
    if (a[2] != 0) return fail(Errno::einval);
    return answer(system.task.mm->seal(VirtAddr(a[0]), a[1]));
}

// --- cachestat (mm/filemap.c)

Result<std::uint64_t> sys_cachestat(System& system, const Arguments& a) {
    struct CachestatRange {
        std::uint64_t offset, size_bytes;
    };
    struct Cachestat {
        std::uint64_t cached = 0, dirty = 0, under_writeback = 0, evicted = 0, recently_evicted = 0;  // pages
    };
    const auto description = system.task.files->find(a[0]);
    if (!description) return fail(description.error());
    const auto range = system.user().read<CachestatRange>(VirtAddr(a[1]));
    if (!range) return fail(range.error());
    if (static_cast<std::uint32_t>(a[3]) != 0) return fail(Errno::einval);
    Cachestat statistics;
    const auto mappable = (*description)->mappable(system);
    if (mappable && mappable->file != nullptr) {
        const std::uint64_t first = range->offset >> page_shift;
        const std::uint64_t end_byte = range->offset + range->size_bytes;
        // A size of 0 is all that follows.
        const std::uint64_t last = range->size_bytes == 0 || end_byte < range->offset
                                       ? std::numeric_limits<std::uint64_t>::max()
                                       : (end_byte - 1) >> page_shift;
        const auto for_each = [first, last](const auto& pages, auto&& visit) {
            for (auto page = pages.lower_bound(first); page != pages.end() && page->first <= last; ++page) {
                visit(page->second);
            }
        };
        // Fewer have left since than there is room for: with twice the room it would be here (workingset_test_recent).
        const mm::Reclaimer* reclaimer = system.memory.reclaimer();
        const auto count_evicted = [&](replacement::PageId page) {
            ++statistics.evicted;
            if (reclaimer->evictions_since(page) <= reclaimer->frames().value()) ++statistics.recently_evicted;
        };
        // Only in memory, a page is never behind (noop_dirty_folio).
        const bool has_source = mappable->file->kind() == mm::FileKind::regular;
        for_each(mappable->file->cached_pages(), [&](Pfn pfn) {
            ++statistics.cached;
            if (has_source && system.memory.frames()[pfn].dirty) ++statistics.dirty;
        });
        for_each(mappable->file->shadows(), count_evicted);
        for_each(mappable->file->swapped_pages(),
                 [&](emu::SwapSlot slot) { count_evicted(reclaimer->swap()->page_id(slot)); });
    }
    return answer(system.user().write(VirtAddr(a[2]), statistics));
}

}  // namespace fl::kernel
