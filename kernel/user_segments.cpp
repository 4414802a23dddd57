#include "kernel/user_segments.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace fl::kernel {

namespace {

// access_ok()
bool in_user_half(const Segment& segment) {
    const std::uint64_t end = mm::task_size.value();
    return segment.size_bytes <= end && segment.base <= end - segment.size_bytes;
}

}  // namespace

// lib/iov_iter.c, copy_iovec_from_user: element by element, so that a negative size counts before what follows it is
// read.
Result<std::vector<Segment>> read_segments(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count) {
    if (count > max_segments) return fail(Errno::einval);
    std::vector<Segment> segments;
    if (count == 0) return segments;
    if (!in_user_half({address, count * sizeof(Segment)})) return fail(Errno::efault);
    segments.reserve(count);
    for (std::uint64_t index = 0; index < count; ++index) {
        const auto segment = memory.read<Segment>(VirtAddr(address + index * sizeof(Segment)));
        if (!segment) return fail(segment.error());
        if (segment->size_bytes > std::numeric_limits<std::int64_t>::max()) return fail(Errno::einval);
        segments.push_back(*segment);
    }
    return segments;
}

// lib/iov_iter.c, __import_iovec: where there is but one, only the part of it that can be transferred must lie in the
// user half.
Result<std::vector<Segment>> import_segments(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count) {
    auto segments = read_segments(memory, address, count);
    if (!segments) return segments;
    if (count == 1) segments->front().size_bytes = std::min(segments->front().size_bytes, max_transfer_bytes);
    std::uint64_t room = max_transfer_bytes;
    for (Segment& segment : *segments) {
        if (!in_user_half(segment)) return fail(Errno::efault);
        segment.size_bytes = std::min(segment.size_bytes, room);
        room -= segment.size_bytes;
    }
    return segments;
}

UserSegments::UserSegments(mm::UserMemory* memory, std::vector<Segment> segments)
    : memory_(memory), segments_(std::move(segments)) {
    for (const Segment& segment : segments_) left_ += segment.size_bytes;
}

Result<UserSegments> UserSegments::single(mm::UserMemory& memory, std::uint64_t base, std::uint64_t size_bytes) {
    if (!in_user_half({base, size_bytes})) return fail(Errno::efault);
    return UserSegments(&memory, {{base, std::min(size_bytes, max_transfer_bytes)}});
}

Result<UserSegments> UserSegments::gather(mm::UserMemory& memory, std::uint64_t address, std::uint64_t count) {
    auto segments = import_segments(memory, address, count);
    if (!segments) return fail(segments.error());
    return UserSegments(&memory, std::move(*segments));
}

UserSegments UserSegments::of_kernel(std::span<std::byte> bytes) {
    UserSegments segments(nullptr, {{0, bytes.size()}});
    segments.kernel_ = bytes;
    return segments;
}

// Copies with copy(address, bytes) -> bytes that worked, until `bytes` is used up or guest memory fails.
template <class Bytes, class Copy>
std::uint64_t UserSegments::transfer(std::span<Bytes> bytes, Copy&& copy) {
    std::uint64_t done = 0;
    while (done < bytes.size() && index_ < segments_.size()) {
        const Segment& segment = segments_[index_];
        const std::uint64_t part = std::min(segment.size_bytes - offset_, bytes.size() - done);
        const std::uint64_t copied = copy(VirtAddr(segment.base + offset_), bytes.subspan(done, part));
        done += copied;
        skip(copied);
        if (copied < part) break;
        if (part == 0) ++index_, offset_ = 0;
    }
    return done;
}

void UserSegments::skip(std::uint64_t size_bytes) {
    left_ -= size_bytes;
    while (size_bytes > 0) {
        const std::uint64_t part = std::min(segments_[index_].size_bytes - offset_, size_bytes);
        offset_ += part;
        size_bytes -= part;
        if (offset_ == segments_[index_].size_bytes) ++index_, offset_ = 0;
    }
}

std::uint64_t UserSegments::copy_from_guest(std::span<std::byte> into) {
    return transfer(into, [this](VirtAddr at, std::span<std::byte> part) -> std::uint64_t {
        if (memory_ != nullptr) return memory_->copy_from_partial(at, part);
        if (!part.empty()) std::memcpy(part.data(), kernel_.data() + at.value(), part.size());
        return part.size();
    });
}

std::uint64_t UserSegments::copy_to_guest(std::span<const std::byte> from) {
    return transfer(from, [this](VirtAddr at, std::span<const std::byte> part) -> std::uint64_t {
        if (memory_ != nullptr) return memory_->copy_to_partial(at, part);
        if (!part.empty()) std::memcpy(kernel_.data() + at.value(), part.data(), part.size());
        return part.size();
    });
}

}  // namespace fl::kernel
