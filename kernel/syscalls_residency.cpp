// Which memory is kept, brought in, given up or written back (Linux: mm/mlock.c, mm/madvise.c, mm/mincore.c,
// mm/msync.c). The work is MmStruct's; pages are brought in through UserMemory.
#include "kernel/syscalls.hpp"
#include "kernel/userfaultfd.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t mlock_onfault = 1;

// What mlock answers when pages could not be brought in (__mlock_posix_error_return).
Errno posix_lock_error(Errno error) {
    if (error == Errno::efault) return Errno::enomem;
    return error == Errno::enomem ? Errno::eagain : error;
}

Result<std::uint64_t> lock(System& system, const Arguments& a, mm::VmFlags flags) {
    const VirtAddr start(a[0]);
    if (auto locked = system.task.mm->lock(start, a[1], flags); !locked) return fail(locked.error());
    const VirtRange range{start.page_floor(), VirtAddr((start.value() + a[1] + page_mask) & ~page_mask)};
    if (range.end <= range.start) return 0;
    const auto populated = system.user().populate(range, mm::UserMemory::Failures::stop);
    if (!populated) return fail(posix_lock_error(populated.error()));
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_mlock(System& system, const Arguments& a) { return lock(system, a, mm::VmFlags()); }

Result<std::uint64_t> sys_mlock2(System& system, const Arguments& a) {
    const auto flags = static_cast<std::uint32_t>(a[2]);
    if ((flags & ~mlock_onfault) != 0) return fail(Errno::einval);
    return lock(system, a, flags != 0 ? mm::vm_lockonfault : mm::VmFlags());
}

Result<std::uint64_t> sys_munlock(System& system, const Arguments& a) {
    return answer(system.task.mm->unlock(VirtAddr(a[0]), a[1]));
}

Result<std::uint64_t> sys_mlockall(System& system, const Arguments& a) {
    const auto flags = static_cast<std::uint32_t>(a[0]);
    if (auto locked = system.task.mm->lock_all(flags); !locked) return fail(locked.error());
    if ((flags & mm::mcl_current) != 0) {
        (void)system.user().populate(VirtRange{VirtAddr(0), mm::task_size}, mm::UserMemory::Failures::pass_over);
    }
    return 0;
}

Result<std::uint64_t> sys_munlockall(System& system, const Arguments&) {
    system.task.mm->unlock_all();
    return 0;
}

namespace {

// What takes pages out is announced first to who looks after them; what madvise(2) refuses is not.
void announce(System& system, mm::MmStruct& mm, const MemoryAdvice& wanted) {
    constexpr std::int32_t dontneed_locked = 24;  // MADV_DONTNEED_LOCKED
    const bool takes_out = wanted.advice == MADV_DONTNEED || wanted.advice == MADV_FREE ||
                           wanted.advice == MADV_REMOVE || wanted.advice == dontneed_locked;
    if (!takes_out || !wanted.start.page_aligned() || wanted.length_bytes > mm::task_size.value()) return;
    if (wanted.start > mm::task_size - wanted.length_bytes) return;
    announce_removal(system, mm, VirtRange{wanted.start, (wanted.start + wanted.length_bytes).page_ceil()});
}

}  // namespace

Result<void> advise_memory(System& system, mm::MmStruct& mm, mm::UserMemory& user, const MemoryAdvice& wanted) {
    announce(system, mm, wanted);
    if (auto advised = mm.advise(wanted.start, wanted.length_bytes, wanted.advice); !advised) return advised;
    const bool writes = wanted.advice == mm::madv_populate_write;
    if (!writes && wanted.advice != mm::madv_populate_read) return {};
    const VirtRange range{wanted.start, wanted.start + PageCount::of_bytes(wanted.length_bytes).bytes()};
    return user.populate_for(range, writes ? emu::Access::write : emu::Access::read);
}

Result<std::uint64_t> sys_madvise(System& system, const Arguments& a) {
    const MemoryAdvice wanted{VirtAddr(a[0]), a[1], int_argument(a[2])};
    return answer(advise_memory(system, *system.task.mm, system.user(), wanted));
}

Result<std::uint64_t> sys_mincore(System& system, const Arguments& a) {
    const auto in_user_half = [](std::uint64_t start, std::uint64_t length_bytes) {
        const std::uint64_t end = mm::task_size.value();
        return length_bytes <= end && start <= end - length_bytes;
    };
    if ((a[0] & page_mask) != 0) return fail(Errno::einval);
    if (!in_user_half(a[0], a[1])) return fail(Errno::enomem);
    const PageCount pages = PageCount::of_bytes(a[1]);
    if (!in_user_half(a[2], pages.value())) return fail(Errno::efault);

    std::array<std::byte, page_size> chunk{};
    std::uint64_t done = 0;
    while (done < pages.value()) {
        const auto part = std::span(chunk).first(std::min<std::uint64_t>(chunk.size(), pages.value() - done));
        const auto found = system.task.mm->mincore(VirtAddr(a[0]) + PageCount(done).bytes(), part);
        if (!found) return fail(found.error());
        const auto copied = system.user().copy_to(VirtAddr(a[2]) + done, part.first(found->value()));
        if (!copied) return fail(copied.error());
        done += found->value();
    }
    return 0;
}

Result<std::uint64_t> sys_msync(System& system, const Arguments& a) {
    return answer(system.task.mm->sync(VirtAddr(a[0]), a[1], static_cast<std::uint32_t>(a[2])));
}

}  // namespace fl::kernel
