// The names of flags that calls on files take; see files.hpp.
#include "kernel/strace/files.hpp"
#include "kernel/strace/named.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

namespace fl::kernel::strace {

namespace {

constexpr FlagName at_flags[] = {{0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_REMOVEDIR"},
                                 {0x400, "AT_SYMLINK_FOLLOW"},   {0x800, "AT_NO_AUTOMOUNT"},
                                 {0x1000, "AT_EMPTY_PATH"},      {0x8000, "AT_RECURSIVE"}};
constexpr FlagName access_flags[] = {{0x100, "AT_SYMLINK_NOFOLLOW"}, {0x200, "AT_EACCESS"}, {0x1000, "AT_EMPTY_PATH"}};
constexpr FlagName unlink_flags[] = {{0x200, "AT_REMOVEDIR"}};
constexpr FlagName seeks[] = {{0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
constexpr FlagName statx_masks[] = {
    NAMED(STATX_ALL), NAMED(STATX_BASIC_STATS), NAMED(STATX_TYPE),   NAMED(STATX_MODE),  NAMED(STATX_NLINK),
    NAMED(STATX_UID), NAMED(STATX_GID),         NAMED(STATX_ATIME),  NAMED(STATX_MTIME), NAMED(STATX_CTIME),
    NAMED(STATX_INO), NAMED(STATX_SIZE),        NAMED(STATX_BLOCKS), NAMED(STATX_BTIME), NAMED(STATX_MNT_ID)};
constexpr FlagName fcntl_commands[] = {
    NAMED(F_DUPFD),          NAMED(F_GETFD),         NAMED(F_SETFD),      NAMED(F_GETFL),     NAMED(F_SETFL),
    {5, "F_GETLK"},          {6, "F_SETLK"},         {7, "F_SETLKW"},     NAMED(F_SETOWN),    NAMED(F_GETOWN),
    NAMED(F_SETSIG),         NAMED(F_GETSIG),        NAMED(F_SETOWN_EX),  NAMED(F_GETOWN_EX), NAMED(F_OFD_GETLK),
    NAMED(F_OFD_SETLK),      NAMED(F_OFD_SETLKW),    NAMED(F_SETLEASE),   NAMED(F_GETLEASE),  NAMED(F_NOTIFY),
    NAMED(F_DUPFD_CLOEXEC),  NAMED(F_SETPIPE_SZ),    NAMED(F_GETPIPE_SZ), NAMED(F_ADD_SEALS), NAMED(F_GET_SEALS),
    {1035, "F_GET_RW_HINT"}, {1036, "F_SET_RW_HINT"}};
constexpr FlagName seals[] = {NAMED(F_SEAL_SEAL), NAMED(F_SEAL_SHRINK), NAMED(F_SEAL_GROW), NAMED(F_SEAL_WRITE),
                              NAMED(F_SEAL_FUTURE_WRITE)};
constexpr FlagName lock_commands[] = {NAMED(LOCK_SH), NAMED(LOCK_EX), NAMED(LOCK_NB), NAMED(LOCK_UN)};
constexpr FlagName rename_flags[] = {{1, "RENAME_NOREPLACE"}, {2, "RENAME_EXCHANGE"}, {4, "RENAME_WHITEOUT"}};
constexpr FlagName allocate_flags[] = {NAMED(FALLOC_FL_KEEP_SIZE),     NAMED(FALLOC_FL_PUNCH_HOLE),
                                       {4, "FALLOC_FL_NO_HIDE_STALE"}, NAMED(FALLOC_FL_COLLAPSE_RANGE),
                                       NAMED(FALLOC_FL_ZERO_RANGE),    NAMED(FALLOC_FL_INSERT_RANGE),
                                       NAMED(FALLOC_FL_UNSHARE_RANGE)};
constexpr FlagName file_advices[] = {NAMED(POSIX_FADV_NORMAL),     NAMED(POSIX_FADV_RANDOM),
                                     NAMED(POSIX_FADV_SEQUENTIAL), NAMED(POSIX_FADV_WILLNEED),
                                     NAMED(POSIX_FADV_DONTNEED),   NAMED(POSIX_FADV_NOREUSE)};
constexpr FlagName sync_range_flags[] = {NAMED(SYNC_FILE_RANGE_WAIT_BEFORE), NAMED(SYNC_FILE_RANGE_WRITE),
                                         NAMED(SYNC_FILE_RANGE_WAIT_AFTER)};
constexpr FlagName attribute_flags[] = {NAMED(XATTR_CREATE), NAMED(XATTR_REPLACE)};
constexpr FlagName close_range_flags[] = {{2, "CLOSE_RANGE_UNSHARE"}, {4, "CLOSE_RANGE_CLOEXEC"}};
constexpr FlagName mount_flags[] = {NAMED(MS_RDONLY),      NAMED(MS_NOSUID),     NAMED(MS_NODEV),    NAMED(MS_NOEXEC),
                                    NAMED(MS_SYNCHRONOUS), NAMED(MS_REMOUNT),    NAMED(MS_MANDLOCK), NAMED(MS_DIRSYNC),
                                    NAMED(MS_NOATIME),     NAMED(MS_NODIRATIME), NAMED(MS_BIND),     NAMED(MS_MOVE),
                                    NAMED(MS_REC),         NAMED(MS_SILENT),     NAMED(MS_PRIVATE),  NAMED(MS_SLAVE),
                                    NAMED(MS_SHARED),      NAMED(MS_RELATIME),   NAMED(MS_LAZYTIME)};
constexpr FlagName unmount_flags[] = {NAMED(MNT_FORCE), NAMED(MNT_DETACH), NAMED(MNT_EXPIRE), NAMED(UMOUNT_NOFOLLOW)};
constexpr FlagName splice_flags[] = {
    {1, "SPLICE_F_MOVE"}, {2, "SPLICE_F_NONBLOCK"}, {4, "SPLICE_F_MORE"}, {8, "SPLICE_F_GIFT"}};
constexpr FlagName eventfd_flags[] = {{1, "EFD_SEMAPHORE"}, {O_CLOEXEC, "EFD_CLOEXEC"}, {O_NONBLOCK, "EFD_NONBLOCK"}};
constexpr FlagName inotify_flags[] = {NAMED(IN_CLOEXEC), NAMED(IN_NONBLOCK)};
constexpr FlagName inotify_events[] = {NAMED(IN_ACCESS),           NAMED(IN_MODIFY),        NAMED(IN_ATTRIB),
                                       NAMED(IN_CLOSE_WRITE),      NAMED(IN_CLOSE_NOWRITE), NAMED(IN_OPEN),
                                       NAMED(IN_MOVED_FROM),       NAMED(IN_MOVED_TO),      NAMED(IN_CREATE),
                                       NAMED(IN_DELETE),           NAMED(IN_DELETE_SELF),   NAMED(IN_MOVE_SELF),
                                       NAMED(IN_UNMOUNT),          NAMED(IN_Q_OVERFLOW),    NAMED(IN_IGNORED),
                                       NAMED(IN_ONLYDIR),          NAMED(IN_DONT_FOLLOW),   NAMED(IN_EXCL_UNLINK),
                                       NAMED(IN_MASK_CREATE),      NAMED(IN_MASK_ADD),      NAMED(IN_ISDIR),
                                       {0x8000'0000, "IN_ONESHOT"}};

}  // namespace

const Names at_flag_names{at_flags, "AT_???"};
const Names access_flag_names{access_flags, "AT_???"};
const Names unlink_flag_names{unlink_flags, "AT_???"};
const Names seek_names{seeks, "SEEK_???"};
const Names statx_mask_names{statx_masks, "STATX_???"};
const Names fcntl_command_names{fcntl_commands, "F_???"};
const Names seal_names{seals, "F_SEAL_???"};
const Names lock_command_names{lock_commands, "LOCK_???"};
const Names rename_flag_names{rename_flags, "RENAME_??"};
const Names allocate_flag_names{allocate_flags, "FALLOC_FL_???"};
const Names file_advice_names{file_advices, "POSIX_FADV_???"};
const Names sync_range_flag_names{sync_range_flags, "SYNC_FILE_RANGE_???"};
const Names attribute_flag_names{attribute_flags, "XATTR_???"};
const Names close_range_flag_names{close_range_flags, "CLOSE_RANGE_???"};
const Names mount_flag_names{mount_flags, "MS_???"};
const Names unmount_flag_names{unmount_flags, "MNT_???"};
const Names splice_flag_names{splice_flags, "SPLICE_F_???"};
const Names eventfd_flag_names{eventfd_flags, "EFD_???"};
const Names inotify_flag_names{inotify_flags, "IN_???"};
const Names inotify_event_names{inotify_events, "IN_???"};

}  // namespace fl::kernel::strace
