// splice, tee and vmsplice (Linux: fs/splice.c).
#include "kernel/net/socket_description.hpp"
#include "kernel/splice.hpp"
#include "kernel/vfs/kmsg.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

namespace fl::kernel {

namespace {

using Blocking = ByteChannel::Blocking;

constexpr std::uint32_t all_flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
constexpr std::uint64_t chunk_bytes = 64 << 10;

Blocking blocking_by(std::uint64_t flags, bool nonblocking_file = false) {
    return nonblocking_file || (flags & SPLICE_F_NONBLOCK) != 0 ? Blocking::no : Blocking::yes;
}

PipeDescription* pipe_of(const DescriptionPointer& file) { return dynamic_cast<PipeDescription*>(file.get()); }
bool is_nonblocking(const PipeDescription& pipe) { return pipe.blocking() == Blocking::no; }

// wait_for_space()
Result<void> wait_for_room(System& system, ByteChannel& pipe, Blocking blocking) {
    auto room = pipe.wait_for_room(system, blocking);
    if (!room && room.error() == Errno::epipe) signal_self(system.task, SIGPIPE);
    return room;
}

// splice_pipe_to_pipe(): buffers go over whole as far as there are bytes to go. tee(2) leaves them where they are.
enum class Source : std::uint8_t { consumed, kept };
Result<std::uint64_t> pipe_to_pipe(System& system, ByteChannel& from, ByteChannel& to, std::uint64_t length_bytes,
                                   Blocking blocking, Source source) {
    // Either may have changed while the other was waited for.
    while (from.is_locked() || to.is_locked() || from.is_empty() || to.is_full()) {
        const auto something = from.wait_for_data(system, blocking);
        if (!something) return fail(something.error());
        if (auto room = wait_for_room(system, to, blocking); !room) return fail(room.error());
        if (!*something) return 0;
    }
    if (!to.has_readers()) return fail(wait_for_room(system, to, Blocking::no).error());
    std::vector<std::byte> bytes(std::min(length_bytes, from.size_bytes()));
    (void)from.peek(bytes);
    const std::size_t room = (to.capacity() - std::min(to.capacity(), to.buffer_count() * page_size)) / page_size;
    std::uint64_t moved = 0;
    for (std::size_t i = 0; i < room && moved < bytes.size(); ++i) {
        const std::size_t index = source == Source::kept ? i : 0;
        const std::uint64_t part = std::min<std::uint64_t>(from.buffer_bytes(index), bytes.size() - moved);
        if (auto pushed = to.push(system, std::span(bytes).subspan(moved, part), from.buffer_framing(index)); !pushed) {
            return moved > 0 ? Result<std::uint64_t>(moved) : fail(pushed.error());
        }
        if (source == Source::consumed) from.consume(part);
        moved += part;
    }
    return moved;
}

// splice_from_pipe(): what is there, as far as the file takes it.
Result<std::uint64_t> pipe_to_file(System& system, ByteChannel& from, FileDescription& to, std::uint64_t& at,
                                   std::uint64_t length_bytes, Blocking blocking) {
    std::uint64_t done = 0;
    std::vector<std::byte> buffer(std::min(length_bytes, chunk_bytes));
    while (done < length_bytes) {
        if (done > 0 && from.is_empty()) break;
        const auto something = from.wait_for_data(system, blocking);
        if (!something) return fail(something.error());
        if (!*something) break;
        const auto most = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), length_bytes - done));
        const auto bytes = most.first(from.peek(most));
        auto segments = UserSegments::of_kernel(bytes);
        const auto written = to.write(system, segments, at);
        if (!written) {
            if (done == 0) return written;
            system.task.restart_call.reset();
            break;
        }
        // Another may have read of it while the file was waited for.
        if (!from.wait_until_unlocked(system)) break;
        from.consume(std::min(*written, from.size_bytes()));
        done += *written;
        if (*written < bytes.size()) break;
    }
    return done;
}

// A position that the program passes, or the description's own.
struct Place {
    std::uint64_t address, own = 0;

