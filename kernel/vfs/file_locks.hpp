// FileLocks: who has locked a file with flock(2) (Linux: fs/locks.c). A lock belongs to the open file that took it, so
// that descriptors made by dup(2) share it, and goes when that is closed for the last time.
#pragma once

#include "kernel/wait_queue.hpp"
#include "mm/errno.hpp"

#include <cstdint>
#include <vector>

namespace fl::kernel {

class FileDescription;

enum class LockKind : std::uint8_t { shared, exclusive };

class FileLocks {
public:
    // Whoever holds a lock already changes its kind. EAGAIN where somebody else's stands in the way; the owner's old
    // lock is gone then, as on Linux.
    Result<void> take(const FileDescription& owner, LockKind kind);
    void release(const FileDescription& owner);
    // Woken when a lock is let go.
    WaitQueue& changed() { return changed_; }

private:
    struct Lock {
        const FileDescription* owner;
        LockKind kind;
    };
    std::vector<Lock> locks_;
    WaitQueue changed_;
};

}  // namespace fl::kernel
