#include "kernel/proc_mounts.hpp"

#include "kernel/mangle.hpp"
#include "mm/print_to.hpp"

namespace fl::kernel {

namespace {

// fs/proc_namespace.c, mangle.
constexpr std::string_view path_breakers = " \t\n\\#";

const char* options(const FileSystem& file_system) { return file_system.read_only ? "ro,relatime" : "rw,relatime"; }
const char* own_options(const FileSystem& file_system) { return file_system.read_only ? "ro" : "rw"; }

}  // namespace

// What is mounted has the name of its kind: there is no device.
std::string proc_mounts(const Vfs& vfs) {
    std::string text;
    for (const DentryPointer& point : vfs.mount_points()) {
        const FileSystem& file_system = point->inode->file_system();
        print_to(text, "{0} {1} {0} {2} 0 0\n", file_system.type, mangled(point->path(), path_breakers),
                 options(file_system));
    }
    return text;
}

// A mount's number is its file system's, as fdinfo and statx(2) tell it.
std::string proc_mountinfo(const Vfs& vfs) {
    std::string text;
    for (const DentryPointer& point : vfs.mount_points()) {
        const FileSystem& file_system = point->inode->file_system();
        const FileSystem& above = point->parent != nullptr ? point->parent->inode->file_system() : file_system;
        print_to(text, "{} {} {}:{} / {} {} - {} {} {}\n", file_system.device_minor, above.device_minor,
                 file_system.device_major, file_system.device_minor, mangled(point->path(), path_breakers),
                 options(file_system), file_system.type, file_system.type, own_options(file_system));
    }
    return text;
}

}  // namespace fl::kernel
