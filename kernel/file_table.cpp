#include "kernel/file_table.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace fl::kernel {

namespace {

StreamKind kind_of(int host_fd) {
    struct stat status {};
    if (::fstat(host_fd, &status) != 0) return StreamKind::other;
    if (S_ISREG(status.st_mode)) return StreamKind::regular;
    if (S_ISFIFO(status.st_mode)) return StreamKind::pipe;
    // Linux: Documentation/admin-guide/devices.txt, 1 char, 3 = /dev/null.
    if (S_ISCHR(status.st_mode) && status.st_rdev == ::makedev(1, 3)) return StreamKind::null_device;
    return StreamKind::other;
}

std::optional<Descriptor> describe(int host_fd) {
    const int flags = ::fcntl(host_fd, F_GETFL);
    if (flags < 0) return std::nullopt;
    const int mode = flags & O_ACCMODE;
    return Descriptor{host_fd, mode != O_WRONLY, mode != O_RDONLY, false, kind_of(host_fd)};
}

}  // namespace

FileTable FileTable::standard_streams() { return FileTable({0, 1, 2}); }

FileTable::FileTable(const std::vector<int>& host_fds) {
    for (const int host_fd : host_fds) slots_.push_back(describe(host_fd));
}

std::optional<Descriptor>* FileTable::slot(std::uint64_t fd) {
    const auto number = static_cast<std::uint32_t>(fd);
    return number < slots_.size() && slots_[number] ? &slots_[number] : nullptr;
}

Result<Descriptor> FileTable::find(std::uint64_t fd) const {
    const auto number = static_cast<std::uint32_t>(fd);
    if (number >= slots_.size() || !slots_[number]) return fail(Errno::ebadf);
    return *slots_[number];
}

Result<void> FileTable::close(std::uint64_t fd) {
    std::optional<Descriptor>* found = slot(fd);
    if (found == nullptr) return fail(Errno::ebadf);
    found->reset();
    return {};
}

void FileTable::put(std::uint32_t fd, const Descriptor& descriptor) {
    if (fd >= slots_.size()) slots_.resize(std::size_t{fd} + 1);
    slots_[fd] = descriptor;
}

Result<std::uint64_t> FileTable::duplicate(std::uint64_t fd, std::uint64_t lowest, std::uint64_t limit,
                                           bool close_on_exec) {
    auto descriptor = find(fd);
    if (!descriptor) return fail(descriptor.error());
    if (lowest >= limit) return fail(Errno::einval);
    descriptor->close_on_exec = close_on_exec;
    std::uint64_t target = lowest;
    while (target < slots_.size() && slots_[target]) ++target;
    if (target >= limit) return fail(Errno::emfile);
    put(static_cast<std::uint32_t>(target), *descriptor);
    return target;
}

Result<std::uint64_t> FileTable::duplicate_to(std::uint64_t fd, std::uint64_t target, std::uint64_t limit,
                                              bool close_on_exec) {
    const auto number = static_cast<std::uint32_t>(target);
    if (number >= limit) return fail(Errno::ebadf);
    auto descriptor = find(fd);
    if (!descriptor) return fail(descriptor.error());
    descriptor->close_on_exec = close_on_exec;
    put(number, *descriptor);
    return number;
}

Result<void> FileTable::set_close_on_exec(std::uint64_t fd, bool close_on_exec) {
    std::optional<Descriptor>* found = slot(fd);
    if (found == nullptr) return fail(Errno::ebadf);
    (*found)->close_on_exec = close_on_exec;
    return {};
}

}  // namespace fl::kernel
