#include "kernel/vfs/file_locks.hpp"

#include <algorithm>

namespace fl::kernel {

// flock_lock_inode(): a lock of another kind is let go before the new one is tried.
Result<void> FileLocks::take(const FileDescription& owner, LockKind kind) {
    const bool holds = std::any_of(locks_.begin(), locks_.end(),
                                   [&](const Lock& lock) { return lock.owner == &owner && lock.kind == kind; });
    if (holds) return {};
    release(owner);
    const bool in_the_way = std::any_of(locks_.begin(), locks_.end(), [kind](const Lock& lock) {
        return kind == LockKind::exclusive || lock.kind == LockKind::exclusive;
    });
    if (in_the_way) return fail(Errno::eagain);
    locks_.push_back({&owner, kind});
    return {};
}

void FileLocks::release(const FileDescription& owner) {
    const auto gone = std::erase_if(locks_, [&owner](const Lock& lock) { return lock.owner == &owner; });
    if (gone > 0) changed_.wake_all();
}

}  // namespace fl::kernel
