// System V shared memory's calls (Linux: ipc/shm.c), in Linux's order of checks.
#include "kernel/mapping_changes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/sysv_ipc.hpp"

#include <sys/shm.h>

#include <algorithm>

namespace fl::kernel {

namespace {

using SegmentPointer = std::shared_ptr<ShmSegment>;

shmid_ds user_segment(const ShmSegment& segment) {
    shmid_ds user{};
    user.shm_perm = ipc_user_permissions(segment.permissions);
    user.shm_segsz = segment.size_bytes;
    user.shm_atime = static_cast<time_t>(segment.attached_s);
    user.shm_dtime = static_cast<time_t>(segment.detached_s);
    user.shm_ctime = static_cast<time_t>(segment.changed_s);
    user.shm_cpid = static_cast<pid_t>(segment.creator_pid);
    user.shm_lpid = static_cast<pid_t>(segment.last_pid);
    user.shm_nattch = segment.attach_count;
    return user;
}

Result<std::uint64_t> limits(System& system, std::uint64_t target) {
    shminfo info{};
    info.shmmni = info.shmseg = ShmSegments::max_segments;
    info.shmmax = ShmSegments::max_bytes;
    info.shmall = ShmSegments::max_pages_of_all;
    info.shmmin = 1;
    if (auto done = system.user().write(VirtAddr(target), info); !done) return fail(done.error());
    return system.ipc.shm.table().highest_index();
}

// SHM_INFO. The counts of attempts are 0 on Linux as well.
Result<std::uint64_t> usage(System& system, std::uint64_t target) {
    const ShmSegments& segments = system.ipc.shm;
    shm_info info{};
    info.used_ids = static_cast<int>(segments.table().count());
    info.shm_tot = segments.total_pages();
    for (const auto& [index, segment] : segments.table().all()) {
        info.shm_rss += segment->file->cached_page_count().value();
        info.shm_swp += segment->swapped_page_count().value();
    }
    if (auto done = system.user().write(VirtAddr(target), info); !done) return fail(done.error());
    return segments.table().highest_index();
}

Result<std::uint64_t> status(System& system, std::int32_t id, int command, std::uint64_t target) {
    const IpcTable<ShmSegment>& table = system.ipc.shm.table();
    const auto segment = command == IPC_STAT ? table.find(id) : table.find_index(id);
    if (!segment) return fail(segment.error());
    const bool asks = command != SHM_STAT_ANY;
    if (asks && !ipc_permits(system.task, (*segment)->permissions, ipc_read_all)) return fail(Errno::eacces);
    if (auto done = system.user().write(VirtAddr(target), user_segment(**segment)); !done) return fail(done.error());
    return command == IPC_STAT ? 0 : static_cast<std::uint64_t>((*segment)->permissions.id);
}

// EINVAL, EPERM.
Result<SegmentPointer> find_own(System& system, std::int32_t id) {
    auto segment = system.ipc.shm.table().find(id);
    if (segment && !ipc_owns(system.task, (*segment)->permissions)) return fail(Errno::eperm);
    return segment;
}

Result<std::uint64_t> set(System& system, std::int32_t id, std::uint64_t source) {
    const auto wanted = system.user().read<shmid_ds>(VirtAddr(source));
    if (!wanted) return fail(wanted.error());
    const auto segment = find_own(system, id);
    if (!segment) return fail(segment.error());
    ipc_set_permissions((*segment)->permissions, wanted->shm_perm);
    (*segment)->changed_s = system.ipc.shm.now_s();
    return 0;
}

// shmctl_do_lock(). What is in memory stays there, and what comes; nothing is brought in for it.
Result<std::uint64_t> lock(System& system, std::int32_t id, int command) {
    const auto segment = system.ipc.shm.table().find(id);
    if (!segment) return fail(segment.error());
    IpcPermissions& permissions = (*segment)->permissions;
    if (!system.task.credentials.may(Capability::ipc_lock)) {
        if (system.task.credentials.user.effective != permissions.uid &&
            system.task.credentials.user.effective != permissions.cuid)
            return fail(Errno::eperm);
        const std::uint64_t limit = soft_limit(system.task.process->limits, Limit::locked_memory);
        if (command == SHM_LOCK && limit == 0) return fail(Errno::eperm);
        if (command == SHM_LOCK && (*segment)->size_bytes > limit) return fail(Errno::enomem);
    }
    permissions.mode =
        command == SHM_LOCK ? permissions.mode | ShmSegment::locked : permissions.mode & ~ShmSegment::locked;
    (*segment)->file->set_locked(command == SHM_LOCK);
    return 0;
}

// do_shmat(): where the segment goes, and whether it may take the place of others.
Result<mm::MapRequest> place_of(std::uint64_t address, int flags) {
    mm::MapRequest request;
    request.flags = mm::map_shared;
    if (address == 0) {
        if ((flags & SHM_REMAP) != 0) return fail(Errno::einval);
        return request;
    }
    if ((address & page_mask) != 0) {
        if ((flags & SHM_RND) == 0) return fail(Errno::einval);
        address &= ~page_mask;
        if (address == 0 && (flags & SHM_REMAP) != 0) return fail(Errno::einval);
    }
    request.hint = VirtAddr(address);
    if (address != 0) request.flags |= mm::map_fixed;
    return request;
}

Result<std::uint64_t> attach(System& system, mm::MapRequest request, const SegmentPointer& segment, int flags) {
    const bool executes = (flags & SHM_EXEC) != 0, writes = (flags & SHM_RDONLY) == 0;
    request.length_bytes = segment->size_bytes;
    request.prot = mm::prot_read | (writes ? mm::prot_write : 0) | (executes ? mm::prot_exec : 0);
    request.file = segment->file;
    request.file_access.writable = writes;
    request.observer = system.ipc.shm.attachment(segment);
    mm::MmStruct& mm = *system.task.mm;
    if ((request.flags & mm::map_fixed) != 0 && (flags & SHM_REMAP) == 0) {
        const auto end = request.hint.checked_add(segment->size_bytes);
        if (!end) return fail(Errno::einval);
        const bool fits = *end <= mm::task_size;
        if (fits && mm.vmas().find_intersection(VirtRange{request.hint, end->page_ceil()}) != nullptr) {
            return fail(Errno::einval);
        }
    }
    const auto start = mm.map(request);
    if (!start) return fail(start.error());
    const VirtRange mapped{*start, *start + PageCount::of_bytes(segment->size_bytes).bytes()};
    note_mapped(system, "shmat", mapped, request.prot);
    if (mm.def_flags().has(mm::vm_locked)) {
        (void)system.user().populate(mapped, mm::UserMemory::Failures::pass_over);
    }
    return start->value();
}

}  // namespace

Result<std::uint64_t> sys_shmget(System& system, const Arguments& a) {
    const ShmSegments::NewSegment wanted{int_argument(a[0]), int_argument(a[2]), a[1]};
    const auto fits = [&wanted](const ShmSegment& segment) -> Result<void> {
        return segment.size_bytes < wanted.size_bytes ? fail(Errno::einval) : Result<void>{};
    };
    ShmSegments& segments = system.ipc.shm;
    return ipc_get(system.task, segments.table(), wanted.key, wanted.flags, fits,
                   [&] { return segments.add(system, wanted); });
}

Result<std::uint64_t> sys_shmat(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), flags = int_argument(a[2]);
    if (id < 0) return fail(Errno::einval);
    const auto request = place_of(a[1], flags);
    if (!request) return fail(request.error());
    const auto segment = system.ipc.shm.table().find(id);
    if (!segment) return fail(segment.error());
    std::uint32_t wanted = (flags & SHM_RDONLY) != 0 ? ipc_read_all : ipc_read_all | ipc_write_all;
    if ((flags & SHM_EXEC) != 0) wanted |= 0111;
    if (!ipc_permits(system.task, (*segment)->permissions, wanted)) return fail(Errno::eacces);
    return attach(system, *request, *segment, flags);
}

