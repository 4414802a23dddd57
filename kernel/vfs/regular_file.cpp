#include "kernel/vfs/regular_file.hpp"

#include "kernel/system.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {
constexpr std::uint64_t chunk_bytes = 64 << 10;
}

Result<std::shared_ptr<FileDescription>> RegularFile::open(System&, const DentryPointer& dentry, int flags) {
    return std::make_shared<RegularDescription>(dentry, flags, *this);
}

ExecutableFile::ExecutableFile(FileSystem& file_system, const struct stat& host_status, std::shared_ptr<mm::File> file)
    : RegularFile(file_system, host_status.st_mode & 07777, Owner{host_status.st_uid, host_status.st_gid}, 0,
                  std::move(file)),
      host_status_(host_status) {}

struct stat ExecutableFile::status() const {
    struct stat status = host_status_;
    status.st_nlink = link_count();
    return status;
}

Result<std::shared_ptr<FileDescription>> ExecutableFile::open(System& system, const DentryPointer& dentry, int flags) {
    if ((flags & O_ACCMODE) != O_RDONLY) return fail(Errno::etxtbsy);
    return RegularFile::open(system, dentry, flags);
}

Result<std::uint64_t> RegularDescription::read(System& system, UserSegments& into, std::uint64_t& at) {
    system.transfer.resize(std::max<std::size_t>(system.transfer.size(), chunk_bytes));
    std::uint64_t done = 0;
    while (into.bytes_left() > 0) {
        const std::uint64_t size_bytes = file_.size_bytes();
        if (at >= size_bytes) break;
        const auto chunk =
            std::span(system.transfer).first(std::min({into.bytes_left(), size_bytes - at, chunk_bytes}));
        if (auto read = file_.file()->read(at, chunk); !read)
            return done > 0 ? Result<std::uint64_t>(done) : fail(read.error());
        const std::uint64_t copied = into.copy_to_guest(chunk);
        done += copied;
        at += copied;
        if (copied < chunk.size()) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
    }
    return done;
}

}  // namespace fl::kernel
