// process_vm_readv and process_vm_writev (Linux: mm/process_vm_access.c), between parts of one process: there is no
// other.
#include "kernel/syscalls.hpp"
#include "kernel/user_segments.hpp"

#include <algorithm>
#include <limits>

namespace fl::kernel {

namespace {

struct Segment {  // struct iovec
    std::uint64_t base;
    std::uint64_t size_bytes;
};
using Segments = std::vector<Segment>;

// iovec_from_user(): EINVAL for too many or a negative size, EFAULT.
Result<Segments> read_segments(System& system, std::uint64_t address, std::uint64_t count) {
    if (count > max_segments) return fail(Errno::einval);
    Segments segments(count);
    const auto bytes = std::as_writable_bytes(std::span(segments));
    if (auto done = system.user().copy_from(VirtAddr(address), bytes); !done) return fail(done.error());
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    if (std::ranges::any_of(segments, [](const Segment& segment) { return segment.size_bytes > most; })) {
        return fail(Errno::einval);
    }
    return segments;
}

// import_iovec(): the caller's own segments lie in the user half and hold max_transfer_bytes at most.
Result<Segments> read_own_segments(System& system, std::uint64_t address, std::uint64_t count) {
    auto segments = read_segments(system, address, count);
    if (!segments) return segments;
    std::uint64_t room = max_transfer_bytes;
    for (Segment& segment : *segments) {
        const std::uint64_t end = mm::task_size.value();
        if (segment.size_bytes > end || segment.base > end - segment.size_bytes) return fail(Errno::efault);
        segment.size_bytes = std::min(segment.size_bytes, room);
        room -= segment.size_bytes;
    }
    return segments;
}

// Moves on through segments, never across a page.
class Walk {
public:
    explicit Walk(const Segments& segments) : segments_(segments) { skip_empty(); }
    bool at_end() const { return index_ == segments_.size(); }
    std::uint64_t address() const { return segments_[index_].base + offset_; }
    std::uint64_t bytes_here() const {
        return std::min(segments_[index_].size_bytes - offset_, page_size - (address() & page_mask));
    }
    void advance(std::uint64_t size_bytes) {
        offset_ += size_bytes;
        skip_empty();
    }

private:
    void skip_empty() {
        while (index_ < segments_.size() && offset_ == segments_[index_].size_bytes) {
            ++index_;
            offset_ = 0;
        }
    }

    const Segments& segments_;
    std::size_t index_ = 0;
    std::uint64_t offset_ = 0;
};

enum class Direction : std::uint8_t { from_process, to_process };

// The caller's own memory is touched as by the processor, the process's is reached through its page tables.
std::uint64_t copy(System& system, Walk own, Walk theirs, Direction direction) {
    mm::UserMemory& user = system.user();
    const bool reads = direction == Direction::from_process;
    std::array<std::byte, page_size> buffer{};
    std::uint64_t done = 0;
    while (!own.at_end() && !theirs.at_end()) {
        const auto part = std::span(buffer).first(std::min(own.bytes_here(), theirs.bytes_here()));
        const VirtAddr own_address(own.address()), their_address(theirs.address());
        const std::uint64_t read = reads ? user.copy_from_remote(their_address, part, mm::Rights::obeyed)
                                         : user.copy_from_partial(own_address, part);
        const auto bytes = part.first(read);
        const std::uint64_t written = reads ? user.copy_to_partial(own_address, bytes)
                                            : user.copy_to_remote(their_address, bytes, mm::Rights::obeyed);
        done += written;
        if (written < part.size()) break;
        own.advance(written);
        theirs.advance(written);
    }
    return done;
}

Result<std::uint64_t> process_vm(System& system, const Arguments& a, Direction direction) {
    if (a[5] != 0) return fail(Errno::einval);
    const auto own = read_own_segments(system, a[1], a[2]);
    if (!own) return fail(own.error());
    if (Walk(*own).at_end()) return 0;
    const auto theirs = read_segments(system, a[3], a[4]);
    if (!theirs) return fail(theirs.error());
    if (Walk(*theirs).at_end()) return 0;
    const std::int32_t pid = int_argument(a[0]);
    if (pid < 0 || static_cast<std::uint32_t>(pid) != system.task.pid) return fail(Errno::esrch);
    const std::uint64_t done = copy(system, Walk(*own), Walk(*theirs), direction);
    if (done == 0) return fail(Errno::efault);
    return done;
}

}  // namespace

Result<std::uint64_t> sys_process_vm_readv(System& system, const Arguments& a) {
    return process_vm(system, a, Direction::from_process);
}

Result<std::uint64_t> sys_process_vm_writev(System& system, const Arguments& a) {
    return process_vm(system, a, Direction::to_process);
}

}  // namespace fl::kernel
