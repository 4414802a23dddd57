#include "kernel/vfs/record_locks.hpp"

#include <algorithm>
#include <limits>

namespace fl::kernel {

const RecordLock* RecordLocks::conflict(const RecordLock& wanted) const {
    const auto found = std::find_if(locks_.begin(), locks_.end(),
                                    [&wanted](const RecordLock& lock) { return lock.conflicts_with(wanted); });
    return found != locks_.end() ? &*found : nullptr;
}

const RecordLock* RecordLocks::own(const RecordLock& range) const {
    const auto found = std::find_if(locks_.begin(), locks_.end(), [&range](const RecordLock& lock) {
        return lock.owner == range.owner && lock.overlaps(range);
    });
    return found != locks_.end() ? &*found : nullptr;
}

// Takes the range out of the owner's locks, splitting what reaches beyond it. Where a lock of this range belongs.
RecordLocks::Place RecordLocks::carve(const RecordLock& range) {
    const auto is_own = [&range](const RecordLock& lock) { return lock.owner == range.owner; };
    auto at = std::find_if(locks_.begin(), locks_.end(), is_own);
    while (at != locks_.end() && is_own(*at) && at->last < range.first) ++at;
    while (at != locks_.end() && is_own(*at) && at->first <= range.last) {
        const RecordLock old = *at;
        at = locks_.erase(at);
        if (old.first < range.first) {
            RecordLock before = old;
            before.last = range.first - 1;
            at = locks_.insert(at, before) + 1;
        }
        if (old.last > range.last) {
            RecordLock behind = old;
            behind.first = range.last + 1;
            at = locks_.insert(at, behind);
            break;
        }
    }
    return at;
}

Result<void> RecordLocks::set(const RecordLock& lock) {
    if (!has_room()) return fail(Errno::enolck);
    const auto joins = [](const RecordLock& a, const RecordLock& b) {
        return a.owner == b.owner && a.kind == b.kind && a.last + 1 == b.first;
    };
    auto at = locks_.insert(carve(lock), lock);
    if (at != locks_.begin() && joins(*(at - 1), *at)) {
        at->first = (at - 1)->first;
        at = locks_.erase(at - 1);
    }
    if (at + 1 != locks_.end() && joins(*at, *(at + 1))) {
        at->last = (at + 1)->last;
        locks_.erase(at + 1);
    }
    if (lock.kind == LockKind::shared) changed_.wake_all();
    return {};
}

Result<void> RecordLocks::unlock(const RecordLock& range) {
    if (!has_room()) return fail(Errno::enolck);
    carve(range);
    changed_.wake_all();
    return {};
}

void RecordLocks::release(LockOwner owner) {
    const auto gone = std::erase_if(locks_, [owner](const RecordLock& lock) { return lock.owner == owner; });
    if (gone > 0) changed_.wake_all();
}

void LockWaits::remove(LockOwner waiter, LockOwner holder) {
    const auto found = std::find_if(waits_.begin(), waits_.end(),
                                    [&](const Wait& wait) { return wait.waiter == waiter && wait.holder == holder; });
    if (found != waits_.end()) waits_.erase(found);
}

bool LockWaits::closes_circle(LockOwner waiter, LockOwner holder) const {
    constexpr int longest = 10;  // MAX_DEADLK_ITERATIONS
    for (int step = 0; step < longest; ++step) {
        if (holder == waiter) return true;
        const auto next =
            std::find_if(waits_.begin(), waits_.end(), [holder](const Wait& wait) { return wait.waiter == holder; });
        if (next == waits_.end()) return false;
        holder = next->holder;
    }
    return false;
}

}  // namespace fl::kernel
