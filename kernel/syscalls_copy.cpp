// From one open file to another without a detour through the program (Linux: fs/read_write.c, fs/splice.c).
#include "kernel/splice.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t chunk_bytes = 64 << 10;

struct Transfer {
    FileDescription& from;
    std::uint64_t& from_position;
    FileDescription& to;
    std::uint64_t& to_position;
    std::uint64_t length_bytes;
};

// Short where the source ends or either side fails later. What the destination did not take counts as not read.
Result<std::uint64_t> move_bytes(System& system, const Transfer& t) {
    std::vector<std::byte> buffer(std::min(t.length_bytes, chunk_bytes));
    std::uint64_t done = 0;
    while (done < t.length_bytes) {
        const auto room = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), t.length_bytes - done));
        const std::uint64_t before = t.from_position;
        auto into = UserSegments::of_kernel(room);
        const auto got = t.from.read(system, into, t.from_position);
        if (!got && done == 0) return got;
        if (!got || *got == 0) break;
        // It is asked only once there is something for it.
        if (!t.to.takes_splices()) {
            t.from_position = before;
            return fail(Errno::einval);
        }
        auto out = UserSegments::of_kernel(room.first(*got));
        const auto written = t.to.write(system, out, t.to_position);
        const std::uint64_t taken = written.value_or(0);
        if (taken < *got) t.from_position = before + taken;
        done += taken;
        if (!written && done == 0) return fail(written.error());
        if (taken < *got) break;
    }
    // What has been copied is an answer, and no call to make again.
    if (done > 0) system.task.restart_call.reset();
    return done;
}

// A position that the program keeps itself, or the description's own.
struct Place {
    DescriptionPointer file;
    std::uint64_t address;  // 0: the description's
    std::uint64_t own = 0;
    std::uint64_t& position() { return address != 0 ? own : file->position; }

    Result<void> load(System& system) {
        if (address == 0) return {};
        const auto given = system.user().read<std::uint64_t>(VirtAddr(address));
        if (given) own = *given;
        return given ? Result<void>{} : fail(given.error());
    }
    Result<void> store(System& system) const { return write_optional(system, address, own); }
};

// generic_copy_file_checks()
Result<std::uint64_t> copy_length(const System& system, Place& from, Place& to, std::uint64_t length_bytes) {
    const auto from_status = from.file->status(system), to_status = to.file->status(system);
    if (!from_status || !to_status) return fail(Errno::einval);
    if (S_ISDIR(from_status->st_mode) || S_ISDIR(to_status->st_mode)) return fail(Errno::eisdir);
    if (!S_ISREG(from_status->st_mode) || !S_ISREG(to_status->st_mode)) return fail(Errno::einval);
    const bool appends = (to.file->status_flags().value_or(0) & O_APPEND) != 0;
    if (!from.file->is_readable() || !to.file->is_writable() || appends) return fail(Errno::ebadf);
    const Inode *from_inode = from.file->inode(), *to_inode = to.file->inode();
    if (from_inode == nullptr || to_inode == nullptr) return fail(Errno::exdev);
    if (&from_inode->file_system() != &to_inode->file_system()) return fail(Errno::exdev);
    const std::uint64_t from_at = from.position(), to_at = to.position();
    if (from_at > max_file_bytes || to_at > max_file_bytes) return fail(Errno::einval);
    if (from_at + length_bytes < from_at || to_at + length_bytes < to_at) return fail(Errno::eoverflow);
    const auto size_bytes = static_cast<std::uint64_t>(from_status->st_size);
    const std::uint64_t count = from_at >= size_bytes ? 0 : std::min(length_bytes, size_bytes - from_at);
    const bool overlap = from_at + count > to_at && to_at + count > from_at;
    if (from_inode == to_inode && overlap) return fail(Errno::einval);
    return std::min(count, max_transfer_bytes);
}

}  // namespace

Result<std::uint64_t> sys_copy_file_range(System& system, const Arguments& a) {
    auto from_file = system.task.files->find(a[0]);
    if (!from_file) return fail(from_file.error());
    auto to_file = system.task.files->find(a[2]);
    if (!to_file) return fail(to_file.error());
    Place from{std::move(*from_file), a[1]}, to{std::move(*to_file), a[3]};
    if (auto loaded = from.load(system); !loaded) return fail(loaded.error());
    if (auto loaded = to.load(system); !loaded) return fail(loaded.error());
    if (static_cast<std::uint32_t>(a[5]) != 0) return fail(Errno::einval);
    const auto count = copy_length(system, from, to, a[4]);
    if (!count || *count == 0) return count;
    const auto copied = move_bytes(system, {*from.file, from.position(), *to.file, to.position(), *count});
    if (!copied || *copied == 0) return copied;
    if (auto stored = from.store(system); !stored) return fail(stored.error());
    if (auto stored = to.store(system); !stored) return fail(stored.error());
    return copied;
}

// do_sendfile()
Result<std::uint64_t> sys_sendfile(System& system, const Arguments& a) {
    Place from{nullptr, a[2]};
    if (auto loaded = from.load(system); !loaded) return fail(loaded.error());
    auto from_file = system.task.files->find(a[1]);
    if (!from_file || !(*from_file)->is_readable()) return fail(Errno::ebadf);
    from.file = std::move(*from_file);
    if (a[2] != 0 && !from.file->is_seekable()) return fail(Errno::espipe);
    // rw_verify_area()
    const auto asked = static_cast<std::int64_t>(a[3]);
    if (from.position() > max_file_bytes || asked < 0) return fail(Errno::einval);
    const std::uint64_t length_bytes = std::min(a[3], max_transfer_bytes);
    const auto to = system.task.files->find(a[0]);
    if (!to || !(*to)->is_writable()) return fail(Errno::ebadf);
    const auto status = from.file->status(system);
    if (!status || S_ISDIR(status->st_mode) || !from.file->is_seekable()) return fail(Errno::einval);
    if (((*to)->status_flags().value_or(0) & O_APPEND) != 0) return fail(Errno::einval);
    const auto* pipe = dynamic_cast<PipeDescription*>(to->get());
    if (pipe != nullptr) {
        const auto moved =
            splice_into_pipe(system, *from.file, from.position(), *pipe->channel(), length_bytes, pipe->blocking());
        if (auto stored = from.store(system); !stored) return fail(stored.error());
        return moved;
    }
    if (length_bytes > 0 && !can_splice(system, **to)) return fail(Errno::einval);
    const auto sent = move_bytes(system, {*from.file, from.position(), **to, (*to)->position, length_bytes});
    if (auto stored = from.store(system); !stored) return fail(stored.error());
    return sent;
}

}  // namespace fl::kernel
