// UserSegments: pieces of guest memory that a read or a write works through from front to back (Linux: struct
// iov_iter).
//
// Invariant: every segment lies in the user half, or in memory of the kernel's own; together they hold
// max_transfer_bytes at most.
#pragma once

#include "mm/user_memory.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace fl::kernel {

inline constexpr std::uint64_t max_transfer_bytes = 0x7fff'f000;  // MAX_RW_COUNT
inline constexpr std::uint64_t max_segments = 1024;               // UIO_MAXIOV

struct Segment {  // struct iovec
    std::uint64_t base;
    std::uint64_t size_bytes;
};

// iovec_from_user(): `count` of struct iovec at `address`, which say nothing true yet. EINVAL for too many or a
// negative size, EFAULT where the array cannot be read; of two bad elements the first decides.
Result<std::vector<Segment>> read_segments(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count);
// import_iovec(): the same, as memory of the caller's own: every segment lies in the user half, together they hold
// max_transfer_bytes at most. EFAULT, once all are read.
Result<std::vector<Segment>> import_segments(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count);

class UserSegments {
public:
    // import_ubuf(): the one segment of read(2) and write(2). EFAULT.
    static Result<UserSegments> single(mm::UserMemory& memory, std::uint64_t base, std::uint64_t size_bytes);
    // Those of readv(2) and writev(2); errors as import_segments() gives them.
    static Result<UserSegments> gather(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count);

    // Memory of the kernel's own in the place of the program's: what one file gives to another (ITER_KVEC).
    static UserSegments of_kernel(std::span<std::byte> bytes);

    std::uint64_t bytes_left() const { return left_; }
    // Whether the program names no memory at all.
    bool is_null() const { return memory_ != nullptr && !segments_.empty() && segments_.front().base == 0; }
    // Each moves on by what it returns, which is less than was asked for where the segments end or guest memory fails.
    std::uint64_t copy_from_guest(std::span<std::byte> into);
    std::uint64_t copy_to_guest(std::span<const std::byte> from);
    // Moves on without touching the memory.
    void skip(std::uint64_t size_bytes);

private:
    UserSegments(mm::UserMemory* memory, std::vector<Segment> segments);
    template <class Bytes, class Copy>
    std::uint64_t transfer(std::span<Bytes> bytes, Copy&& copy);

    mm::UserMemory* memory_;         // nullptr: the kernel's own
    std::span<std::byte> kernel_{};  // then, what the one segment means
    std::vector<Segment> segments_;
    std::size_t index_ = 0;
    std::uint64_t offset_ = 0;  // into segments_[index_]
    std::uint64_t left_ = 0;
};

}  // namespace fl::kernel