// All that is left of one shmat(2), whose first part may be gone (ksys_shmdt).
Result<std::uint64_t> sys_shmdt(System& system, const Arguments& a) {
    const VirtAddr address(a[0]);
    if (!address.page_aligned()) return fail(Errno::einval);
    mm::MmStruct& mm = *system.task.mm;
    const auto belongs = [address](const mm::Vma& vma) {
        return vma.observer() != nullptr && (vma.start() - address) >> page_shift == vma.pgoff();
    };
    const mm::Vma* vma = mm.vmas().find(address);
    while (vma != nullptr && (vma->start() < address || !belongs(*vma))) vma = vma->next();
    if (vma == nullptr) return fail(Errno::einval);
    // Every attachment is a file of its own, as Linux sees it.
    const std::shared_ptr<mm::MappingObserver> observer = vma->content().observer;
    const std::uint64_t size_bytes = vma->file()->page_count().bytes();
    while (vma != nullptr && vma->end() - address <= size_bytes) {
        const VirtRange range = vma->range();
        if (belongs(*vma) && vma->observer() == observer.get()) {
            const MappedParts parts(mm, range);
            if (mm.unmap(range.start, range.size_bytes())) note_unmapped(system, "shmdt", parts);
        }
        vma = mm.vmas().find(range.end);
    }
    return 0;
}

Result<std::uint64_t> sys_shmctl(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), command = int_argument(a[1]);
    if (command < 0 || id < 0) return fail(Errno::einval);
    switch (command) {
        case IPC_INFO: return limits(system, a[2]);
        case SHM_INFO: return usage(system, a[2]);
        case IPC_STAT:
        case SHM_STAT:
        case SHM_STAT_ANY: return status(system, id, command, a[2]);
        case IPC_SET: return set(system, id, a[2]);
        case SHM_LOCK:
        case SHM_UNLOCK: return lock(system, id, command);
        case IPC_RMID: {
            const auto segment = find_own(system, id);
            if (!segment) return fail(segment.error());
            system.ipc.shm.remove(**segment);
            return 0;
        }
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
