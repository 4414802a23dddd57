// process_vm_readv and process_vm_writev (Linux: mm/process_vm_access.c).
#include "kernel/process_access.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_segments.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

using Segments = std::vector<Segment>;

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
std::uint64_t copy(mm::UserMemory& user, Walk own, mm::UserMemory& other, Walk theirs, Direction direction) {
    const bool reads = direction == Direction::from_process;
    std::array<std::byte, page_size> buffer{};
    std::uint64_t done = 0;
    while (!own.at_end() && !theirs.at_end()) {
        const auto part = std::span(buffer).first(std::min(own.bytes_here(), theirs.bytes_here()));
        const VirtAddr own_address(own.address()), their_address(theirs.address());
        const std::uint64_t read = reads ? other.copy_from_remote(their_address, part, mm::Rights::obeyed)
                                         : user.copy_from_partial(own_address, part);
        const auto bytes = part.first(read);
        const std::uint64_t written = reads ? user.copy_to_partial(own_address, bytes)
                                            : other.copy_to_remote(their_address, bytes, mm::Rights::obeyed);
        done += written;
        if (written < part.size()) break;
        own.advance(written);
        theirs.advance(written);
    }
    return done;
}

Result<std::uint64_t> process_vm(System& system, const Arguments& a, Direction direction) {
    if (a[5] != 0) return fail(Errno::einval);
    const auto own = import_segments(system.user(), a[1], a[2]);
    if (!own) return fail(own.error());
    if (Walk(*own).at_end()) return 0;
    const auto theirs = read_segments(system.user(), a[3], a[4]);
    if (!theirs) return fail(theirs.error());
    if (Walk(*theirs).at_end()) return 0;
    const auto space = access_space(system, find_living_task(system, int_argument(a[0])));
    if (!space) return fail(space.error());
    const std::uint64_t done = copy(system.user(), Walk(*own), space->user(), Walk(*theirs), direction);
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
