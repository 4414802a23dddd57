#include "kernel/vfs/host_node.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr long proc_magic = 0x9fa0;

// Too many descriptors are the emulator's trouble and not one of the process's own limits.
Errno host_error() { return errno == EMFILE ? Errno::enfile : static_cast<Errno>(errno); }

Result<void> outcome(int result) { return result == 0 ? Result<void>{} : fail(host_error()); }

// A single component that names a child. Everything else is none of the host's business.
Result<std::string> component(std::string_view name) {
    const bool special = name.empty() || name == "." || name == "..";
    const bool separates = name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos;
    if (special || separates) return fail(Errno::einval);
    if (name.size() > max_name_bytes) return fail(Errno::enametoolong);
    return std::string(name);
}

// Where the host leads from a descriptor of ours to its file; nothing of the guest's is in it.
std::string magic_path(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

// The child itself, a link as well. Without openat2(2) a single component cannot lead elsewhere either.
HostDescriptor open_place(int directory, const std::string& name) {
    open_how how{};
    how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const long opened = ::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how);
    if (opened >= 0 || (errno != ENOSYS && errno != EPERM)) return HostDescriptor(static_cast<int>(opened));
    return HostDescriptor(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

bool is_procfs(int descriptor) {
    struct statfs status {};
    return ::fstatfs(descriptor, &status) == 0 && status.f_type == proc_magic;
}

Result<std::shared_ptr<HostNode>> node_of(HostDescriptor place) {
    struct stat status {};
    if (!place.is_open() || ::fstat(place.get(), &status) != 0) return fail(host_error());
    return std::make_shared<HostNode>(std::move(place), status);
}

HostDescriptor open_listing(int directory) {
    return HostDescriptor(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// The type of a name, where the listing does not say.
mode_t type_of(int directory, const dirent& entry) {
    constexpr unsigned type_shift = 12;  // DTTOIF
    if (entry.d_type != DT_UNKNOWN) return static_cast<mode_t>(entry.d_type) << type_shift;
    struct stat status {};
    return ::fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? status.st_mode & S_IFMT : 0;
}

// Makes what `what` says; a regular file must not have been there.
int make_on_host(int directory, const std::string& name, const NewInode& what) {
    const mode_t permissions = what.mode & 01777;
    switch (what.mode & S_IFMT) {
        case S_IFDIR: return ::mkdirat(directory, name.c_str(), permissions);
        case S_IFLNK: return ::symlinkat(what.link_target.c_str(), directory, name.c_str());
        case S_IFREG: {
            constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
            const HostDescriptor made(::openat(directory, name.c_str(), flags, permissions));
            return made.is_open() ? 0 : -1;
        }
        default: errno = EPERM; return -1;
    }
}

timespec time_of(std::optional<std::uint64_t> ns) {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    if (!ns) return {0, UTIME_OMIT};
    return {static_cast<time_t>(*ns / ns_per_second), static_cast<long>(*ns % ns_per_second)};
}

}  // namespace

HostDescriptor::~HostDescriptor() {
    if (value_ >= 0) ::close(value_);
}

tl::expected<std::shared_ptr<HostNode>, std::string> HostNode::open_named(const std::string& path) {
    auto node = node_of(HostDescriptor(::open(path.c_str(), O_PATH | O_CLOEXEC)));
    if (!node) return tl::unexpected(std::string(errno_text(node.error())));
    if (is_procfs((*node)->descriptor())) return tl::unexpected(std::string("is a file of /proc"));
    return *node;
}

Result<struct stat> HostNode::status_now() const {
    struct stat status {};
    if (::fstat(place_.get(), &status) != 0) return fail(host_error());
    return status;
}

Result<std::shared_ptr<HostNode>> HostNode::child(std::string_view name) const {
    const auto checked = component(name);
    if (!checked) return fail(checked.error());
    auto found = node_of(open_place(place_.get(), *checked));
    if (!found) return found;
    const bool crosses = (*found)->status().st_dev != status_.st_dev;
    return crosses && is_procfs((*found)->descriptor()) ? fail(Errno::eacces) : found;
}

Result<void> HostNode::check_readable() const {
    return open_listing(place_.get()).is_open() ? Result<void>{} : fail(host_error());
}

Result<std::vector<DirectoryEntry>> HostNode::entries() const {
    const int listing = ::openat(place_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing < 0) return fail(host_error());
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(listing), ::closedir);
    if (directory == nullptr) return fail(host_error());
    std::vector<DirectoryEntry> found;
    while (const dirent* entry = ::readdir(directory.get())) {
        const std::string_view name = entry->d_name;
        if (name == "." || name == "..") continue;
        found.push_back({std::string(name), entry->d_ino, type_of(listing, *entry), 0});
    }
    return found;
}

Result<std::shared_ptr<HostNode>> HostNode::create(std::string_view name, const NewInode& what) const {
    const auto checked = component(name);
    if (!checked) return fail(checked.error());
    if (make_on_host(place_.get(), *checked, what) != 0) return fail(host_error());
    auto made = node_of(open_place(place_.get(), *checked));
    if (!made || S_ISLNK(what.mode)) return made;
    // The emulator's own umask took bits off that the guest's left.
    const mode_t wanted = what.mode & 01777;
    if (((*made)->status().st_mode & wanted) != wanted) {
        if (auto changed = (*made)->change_attributes({.permissions = wanted}); !changed) return fail(changed.error());
        return node_of(std::move((*made)->place_));
    }
    return made;
}

Result<void> HostNode::remove(std::string_view name, bool is_directory) const {
    const auto checked = component(name);
    if (!checked) return fail(checked.error());
    return outcome(::unlinkat(place_.get(), checked->c_str(), is_directory ? AT_REMOVEDIR : 0));
}

Result<void> HostNode::rename(std::string_view name, const HostNode& to, std::string_view new_name,
                              bool exchange) const {
    const auto from_name = component(name), to_name = component(new_name);
    if (!from_name || !to_name) return fail(Errno::einval);
    return outcome(::renameat2(place_.get(), from_name->c_str(), to.place_.get(), to_name->c_str(),
                               exchange ? RENAME_EXCHANGE : 0));
}

Result<void> HostNode::add_link(const HostNode& file, std::string_view name) const {
    const auto checked = component(name);
    if (!checked) return fail(checked.error());
    if (::linkat(file.place_.get(), "", place_.get(), checked->c_str(), AT_EMPTY_PATH) == 0) return {};
    // What may not be linked by its descriptor alone is so by its magic path, which leads on from a link, however.
    if (errno != ENOENT) return fail(host_error());
    if (S_ISLNK(file.status_.st_mode)) return fail(Errno::eperm);
    return outcome(
        ::linkat(AT_FDCWD, magic_path(file.place_.get()).c_str(), place_.get(), checked->c_str(), AT_SYMLINK_FOLLOW));
}

Result<std::string> HostNode::link_text() const {
    std::string text(max_path_bytes + 1, '\0');
    const ssize_t size = ::readlinkat(place_.get(), "", text.data(), text.size());
    if (size < 0) return fail(host_error());
    text.resize(static_cast<std::size_t>(size));
    return text;
}

Result<int> HostNode::content(HostOpening opening) {
    const bool writes = opening == HostOpening::for_writing;
    if (content_.is_open() && (content_is_writable_ || !writes)) return content_.get();
    if (!S_ISREG(status_.st_mode)) return fail(Errno::eacces);
    const int flags = (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    HostDescriptor opened(::open(magic_path(place_.get()).c_str(), flags));
    if (!opened.is_open()) return fail(host_error());
    content_ = std::move(opened);
    content_is_writable_ = writes;
    return content_.get();
}

Result<void> HostNode::change_attributes(const AttributeChange& change) const {
    const std::string path = magic_path(place_.get());
    const bool is_link = S_ISLNK(status_.st_mode);
    if (change.uid || change.gid) {
        constexpr std::uint32_t unchanged = ~std::uint32_t{0};
        const auto done = outcome(::fchownat(place_.get(), "", change.uid.value_or(unchanged),
                                             change.gid.value_or(unchanged), AT_EMPTY_PATH));
        if (!done) return done;
    }
    if (change.permissions && !is_link) {
        const auto done = outcome(::chmod(path.c_str(), *change.permissions & 01777));
        if (!done) return done;
    }
    if (change.accessed_ns || change.modified_ns) {
        const timespec times[] = {time_of(change.accessed_ns), time_of(change.modified_ns)};
        return outcome(static_cast<int>(::syscall(SYS_utimensat, place_.get(), "", times, AT_EMPTY_PATH)));
    }
    return {};
}

}  // namespace fl::kernel
