// struct stat, statx and statfs; see files.hpp.
#include "kernel/strace/files.hpp"
#include "kernel/strace/named.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

namespace fl::kernel::strace {

namespace {

constexpr FlagName statx_attributes[] = {
    {0x4, "STATX_ATTR_COMPRESSED"},    {0x10, "STATX_ATTR_IMMUTABLE"},  {0x20, "STATX_ATTR_APPEND"},
    {0x40, "STATX_ATTR_NODUMP"},       {0x800, "STATX_ATTR_ENCRYPTED"}, {0x1000, "STATX_ATTR_AUTOMOUNT"},
    {0x2000, "STATX_ATTR_MOUNT_ROOT"}, {0x100000, "STATX_ATTR_VERITY"}, {0x200000, "STATX_ATTR_DAX"}};
constexpr FlagName statx_syncs[] = {
    {0, "AT_STATX_SYNC_AS_STAT"}, {0x2000, "AT_STATX_FORCE_SYNC"}, {0x4000, "AT_STATX_DONT_SYNC"}};
// include/uapi/linux/magic.h
constexpr FlagName file_system_types[] = {
    {0x0102'1994, "TMPFS_MAGIC"},           {0x8584'58f6, "RAMFS_MAGIC"},     {0x9fa0, "PROC_SUPER_MAGIC"},
    {0xef53, "EXT2_SUPER_MAGIC"},           {0x5846'5342, "XFS_SUPER_MAGIC"}, {0x9123'683e, "BTRFS_SUPER_MAGIC"},
    {0x794c'7630, "OVERLAYFS_SUPER_MAGIC"}, {0x6969, "NFS_SUPER_MAGIC"},      {0x5049'5045, "PIPEFS_MAGIC"},
    {0x534f'434b, "SOCKFS_MAGIC"},          {0x6265'6572, "SYSFS_MAGIC"},     {0x1cd1, "DEVPTS_SUPER_MAGIC"}};
constexpr FlagName file_system_flags[] = {{0x20, "ST_VALID"},      {0x1, "ST_RDONLY"},        {0x2, "ST_NOSUID"},
                                          {0x4, "ST_NODEV"},       {0x8, "ST_NOEXEC"},        {0x10, "ST_SYNCHRONOUS"},
                                          {0x40, "ST_MANDLOCK"},   {0x400, "ST_NOATIME"},     {0x800, "ST_NODIRATIME"},
                                          {0x1000, "ST_RELATIME"}, {0x2000, "ST_NOSYMFOLLOW"}};

std::string status_text(const struct stat& status) {
    const bool device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
    const std::string detail = device ? fmt::format("st_rdev=makedev({}, {})", hexadecimal_text(major(status.st_rdev)),
                                                    hexadecimal_text(minor(status.st_rdev)))
                                      : fmt::format("st_size={}", status.st_size);
    return fmt::format("{{st_mode={}, {}, ...}}", file_mode_text(status.st_mode), detail);
}

}  // namespace

std::string print_status(const Argument& a) { return pointed_to<struct stat>(a.call, a.value(), status_text); }

std::string print_statx_flags(const Argument& a) {
    constexpr std::uint32_t sync_bits = 0x6000;
    const std::string sync = value_text({statx_syncs, "AT_STATX_???"}, a.unsigned_value() & sync_bits);
    const std::uint32_t others = a.unsigned_value() & ~sync_bits;
    return others == 0 ? sync : sync + "|" + flags_text(at_flag_names, others);
}

std::string print_statx(const Argument& a) {
    return pointed_to<struct statx>(a.call, a.value(), [](const struct statx& status) {
        return fmt::format("{{stx_mask={}, stx_attributes={}, stx_mode={}, stx_size={}, ...}}",
                           flags_text(statx_mask_names, status.stx_mask),
                           flags_text({statx_attributes, "STATX_ATTR_???"}, status.stx_attributes),
                           file_mode_text(status.stx_mode), status.stx_size);
    });
}

std::string print_file_system(const Argument& a) {
    return pointed_to<struct statfs>(a.call, a.value(), [](const struct statfs& s) {
        return fmt::format(
            "{{f_type={}, f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, f_files={}, f_ffree={}, "
            "f_fsid={{val=[{}, {}]}}, f_namelen={}, f_frsize={}, f_flags={}}}",
            value_text({file_system_types, nullptr}, static_cast<std::uint64_t>(s.f_type)), s.f_bsize, s.f_blocks,
            s.f_bfree, s.f_bavail, s.f_files, s.f_ffree,
            hexadecimal_text(static_cast<std::uint32_t>(s.f_fsid.__val[0])),
            hexadecimal_text(static_cast<std::uint32_t>(s.f_fsid.__val[1])), s.f_namelen, s.f_frsize,
            flags_text({file_system_flags, "ST_???"}, static_cast<std::uint64_t>(s.f_flags)));
    });
}

}  // namespace fl::kernel::strace
