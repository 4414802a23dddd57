// Input and output on descriptors (Linux: fs/read_write.c, fs/ioctl.c).
#include "kernel/syscalls.hpp"

#include <sys/ioctl.h>
#include <sys/uio.h>

#include <limits>

namespace fl::kernel {

namespace {

// The position that a call names, or the description's own.
struct Place {
    DescriptionPointer file;
    std::optional<std::uint64_t> explicit_position;
    std::uint64_t& position() { return explicit_position ? *explicit_position : file->position; }
};

Result<Place> place_of(const System& system, std::uint64_t fd) {
    auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    return Place{std::move(*file), std::nullopt};
}

// pread64(2) and its like: EINVAL for a negative position, EBADF, ESPIPE.
Result<Place> place_at(const System& system, std::uint64_t fd, std::uint64_t position) {
    if (position > max_file_bytes) return fail(Errno::einval);
    auto place = place_of(system, fd);
    if (place && !place->file->is_seekable()) return fail(Errno::espipe);
    if (place) place->explicit_position = position;
    return place;
}

// rw_verify_area(): a read or write may not reach beyond the largest position.
Result<void> check_area(const Place& place, std::uint64_t position, const UserSegments& segments) {
    if (!place.file->is_seekable()) return {};
    return segments.bytes_left() <= max_file_bytes - position ? Result<void>{} : fail(Errno::eoverflow);
}

Result<UserSegments> one_segment(System& system, const Arguments& a) {
    return UserSegments::single(system.user(), a[1], a[2]);
}
Result<UserSegments> many_segments(System& system, const Arguments& a) {
    return UserSegments::gather(system.user(), a[1], a[2]);
}

using SegmentsOf = Result<UserSegments>(System&, const Arguments&);
// do_iter_readv_writev(): of several segments without a byte the file is not asked.
bool is_nothing(SegmentsOf* segments_of, const UserSegments& segments) {
    return segments_of == many_segments && segments.bytes_left() == 0;
}

Result<std::uint64_t> read_into(System& system, Result<Place> place, SegmentsOf* segments_of, const Arguments& a) {
    if (!place) return fail(place.error());
    if (!place->file->is_readable()) return fail(Errno::ebadf);
    auto segments = segments_of(system, a);
    if (!segments) return fail(segments.error());
    if (auto fits = check_area(*place, place->position(), *segments); !fits) return fail(fits.error());
    if (!place->file->can_read()) return fail(Errno::einval);
    const auto done = is_nothing(segments_of, *segments) ? Result<std::uint64_t>(0)
                                                         : place->file->read(system, *segments, place->position());
    Usage& usage = system.task.usage;
    ++usage.read_calls;
    usage.read_bytes += done.value_or(0);
    return done;
}

Result<std::uint64_t> write_from(System& system, Result<Place> place, SegmentsOf* segments_of, const Arguments& a) {
    if (!place) return fail(place.error());
    if (!place->file->is_writable()) return fail(Errno::ebadf);
    auto segments = segments_of(system, a);
    if (!segments) return fail(segments.error());
    if (auto fits = check_area(*place, place->position(), *segments); !fits) return fail(fits.error());
    if (!place->file->can_write()) return fail(Errno::einval);
    const auto done = is_nothing(segments_of, *segments) ? Result<std::uint64_t>(0)
                                                         : place->file->write(system, *segments, place->position());
    Usage& usage = system.task.usage;
    ++usage.write_calls;
    usage.written_bytes += done.value_or(0);
    return done;
}

// preadv2(2) and pwritev2(2): position -1 is the description's own. No flag is known.
Result<Place> place_of_v2(const System& system, const Arguments& a) {
    return a[3] == ~std::uint64_t{0} ? place_of(system, a[0]) : place_at(system, a[0], a[3]);
}

Result<std::uint64_t> set_nonblocking(System& system, FileDescription& file, std::uint64_t address) {
    const auto on = system.user().read<std::int32_t>(VirtAddr(address));
    if (!on) return fail(on.error());
    const auto flags = file.status_flags();
    if (!flags) return fail(flags.error());
    return answer(file.set_status_flags(*on != 0 ? *flags | O_NONBLOCK : *flags & ~O_NONBLOCK));
}

}  // namespace

Result<std::uint64_t> sys_read(System& system, const Arguments& a) {
    return read_into(system, place_of(system, a[0]), one_segment, a);
}
Result<std::uint64_t> sys_write(System& system, const Arguments& a) {
    return write_from(system, place_of(system, a[0]), one_segment, a);
}
Result<std::uint64_t> sys_readv(System& system, const Arguments& a) {
    return read_into(system, place_of(system, a[0]), many_segments, a);
}
Result<std::uint64_t> sys_writev(System& system, const Arguments& a) {
    return write_from(system, place_of(system, a[0]), many_segments, a);
}
Result<std::uint64_t> sys_pread64(System& system, const Arguments& a) {
    return read_into(system, place_at(system, a[0], a[3]), one_segment, a);
}
Result<std::uint64_t> sys_pwrite64(System& system, const Arguments& a) {
    return write_from(system, place_at(system, a[0], a[3]), one_segment, a);
}
Result<std::uint64_t> sys_preadv(System& system, const Arguments& a) {
    return read_into(system, place_at(system, a[0], a[3]), many_segments, a);
}
Result<std::uint64_t> sys_pwritev(System& system, const Arguments& a) {
    return write_from(system, place_at(system, a[0], a[3]), many_segments, a);
}
Result<std::uint64_t> sys_preadv2(System& system, const Arguments& a) {
    if (a[5] == 0) return read_into(system, place_of_v2(system, a), many_segments, a);
    const auto place = place_of_v2(system, a);
    return fail(place ? Errno::eopnotsupp : place.error());
}
Result<std::uint64_t> sys_pwritev2(System& system, const Arguments& a) {
    if (a[5] == 0) return write_from(system, place_of_v2(system, a), many_segments, a);
    const auto place = place_of_v2(system, a);
    return fail(place ? Errno::eopnotsupp : place.error());
}

Result<std::uint64_t> sys_lseek(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    constexpr std::uint32_t last_whence = 4;  // SEEK_HOLE
    if (static_cast<std::uint32_t>(a[2]) > last_whence) return fail(Errno::einval);
    return (*file)->seek(system, static_cast<std::int64_t>(a[1]), int_argument(a[2]));
}

Result<std::uint64_t> sys_ioctl(System& system, const Arguments& a) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    // Those that mean the descriptor, or any file (do_vfs_ioctl).
    switch (const auto request = static_cast<std::uint32_t>(a[1])) {
        case FIOCLEX: return answer(system.task.files->set_on_exec(a[0], OnExec::close));
        case FIONCLEX: return answer(system.task.files->set_on_exec(a[0], OnExec::keep));
        case FIONBIO: return set_nonblocking(system, **file, a[2]);
        default: return (*file)->control(system, request, a[2]);
    }
}

}  // namespace fl::kernel