    Result<void> load(System& system) {
        if (address == 0) return {};
        const auto given = system.user().read<std::uint64_t>(VirtAddr(address));
        if (given) own = *given;
        return given ? Result<void>{} : fail(given.error());
    }
    std::uint64_t& position(FileDescription& file) { return address != 0 ? own : file.position; }
};

// Those of one file that is no pipe. EINVAL.
Result<void> check_place(const Place& place, FileDescription& file) {
    if (place.address != 0 && !file.is_seekable()) return fail(Errno::einval);
    return (place.address != 0 ? place.own : file.position) <= max_file_bytes ? Result<void>{} : fail(Errno::einval);
}

struct Ends {
    DescriptionPointer in, out;
};

// do_splice()
Result<std::uint64_t> splice(System& system, const Ends& ends, Place& in_place, Place& out_place,
                             std::uint64_t length_bytes, std::uint64_t flags) {
    PipeDescription *in = pipe_of(ends.in), *out = pipe_of(ends.out);
    if (!ends.in->is_readable() || !ends.out->is_writable()) return fail(Errno::ebadf);
    if (in != nullptr && out != nullptr) {
        if (in->channel() == out->channel()) return fail(Errno::einval);
        const Blocking blocking = blocking_by(flags, is_nonblocking(*in) || is_nonblocking(*out));
        return pipe_to_pipe(system, *in->channel(), *out->channel(), length_bytes, blocking, Source::consumed);
    }
    if (in != nullptr) {
        if (auto right = check_place(out_place, *ends.out); !right) return fail(right.error());
        const bool appends = (ends.out->status_flags().value_or(0) & O_APPEND) != 0;
        if (appends || !can_splice(system, *ends.out) || !ends.out->takes_splices()) return fail(Errno::einval);
        return pipe_to_file(system, *in->channel(), *ends.out, out_place.position(*ends.out), length_bytes,
                            blocking_by(flags, is_nonblocking(*in)));
    }
    if (out == nullptr) return fail(Errno::einval);
    if (auto right = check_place(in_place, *ends.in); !right) return fail(right.error());
    return splice_into_pipe(system, *ends.in, in_place.position(*ends.in), *out->channel(), length_bytes,
                            blocking_by(flags, is_nonblocking(*out)));
}

// vmsplice_to_pipe(): each page of the program's makes a buffer.
Result<std::uint64_t> memory_to_pipe(System& system, const std::vector<Segment>& segments, ByteChannel& to,
                                     Blocking blocking) {
    if (auto room = wait_for_room(system, to, blocking); !room) return fail(room.error());
    std::uint64_t done = 0;
    std::vector<std::byte> page(page_size);
    for (const Segment& segment : segments) {
        for (std::uint64_t at = 0; at < segment.size_bytes;) {
            if (to.is_full()) return done;
            const std::uint64_t address = segment.base + at;
            const std::uint64_t part = std::min(page_size - address % page_size, segment.size_bytes - at);
            const auto bytes = std::span(page).first(part);
            if (auto copied = system.user().copy_from(VirtAddr(address), bytes); !copied) {
                return done > 0 ? Result<std::uint64_t>(done) : fail(copied.error());
            }
            // Another may have written while the copy waited.
            auto pushed = wait_for_room(system, to, done > 0 ? Blocking::no : blocking);
            if (pushed) pushed = to.push(system, bytes);
            if (!pushed) return done > 0 ? Result<std::uint64_t>(done) : fail(pushed.error());
            done += part;
            at += part;
        }
    }
    return done;
}

}  // namespace

bool can_splice(const System& system, const FileDescription& file) {
    const auto status = file.status(system);
    if (!status || S_ISDIR(status->st_mode) || is_kernel_log(file)) return false;
    const bool has_name = dynamic_cast<const NamelessDescription*>(&file) == nullptr;
    return has_name || dynamic_cast<const SocketDescription*>(&file) != nullptr;
}

