// Locks on files (Linux: fs/locks.c).
#include "kernel/file_control.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/record_locks.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <optional>

namespace fl::kernel {

namespace {

constexpr std::int32_t lock_mandatory = 32;  // LOCK_MAND: known, and ignored

bool is_of_open_file(int command) {
    return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}
bool waits(int command) { return command == F_SETLKW || command == F_OFD_SETLKW; }

struct Bytes {
    std::uint64_t first, last;
};

// flock64_to_posix_lock(). EINVAL, EOVERFLOW.
Result<Bytes> bytes_of(const FileDescription& file, const struct flock& asked) {
    constexpr auto most = static_cast<std::int64_t>(max_file_bytes);
    std::int64_t first = 0;
    switch (asked.l_whence) {
        case SEEK_SET: break;
        case SEEK_CUR: first = static_cast<std::int64_t>(file.position); break;
        case SEEK_END:
            first = file.inode() != nullptr ? static_cast<std::int64_t>(file.inode()->size_bytes()) : 0;
            break;
        default: return fail(Errno::einval);
    }
    if (asked.l_start > most - first) return fail(Errno::eoverflow);
    first += asked.l_start;
    if (first < 0) return fail(Errno::einval);
    std::int64_t last = most;
    if (asked.l_len > 0) {
        if (asked.l_len - 1 > most - first) return fail(Errno::eoverflow);
        last = first + asked.l_len - 1;
    } else if (asked.l_len < 0) {
        if (first + asked.l_len < 0) return fail(Errno::einval);
        last = first - 1;
        first += asked.l_len;
    }
    return Bytes{static_cast<std::uint64_t>(first), static_cast<std::uint64_t>(last)};
}

Result<RecordLock> record_of(const System& system, const FileDescription& file, int command,
                             const struct flock& asked) {
    const auto bytes = bytes_of(file, asked);
    if (!bytes) return fail(bytes.error());
    if (asked.l_type != F_RDLCK && asked.l_type != F_WRLCK && asked.l_type != F_UNLCK) return fail(Errno::einval);
    const bool of_file = is_of_open_file(command);
    return RecordLock{bytes->first, bytes->last, asked.l_type == F_WRLCK ? LockKind::exclusive : LockKind::shared,
                      of_file ? static_cast<LockOwner>(&file) : system.task.files.get(),
                      of_file ? -1 : static_cast<std::int32_t>(system.task.pid)};
}

// fcntl_getlk()
Result<std::uint64_t> get_lock(System& system, FileDescription& file, int command, std::uint64_t address) {
    auto asked = system.user().read<struct flock>(VirtAddr(address));
    if (!asked) return fail(asked.error());
    const bool of_file = is_of_open_file(command);
    if (!of_file && asked->l_type != F_RDLCK && asked->l_type != F_WRLCK) return fail(Errno::einval);
    const auto wanted = record_of(system, file, command, *asked);
    if (!wanted) return fail(wanted.error());
    if (of_file && asked->l_pid != 0) return fail(Errno::einval);
    const RecordLock* found = nullptr;
    if (file.inode() != nullptr) {
        const RecordLocks& locks = file.inode()->record_locks();
        found = asked->l_type == F_UNLCK ? locks.own(*wanted) : locks.conflict(*wanted);
    }
    if (found == nullptr) {
        asked->l_type = F_UNLCK;
    } else {
        asked->l_type = found->kind == LockKind::exclusive ? F_WRLCK : F_RDLCK;
        asked->l_whence = SEEK_SET;
        asked->l_start = static_cast<off_t>(found->first);
        asked->l_len = found->last == max_file_bytes ? 0 : static_cast<off_t>(found->last - found->first + 1);
        asked->l_pid = found->pid;
    }
    return answer(system.user().write(VirtAddr(address), *asked));
}

// do_lock_file_wait(). EAGAIN, EDEADLK, EINTR, ENOLCK.
Result<void> take(System& system, RecordLocks& locks, const RecordLock& wanted, int command) {
    LockWaits& all_waits = system.vfs.lock_waits();
    while (const RecordLock* holder = locks.conflict(wanted)) {
        if (!waits(command)) return fail(Errno::eagain);
        const LockOwner held_by = holder->owner;
        const bool of_process = !is_of_open_file(command);
        if (of_process && all_waits.closes_circle(wanted.owner, held_by)) return fail(Errno::edeadlk);
        if (of_process) all_waits.add(wanted.owner, held_by);
        const WakeReason reason = system.scheduler.wait(system.task, locks.changed());
        if (of_process) all_waits.remove(wanted.owner, held_by);
        if (reason == WakeReason::signal) return fail(interrupted(system.task));
    }
    return locks.set(wanted);
}

// fcntl_setlk()
Result<std::uint64_t> set_lock(System& system, const DescriptionPointer& file, const Arguments& a) {
    const int command = int_argument(a[1]);
    const auto asked = system.user().read<struct flock>(VirtAddr(a[2]));
    if (!asked) return fail(asked.error());
    const auto wanted = record_of(system, *file, command, *asked);
    if (!wanted) return fail(wanted.error());
    if (asked->l_type == F_RDLCK && !file->is_readable()) return fail(Errno::ebadf);
    if (asked->l_type == F_WRLCK && !file->is_writable()) return fail(Errno::ebadf);
    if (is_of_open_file(command) && asked->l_pid != 0) return fail(Errno::einval);
    // A stream of the host and what has no name are locked by nobody here.
    if (file->inode() == nullptr) return 0;
    RecordLocks& locks = file->inode()->record_locks();
    if (asked->l_type == F_UNLCK) return answer(locks.unlock(*wanted));
    if (auto taken = take(system, locks, *wanted, command); !taken) return fail(taken.error());
    // Another thread may have closed it meanwhile: then nobody would let go of the lock.
    const auto now = system.task.files->find_any(a[0]);
    if (!is_of_open_file(command) && (!now || *now != file)) {
        (void)locks.unlock(*wanted);
        return fail(Errno::ebadf);
    }
    return 0;
}

}  // namespace

bool is_lock_command(int command) {
    switch (command) {
        case F_GETLK:
        case F_SETLK:
        case F_SETLKW:
        case F_OFD_GETLK:
        case F_OFD_SETLK:
        case F_OFD_SETLKW:
        case F_SETLEASE:
        case F_GETLEASE: return true;
        default: return false;
    }
}

Result<std::uint64_t> control_locks(System& system, const DescriptionPointer& file, const Arguments& a) {
    switch (const int command = int_argument(a[1])) {
        case F_GETLK:
        case F_OFD_GETLK: return get_lock(system, *file, command, a[2]);
        // There are no leases, as on file systems that give none (simple_nosetlease).
        case F_SETLEASE: return fail(Errno::einval);
        case F_GETLEASE: return F_UNLCK;
        default: return set_lock(system, file, a);
    }
}

Result<std::uint64_t> sys_flock(System& system, const Arguments& a) {
    const std::int32_t command = int_argument(a[1]) & ~LOCK_NB;
    if ((command & lock_mandatory) != 0) return 0;
    if (command != LOCK_SH && command != LOCK_EX && command != LOCK_UN) return fail(Errno::einval);
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    // A stream of the host is locked by nobody here.
    Inode* inode = (*file)->inode();
    if (inode == nullptr) return 0;
    FileLocks& locks = inode->locks();
    if (command == LOCK_UN) {
        locks.release(**file);
        return 0;
    }
    for (;;) {
        const auto taken = locks.take(**file, command == LOCK_EX ? LockKind::exclusive : LockKind::shared);
        if (taken) return 0;
        if ((int_argument(a[1]) & LOCK_NB) != 0) return fail(taken.error());
        if (system.scheduler.wait(system.task, locks.changed()) == WakeReason::signal) {
            return fail(interrupted(system.task));
        }
    }
}

}  // namespace fl::kernel
