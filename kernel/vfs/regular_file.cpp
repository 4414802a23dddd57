#include "kernel/vfs/regular_file.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/vfs/file_room.hpp"

#include <unistd.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t chunk_bytes = 64 << 10;

// Pages in the way of which nothing is yet.
std::uint64_t missing_pages(const mm::File& file, std::uint64_t offset, std::uint64_t length_bytes) {
    const std::uint64_t first = offset >> page_shift;
    const std::uint64_t end = (offset + length_bytes + page_mask) >> page_shift;
    const auto present = [first, end](const auto& pages) {
        return static_cast<std::uint64_t>(std::distance(pages.lower_bound(first), pages.lower_bound(end)));
    };
    return end - first - present(file.cached_pages()) - present(file.swapped_pages());
}

// A page that was used is data, in the cache or in swap (folio_seek_hole_data). What is allocated only stays a hole
// where Linux, which has no word for that in its swap, makes data of it (shmem_writeout).
bool is_data(const mm::File& file, std::uint64_t page) { return file.cached(page) || file.is_in_swap(page); }

// RLIMIT_FSIZE: EFBIG and SIGXFSZ for what lies at or beyond it (inode_newsize_ok, generic_write_check_limits).
Result<void> refuse_size(System& system) {
    signal_self(system.task, SIGXFSZ);
    return fail(Errno::efbig);
}

std::uint64_t size_limit(const System& system) { return soft_limit(system.task.process->limits, Limit::file_size); }

Errno no_space(Errno error) { return error == Errno::enomem ? Errno::enospc : error; }

}  // namespace

std::shared_ptr<RegularFile> RegularFile::create(System& system, FileSystem& file_system, std::string path,
                                                 mode_t permissions, std::optional<unsigned> seals) {
    mm::FileIdentity identity{.path = std::move(path),
                              .device_major = file_system.device_major,
                              .device_minor = file_system.device_minor,
                              .inode = file_system.last_inode + 1};
    auto file = system.vfs.files().create(std::move(identity), file_system.file_kind);
    return std::make_shared<RegularFile>(file_system, permissions, credentials(system.task), system.clock.realtime_ns(),
                                         std::move(file), seals);
}

Result<std::shared_ptr<FileDescription>> RegularFile::open(System&, const DentryPointer& dentry, int flags) {
    if (executed_ && (flags & O_ACCMODE) != O_RDONLY) return fail(Errno::etxtbsy);
    return std::make_shared<RegularDescription>(dentry, flags, *this);
}

Result<unsigned> RegularFile::seals() const { return seals_ ? Result<unsigned>(*seals_) : fail(Errno::einval); }

bool RegularFile::has_writable_mapping() const {
    bool found = false;
    file_->i_mmap().for_each(0, ~std::uint64_t{0}, [&found](const mm::Vma& vma) {
        found = found || (vma.flags().has(mm::vm_shared) && vma.flags().has(mm::vm_maywrite));
    });
    return found;
}

// memfd_add_seals().
Result<void> RegularFile::add_seals(unsigned seals) {
    if ((seals & ~all_seals) != 0 || !seals_) return fail(Errno::einval);
    if (has_seal(seal_seal)) return fail(Errno::eperm);
    if ((seals & seal_write) != 0 && !has_seal(seal_write) && has_writable_mapping()) return fail(Errno::ebusy);
    // An executable file that must stay one must not change either.
    if ((seals & seal_exec) != 0 && (mode() & 0111) != 0) {
        seals |= seal_shrink | seal_grow | seal_write | seal_future_write;
    }
    *seals_ |= seals;
    return {};
}

Result<void> RegularFile::resize(System& system, std::uint64_t size_bytes) {
    if (executed_) return fail(Errno::etxtbsy);
    if (size_bytes < this->size_bytes() && has_seal(seal_shrink)) return fail(Errno::eperm);
    if (size_bytes > this->size_bytes()) {
        if (size_bytes > size_limit(system)) return refuse_size(system);
        if (has_seal(seal_grow)) return fail(Errno::eperm);
    }
    modified_ns = changed_ns = system.clock.realtime_ns();
    return file_->resize(size_bytes);
}

Result<void> RegularFile::before_write(System& system, FileRange range) {
    const std::uint64_t missing = missing_pages(*file_, range.offset, range.length_bytes);
    const bool fits = missing == 0 || PageCount(missing) <= file_room(system.memory, file_->kind()).free;
    return fits ? Result<void>{} : fail(Errno::enospc);
}

Result<void> RegularFile::allocate(System& system, FileRange range, bool keep_size) {
    const std::uint64_t end = range.offset + range.length_bytes;
    const bool grows = !keep_size && end > size_bytes();
    if (grows && end > size_limit(system)) return refuse_size(system);
    if (grows && has_seal(seal_grow)) return fail(Errno::eperm);
    const FileRoom room = file_room(system.memory, file_->kind());
    const std::uint64_t missing = missing_pages(*file_, range.offset, range.length_bytes);
    if (range.length_bytes > room.total.bytes() || PageCount(missing) > room.free) return fail(Errno::enospc);
    if (grows) {
        if (auto resized = file_->resize(end); !resized) return resized;
    }
    const std::uint64_t last = (end + page_mask) >> page_shift;
    for (std::uint64_t page = range.offset >> page_shift; page < last; ++page) {
        if (auto taken = file_->allocate_page(page); !taken) return fail(no_space(taken.error()));
    }
    modified_ns = changed_ns = system.clock.realtime_ns();
    return {};
}