Result<std::uint64_t> splice_into_pipe(System& system, FileDescription& from, std::uint64_t& at, ByteChannel& to,
                                       std::uint64_t length_bytes, Blocking blocking) {
    if (auto room = wait_for_room(system, to, blocking); !room) return fail(room.error());
    if (!can_splice(system, from)) return fail(Errno::einval);
    std::vector<std::byte> buffer(std::min(length_bytes, to.capacity() - to.buffer_count() * page_size));
    auto into = UserSegments::of_kernel(buffer);
    const std::uint64_t before = at;
    const auto got = from.read(system, into, at);
    if (!got) return got;
    std::uint64_t moved = 0;
    // Others may have written while the file was waited for.
    while (moved < *got && to.wait_until_unlocked(system) && !to.is_full()) {
        const std::uint64_t part = std::min<std::uint64_t>(page_size, *got - moved);
        if (auto pushed = to.push(system, std::span(buffer).subspan(moved, part)); !pushed) {
            if (moved == 0) return fail(pushed.error());
            break;
        }
        moved += part;
    }
    if (moved < *got && from.is_seekable()) at = before + moved;
    return moved;
}

Result<std::uint64_t> sys_splice(System& system, const Arguments& a) {
    const std::uint64_t flags = static_cast<std::uint32_t>(a[5]);
    if (a[4] == 0) return 0;
    if ((flags & ~std::uint64_t{all_flags}) != 0) return fail(Errno::einval);
    auto in = system.task.files->find(a[0]);
    if (!in) return fail(in.error());
    auto out = system.task.files->find(a[2]);
    if (!out) return fail(out.error());
    const Ends ends{std::move(*in), std::move(*out)};
    Place in_place{a[1]}, out_place{a[3]};
    const bool names_pipe = (pipe_of(ends.in) != nullptr && a[1] != 0) || (pipe_of(ends.out) != nullptr && a[3] != 0);
    if (names_pipe) return fail(Errno::espipe);
    if (auto loaded = out_place.load(system); !loaded) return fail(loaded.error());
    if (auto loaded = in_place.load(system); !loaded) return fail(loaded.error());
    const auto moved = splice(system, ends, in_place, out_place, std::min(a[4], max_transfer_bytes), flags);
    if (!moved) return moved;
    if (auto told = write_optional(system, a[3], out_place.own); !told) return fail(told.error());
    if (auto told = write_optional(system, a[1], in_place.own); !told) return fail(told.error());
    return moved;
}

Result<std::uint64_t> sys_tee(System& system, const Arguments& a) {
    const std::uint64_t flags = static_cast<std::uint32_t>(a[3]);
    if ((flags & ~std::uint64_t{all_flags}) != 0) return fail(Errno::einval);
    if (a[2] == 0) return 0;
    const auto in_file = system.task.files->find(a[0]), out_file = system.task.files->find(a[1]);
    if (!in_file || !out_file) return fail(Errno::ebadf);
    if (!(*in_file)->is_readable() || !(*out_file)->is_writable()) return fail(Errno::ebadf);
    PipeDescription *in = pipe_of(*in_file), *out = pipe_of(*out_file);
    if (in == nullptr || out == nullptr || in->channel() == out->channel()) return fail(Errno::einval);
    const Blocking blocking = blocking_by(flags, is_nonblocking(*in) || is_nonblocking(*out));
    return pipe_to_pipe(system, *in->channel(), *out->channel(), a[2], blocking, Source::kept);
}

Result<std::uint64_t> sys_vmsplice(System& system, const Arguments& a) {
    const std::uint64_t flags = static_cast<std::uint32_t>(a[3]);
    if ((flags & ~std::uint64_t{all_flags}) != 0) return fail(Errno::einval);
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    if (!(*file)->is_readable() && !(*file)->is_writable()) return fail(Errno::ebadf);
    const auto segments = import_segments(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    auto whole = UserSegments::gather(system.user(), a[1], a[2]);
    if (!whole) return fail(whole.error());
    if (whole->bytes_left() == 0) return 0;
    const PipeDescription* pipe = pipe_of(*file);
    if (pipe == nullptr) return fail(Errno::ebadf);
    ByteChannel& channel = *pipe->channel();
    if ((*file)->is_writable()) return memory_to_pipe(system, *segments, channel, blocking_by(flags));
    return channel.read(system, *whole, blocking_by(flags));
}

}  // namespace fl::kernel
