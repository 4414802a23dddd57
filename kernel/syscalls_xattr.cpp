// Extended attributes (Linux: fs/xattr.c). No file system here keeps any: listing gives none, everything else is
// EOPNOTSUPP once the arguments are right.
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>
#include <sys/xattr.h>

namespace fl::kernel {

namespace {

// import_xattr_name()
Result<std::string> attribute_name(System& system, std::uint64_t address) {
    constexpr std::uint64_t max_bytes = 255;  // XATTR_NAME_MAX
    auto name = system.user().read_string(VirtAddr(address), max_bytes);
    if (!name && name.error() == Errno::enametoolong) return fail(Errno::erange);
    if (name && name->empty()) return fail(Errno::erange);
    return name;
}

// The inode that a call is about: of a path, or of a descriptor. nullptr: a stream of the host.
Result<Inode*> inode_of_path(System& system, std::uint64_t address, FollowLast follow) {
    const auto path = read_path(system, address);
    if (!path) return fail(path.error());
    const auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), *path, follow);
    if (!dentry) return fail(dentry.error());
    return (*dentry)->inode.get();
}
Result<Inode*> inode_of_descriptor(System& system, std::uint64_t fd, FollowLast) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    return (*file)->inode();
}

using FindInode = Result<Inode*> (*)(System&, std::uint64_t, FollowLast);

// setxattr_copy(), up to the value.
Result<std::uint64_t> set_attribute(System& system, const Arguments& a, FindInode find, FollowLast follow) {
    constexpr std::uint64_t max_value_bytes = 65536;  // XATTR_SIZE_MAX
    if ((static_cast<std::uint32_t>(a[4]) & ~std::uint32_t{XATTR_CREATE | XATTR_REPLACE}) != 0) {
        return fail(Errno::einval);
    }
    if (const auto name = attribute_name(system, a[1]); !name) return fail(name.error());
    if (a[3] > max_value_bytes) return fail(Errno::e2big);
    std::vector<std::byte> value(a[3]);
    if (auto read = system.user().copy_from(VirtAddr(a[2]), value); !read) return fail(read.error());
    const auto inode = find(system, a[0], follow);
    if (!inode) return fail(inode.error());
    const bool read_only = *inode != nullptr && (*inode)->file_system().read_only;
    return fail(read_only ? Errno::erofs : Errno::eopnotsupp);
}

Result<std::uint64_t> get_attribute(System& system, const Arguments& a, FindInode find, FollowLast follow) {
    if (const auto name = attribute_name(system, a[1]); !name) return fail(name.error());
    const auto inode = find(system, a[0], follow);
    return fail(inode ? Errno::eopnotsupp : inode.error());
}

Result<std::uint64_t> remove_attribute(System& system, const Arguments& a, FindInode find, FollowLast follow) {
    if (const auto name = attribute_name(system, a[1]); !name) return fail(name.error());
    const auto inode = find(system, a[0], follow);
    if (!inode) return fail(inode.error());
    const bool read_only = *inode != nullptr && (*inode)->file_system().read_only;
    return fail(read_only ? Errno::erofs : Errno::eopnotsupp);
}

Result<std::uint64_t> list_attributes(System& system, const Arguments& a, FindInode find, FollowLast follow) {
    const auto inode = find(system, a[0], follow);
    if (!inode) return fail(inode.error());
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_setxattr(System& system, const Arguments& a) {
    return set_attribute(system, a, inode_of_path, FollowLast::yes);
}
Result<std::uint64_t> sys_lsetxattr(System& system, const Arguments& a) {
    return set_attribute(system, a, inode_of_path, FollowLast::no);
}
Result<std::uint64_t> sys_fsetxattr(System& system, const Arguments& a) {
    return set_attribute(system, a, inode_of_descriptor, FollowLast::no);
}
Result<std::uint64_t> sys_getxattr(System& system, const Arguments& a) {
    return get_attribute(system, a, inode_of_path, FollowLast::yes);
}
Result<std::uint64_t> sys_lgetxattr(System& system, const Arguments& a) {
    return get_attribute(system, a, inode_of_path, FollowLast::no);
}
Result<std::uint64_t> sys_fgetxattr(System& system, const Arguments& a) {
    return get_attribute(system, a, inode_of_descriptor, FollowLast::no);
}
Result<std::uint64_t> sys_listxattr(System& system, const Arguments& a) {
    return list_attributes(system, a, inode_of_path, FollowLast::yes);
}
Result<std::uint64_t> sys_llistxattr(System& system, const Arguments& a) {
    return list_attributes(system, a, inode_of_path, FollowLast::no);
}
Result<std::uint64_t> sys_flistxattr(System& system, const Arguments& a) {
    return list_attributes(system, a, inode_of_descriptor, FollowLast::no);
}
Result<std::uint64_t> sys_removexattr(System& system, const Arguments& a) {
    return remove_attribute(system, a, inode_of_path, FollowLast::yes);
}
Result<std::uint64_t> sys_lremovexattr(System& system, const Arguments& a) {
    return remove_attribute(system, a, inode_of_path, FollowLast::no);
}
Result<std::uint64_t> sys_fremovexattr(System& system, const Arguments& a) {
    return remove_attribute(system, a, inode_of_descriptor, FollowLast::no);
}

}  // namespace fl::kernel