Result<void> RegularFile::punch_hole(System& system, FileRange range) {
    if (has_seal(seal_write | seal_future_write)) return fail(Errno::eperm);
    modified_ns = changed_ns = system.clock.realtime_ns();
    if (auto punched = file_->punch_hole(range.offset, range.length_bytes); !punched) return punched;
    if (range.offset >= size_bytes()) return {};
    return after_write({range.offset, std::min(range.length_bytes, size_bytes() - range.offset)});
}

ExecutableFile::ExecutableFile(FileSystem& file_system, const struct stat& host_status, std::shared_ptr<mm::File> file)
    : RegularFile(file_system, host_status.st_mode & 07777, Owner{}, 0, std::move(file), std::nullopt),
      block_bytes_(host_status.st_blksize),
      block_count_(host_status.st_blocks) {
    take_identity(host_status);
    set_link_count(1);
    set_executed();
}

struct stat ExecutableFile::status() const {
    struct stat status = RegularFile::status();
    status.st_blksize = block_bytes_;
    status.st_blocks = block_count_;
    return status;
}

Result<std::uint64_t> RegularDescription::read(System& system, UserSegments& into, std::uint64_t& at) {
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), chunk_bytes));
    std::uint64_t done = 0;
    const auto part_or = [&done](Errno error) { return done > 0 ? Result<std::uint64_t>(done) : fail(error); };
    while (into.bytes_left() > 0) {
        const auto chunk = std::span(system.transfer).first(std::min(into.bytes_left(), chunk_bytes));
        const auto got = file_.file()->read(at, chunk);
        if (!got) return part_or(got.error());
        if (*got == 0) break;
        const std::uint64_t copied = into.copy_to_guest(chunk.first(*got));
        done += copied;
        at += copied;
        if (copied < *got) return part_or(Errno::efault);
    }
    file_.accessed_ns = system.clock.realtime_ns();
    return done;
}

// Up to the next page boundary or `end`: seals are checked page by page (shmem_write_begin).
Result<std::uint64_t> RegularDescription::write_chunk(System& system, UserSegments& from, std::uint64_t at,
                                                      std::uint64_t end) {
    const bool sealed = file_.has_seal(seal_grow);
    const std::uint64_t room = sealed ? page_size - (at & page_mask) : chunk_bytes;
    const std::uint64_t wanted = std::min({from.bytes_left(), room, end - at});
    if (file_.has_seal(seal_write | seal_future_write)) return fail(Errno::eperm);
    if (sealed && at + wanted > file_.size_bytes()) return fail(Errno::eperm);
    if (auto ready = file_.before_write(system, {at, wanted}); !ready) return fail(ready.error());
    const auto chunk = std::span(system.transfer).first(wanted);
    const std::uint64_t gathered = from.copy_from_guest(chunk);
    if (gathered == 0) return fail(Errno::efault);
    const auto written = file_.file()->write(at, chunk.first(gathered));
    if (!written) return fail(no_space(written.error()));
    if (auto stored = file_.after_write({at, *written}); !stored) return fail(stored.error());
    return written;
}

Result<std::uint64_t> RegularDescription::write(System& system, UserSegments& from, std::uint64_t& at) {
    if (from.bytes_left() == 0) return 0;
    if ((flags() & O_APPEND) != 0) at = file_.size_bytes();
    const std::uint64_t limit = size_limit(system);
    if (at >= limit) return refuse_size(system).map([] { return std::uint64_t{0}; });
    if (at >= max_file_bytes) return fail(Errno::efbig);
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), chunk_bytes));
    const std::uint64_t end = std::min({limit, max_file_bytes, at + from.bytes_left()});
    std::uint64_t done = 0;
    while (at < end) {
        const std::uint64_t wanted = std::min(end - at, from.bytes_left());
        const auto written = write_chunk(system, from, at, end);
        if (!written && done == 0) return written;
        if (!written || *written == 0) break;
        done += *written;
        at += *written;
        if (wanted == *written) break;
    }
    file_.modified_ns = file_.changed_ns = system.clock.realtime_ns();
    return done;
}

std::uint64_t RegularDescription::next_data(std::uint64_t offset) const {
    const mm::File& file = *file_.file();
    std::uint64_t data = file_.size_bytes();
    const auto look_through = [&](const auto& pages) {
        auto page = pages.lower_bound(offset >> page_shift);
        while (page != pages.end() && !is_data(file, page->first)) ++page;
        if (page != pages.end()) data = std::min(data, page->first << page_shift);
    };
    look_through(file.cached_pages());
    look_through(file.swapped_pages());
    return std::max(offset, data);
}

std::uint64_t RegularDescription::next_hole(std::uint64_t offset) const {
    const mm::File& file = *file_.file();
    std::uint64_t page = offset >> page_shift;
    while (is_data(file, page)) ++page;
    return std::min(std::max(offset, page << page_shift), file_.size_bytes());
}

Result<std::uint64_t> RegularDescription::seek(System& system, std::int64_t offset, int whence) {
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return FileDescription::seek(system, offset, whence);
    const std::uint64_t size_bytes = file_.size_bytes();
    const auto from = static_cast<std::uint64_t>(offset);
    if (from >= size_bytes) return fail(Errno::enxio);
    const bool whole = file_.file()->kind() == mm::FileKind::regular;
    const std::uint64_t data = whole ? from : next_data(from);
    if (whence == SEEK_DATA && data >= size_bytes) return fail(Errno::enxio);
    position = whence == SEEK_DATA ? data : whole ? size_bytes : next_hole(from);
    return position;
}

Result<FileDescription::Mappable> RegularDescription::mappable(System&) {
    return Mappable{.file = file_.file(), .write_sealed = file_.has_seal(seal_write | seal_future_write)};
}

}  // namespace fl::kernel
