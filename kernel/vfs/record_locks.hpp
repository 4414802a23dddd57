// RecordLocks: who has locked which bytes of a file with fcntl(2) (Linux: fs/locks.c). A lock belongs to a process's
// table of descriptors and goes when any descriptor of the file in it is closed, or to an open file (F_OFD_SETLK).
//
// Invariants: an owner's locks stand together, in ascending order, do not overlap, and neighbours of one kind are one.
#pragma once

#include "kernel/vfs/file_locks.hpp"
#include "kernel/wait_queue.hpp"
#include "mm/errno.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::kernel {

// A FileTable or a FileDescription, never looked into.
using LockOwner = const void*;

struct RecordLock {
    std::uint64_t first, last;  // bytes, both inclusive
    LockKind kind;
    LockOwner owner;
    std::int32_t pid;  // of who took it; -1 for an open file's

    bool overlaps(const RecordLock& other) const { return first <= other.last && other.first <= last; }
    bool conflicts_with(const RecordLock& other) const {
        return owner != other.owner && overlaps(other) &&
               (kind == LockKind::exclusive || other.kind == LockKind::exclusive);
    }
};

class RecordLocks {
public:
    static constexpr std::size_t max_locks = 1 << 16;  // of one file, so that they cannot fill the host's memory

    // The first that stands in the way; nullptr: none.
    const RecordLock* conflict(const RecordLock& wanted) const;
    // The first of the owner's own that overlaps.
    const RecordLock* own(const RecordLock& range) const;
    // Takes the place of whatever the owner had there. Nothing may stand in the way. ENOLCK.
    Result<void> set(const RecordLock& lock);
    // Of `range` only owner and bytes count. ENOLCK.
    Result<void> unlock(const RecordLock& range);
    void release(LockOwner owner);
    // Woken when a lock is let go or becomes weaker.
    WaitQueue& changed() { return changed_; }

private:
    using Place = std::vector<RecordLock>::iterator;
    Place carve(const RecordLock& range);
    bool has_room() const { return locks_.size() + 2 <= max_locks; }

    std::vector<RecordLock> locks_;
    WaitQueue changed_;
};

// Which owner waits for which, so that nobody waits in a circle (blocked_hash).
class LockWaits {
public:
    void add(LockOwner waiter, LockOwner holder) { waits_.push_back({waiter, holder}); }
    void remove(LockOwner waiter, LockOwner holder);
    // Whether `holder` waits for `waiter` already, over others or not (posix_locks_deadlock).
    bool closes_circle(LockOwner waiter, LockOwner holder) const;

private:
    struct Wait {
        LockOwner waiter, holder;
    };
    std::vector<Wait> waits_;
};

}  // namespace fl::kernel
