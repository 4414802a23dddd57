// The names of flags that calls on files take; see strace_names.hpp.
#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace fl::kernel {

namespace {

#define NAMED(value) \
    FlagName { static_cast<std::uint64_t>(value), #value }

constexpr FlagName lock_commands[] = {NAMED(LOCK_NB), NAMED(LOCK_SH), NAMED(LOCK_EX), NAMED(LOCK_UN)};
constexpr FlagName rename_flags[] = {{1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}};
constexpr FlagName allocate_flags[] = {NAMED(FALLOC_FL_KEEP_SIZE),      NAMED(FALLOC_FL_PUNCH_HOLE),
                                       NAMED(FALLOC_FL_COLLAPSE_RANGE), NAMED(FALLOC_FL_ZERO_RANGE),
                                       NAMED(FALLOC_FL_INSERT_RANGE),   NAMED(FALLOC_FL_UNSHARE_RANGE)};
constexpr FlagName duplicate_flags[] = {NAMED(O_CLOEXEC)};
constexpr FlagName memfd_flags[] = {
    {1, "MFD_CLOEXEC"}, {2, "MFD_ALLOW_SEALING"}, {4, "MFD_HUGETLB"}, {8, "MFD_NOEXEC_SEAL"}, {0x10, "MFD_EXEC"}};
constexpr FlagName file_advices[] = {NAMED(POSIX_FADV_NORMAL),     NAMED(POSIX_FADV_RANDOM),
                                     NAMED(POSIX_FADV_SEQUENTIAL), NAMED(POSIX_FADV_WILLNEED),
                                     NAMED(POSIX_FADV_DONTNEED),   NAMED(POSIX_FADV_NOREUSE)};
constexpr FlagName sync_range_flags[] = {NAMED(SYNC_FILE_RANGE_WAIT_BEFORE), NAMED(SYNC_FILE_RANGE_WRITE),
                                         NAMED(SYNC_FILE_RANGE_WAIT_AFTER)};
constexpr FlagName attribute_flags[] = {NAMED(XATTR_CREATE), NAMED(XATTR_REPLACE)};
constexpr FlagName close_range_flags[] = {{2, "CLOSE_RANGE_UNSHARE"}, {4, "CLOSE_RANGE_CLOEXEC"}};
constexpr FlagName statx_attributes[] = {NAMED(STATX_ATTR_MOUNT_ROOT)};
constexpr FlagName mount_flags[] = {NAMED(MS_RDONLY),      NAMED(MS_NOSUID),     NAMED(MS_NODEV),    NAMED(MS_NOEXEC),
                                    NAMED(MS_SYNCHRONOUS), NAMED(MS_REMOUNT),    NAMED(MS_MANDLOCK), NAMED(MS_DIRSYNC),
                                    NAMED(MS_NOATIME),     NAMED(MS_NODIRATIME), NAMED(MS_BIND),     NAMED(MS_MOVE),
                                    NAMED(MS_REC),         NAMED(MS_SILENT),     NAMED(MS_PRIVATE),  NAMED(MS_SLAVE),
                                    NAMED(MS_SHARED),      NAMED(MS_RELATIME),   NAMED(MS_LAZYTIME)};
constexpr FlagName unmount_flags[] = {NAMED(MNT_FORCE), NAMED(MNT_DETACH), NAMED(MNT_EXPIRE), NAMED(UMOUNT_NOFOLLOW)};
// include/uapi/linux/magic.h
constexpr FlagName file_system_types[] = {{0x0102'1994, "TMPFS_MAGIC"},           {0x8584'58f6, "RAMFS_MAGIC"},
                                          {0x9fa0, "PROC_SUPER_MAGIC"},           {0xef53, "EXT2_SUPER_MAGIC"},
                                          {0x5846'5342, "XFS_SUPER_MAGIC"},       {0x9123'683e, "BTRFS_SUPER_MAGIC"},
                                          {0x794c'7630, "OVERLAYFS_SUPER_MAGIC"}, {0x6969, "NFS_SUPER_MAGIC"}};
constexpr FlagName file_system_flags[] = {{0x20, "ST_VALID"},      {0x1, "ST_RDONLY"},        {0x2, "ST_NOSUID"},
                                          {0x4, "ST_NODEV"},       {0x8, "ST_NOEXEC"},        {0x10, "ST_SYNCHRONOUS"},
                                          {0x40, "ST_MANDLOCK"},   {0x400, "ST_NOATIME"},     {0x800, "ST_NODIRATIME"},
                                          {0x1000, "ST_RELATIME"}, {0x2000, "ST_NOSYMFOLLOW"}};

#undef NAMED

}  // namespace

const FlagNames lock_command_names = lock_commands;
const FlagNames rename_flag_names = rename_flags;
const FlagNames allocate_flag_names = allocate_flags;
const FlagNames duplicate_flag_names = duplicate_flags;
const FlagNames memfd_flag_names = memfd_flags;
const FlagNames file_advice_names = file_advices;
const FlagNames sync_range_flag_names = sync_range_flags;
const FlagNames attribute_flag_names = attribute_flags;
const FlagNames close_range_flag_names = close_range_flags;
const FlagNames statx_attribute_names = statx_attributes;
const FlagNames mount_flag_names = mount_flags;
const FlagNames unmount_flag_names = unmount_flags;
const FlagNames file_system_type_names = file_system_types;
const FlagNames file_system_flag_names = file_system_flags;

}  // namespace fl::kernel
