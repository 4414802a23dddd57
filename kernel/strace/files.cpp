#include "kernel/strace/files.hpp"

#include "kernel/strace/named.hpp"
#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace fl::kernel::strace {

namespace {

constexpr std::uint64_t tmpfile_flag = 020000000;  // __O_TMPFILE

constexpr FlagName open_modes[] = {NAMED(O_RDONLY), NAMED(O_WRONLY), NAMED(O_RDWR), NAMED(O_ACCMODE)};
constexpr FlagName open_flags[] = {
    NAMED(O_CREAT),   NAMED(O_EXCL),  NAMED(O_NOCTTY),  NAMED(O_TRUNC),          NAMED(O_APPEND),    NAMED(O_NONBLOCK),
    NAMED(O_SYNC),    NAMED(O_DSYNC), NAMED(O_DIRECT),  {0x8000, "O_LARGEFILE"}, NAMED(O_NOFOLLOW),  NAMED(O_NOATIME),
    NAMED(O_CLOEXEC), NAMED(O_PATH),  NAMED(O_TMPFILE), NAMED(O_DIRECTORY),      {O_ASYNC, "FASYNC"}};
constexpr FlagName resolves[] = {{1, "RESOLVE_NO_XDEV"}, {2, "RESOLVE_NO_MAGICLINKS"}, {4, "RESOLVE_NO_SYMLINKS"},
                                 {8, "RESOLVE_BENEATH"}, {16, "RESOLVE_IN_ROOT"},      {32, "RESOLVE_CACHED"}};
constexpr FlagName accesses[] = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
constexpr FlagName lock_types[] = {{0, "F_RDLCK"}, {1, "F_WRLCK"}, {2, "F_UNLCK"}};
constexpr FlagName notifications[] = {{1, "DN_ACCESS"},
                                      {2, "DN_MODIFY"},
                                      {4, "DN_CREATE"},
                                      {8, "DN_DELETE"},
                                      {16, "DN_RENAME"},
                                      {32, "DN_ATTRIB"},
                                      {0x8000'0000, "DN_MULTISHOT"}};
constexpr FlagName owner_types[] = {{0, "F_OWNER_TID"}, {1, "F_OWNER_PID"}, {2, "F_OWNER_PGRP"}};
constexpr FlagName descriptor_flags[] = {NAMED(FD_CLOEXEC)};
constexpr FlagName swap_flags[] = {{0x8000, "SWAP_FLAG_PREFER"}, {0x10000, "SWAP_FLAG_DISCARD"}};
constexpr Names lock_type_names{lock_types, "F_???"};

bool is_lock_command(int command) {
    return (command >= F_GETLK && command <= F_SETLKW) || (command >= F_OFD_GETLK && command <= F_OFD_SETLKW);
}

std::string lock_text(const Call& call, std::uint64_t address, bool with_holder) {
    return pointed_to<struct flock>(call, address, [with_holder](const struct flock& lock) {
        std::string text =
            fmt::format("{{l_type={}, l_whence={}, l_start={}, l_len={}",
                        value_text(lock_type_names, static_cast<std::uint16_t>(lock.l_type)),
                        value_text(seek_names, static_cast<std::uint16_t>(lock.l_whence)), lock.l_start, lock.l_len);
        return with_holder ? fmt::format("{}, l_pid={}}}", text, lock.l_pid) : text + "}";
    });
}

std::string owner_structure_text(const Call& call, std::uint64_t address) {
    return pointed_to<std::array<std::int32_t, 2>>(call, address, [](const auto& owner) {
        return fmt::format("{{type={}, pid={}}}",
                           value_text({owner_types, "F_OWNER_???"}, static_cast<std::uint32_t>(owner[0])), owner[1]);
    });
}

bool fills_its_argument(int command) { return command == F_GETLK || command == F_OFD_GETLK || command == F_GETOWN_EX; }

bool takes_nothing(int command) {
    switch (command) {
        case F_GETFD:
        case F_GETFL:
        case F_GETOWN:
        case F_GETSIG:
        case F_GETLEASE:
        case F_GETPIPE_SZ:
        case F_GET_SEALS: return true;
        default: return false;
    }
}

}  // namespace

std::string open_flags_text(std::uint64_t flags) {
    const std::string mode = value_text({open_modes, nullptr}, flags & O_ACCMODE);
    const std::uint64_t options = flags & 0xffff'ffff & ~std::uint64_t{O_ACCMODE};
    return options == 0 ? mode : mode + "|" + flags_text({open_flags, nullptr}, options);
}

std::string file_mode_text(std::uint32_t mode) {
    static constexpr FlagName types[] = {NAMED(S_IFREG), NAMED(S_IFCHR), NAMED(S_IFIFO), NAMED(S_IFSOCK),
                                         NAMED(S_IFDIR), NAMED(S_IFBLK), NAMED(S_IFLNK)};
    const char* type = find_name({types, nullptr}, mode & S_IFMT);
    if (type == nullptr) return octal_text(mode);
    std::string text = type;
    if ((mode & S_ISUID) != 0) text += "|S_ISUID";
    if ((mode & S_ISGID) != 0) text += "|S_ISGID";
    if ((mode & S_ISVTX) != 0) text += "|S_ISVTX";
    return text + "|" + octal_text(mode & 0777);
}

std::string print_open_flags(const Argument& a) { return open_flags_text(a.value()); }

std::string print_create_mode(const Argument& a) {
    return (a.neighbour(-1) & (O_CREAT | tmpfile_flag)) != 0 ? octal_text(a.unsigned_value() & 0177777) : "";
}

std::string print_open_how(const Argument& a) {
    struct How {
        std::uint64_t flags, mode, resolve;
    };
    if (a.neighbour(1) < sizeof(How)) return address_text(a.value());
    return pointed_to<How>(a.call, a.value(), [](const How& how) {
        std::string text = "{flags=" + open_flags_text(how.flags);
        if ((how.flags & (O_CREAT | tmpfile_flag)) != 0 || how.mode != 0) {
            text += ", mode=" + octal_text(static_cast<std::uint32_t>(how.mode));
        }
        return text + ", resolve=" + flags_text({resolves, "RESOLVE_???"}, how.resolve) + "}";
    });
}

std::string print_access_mode(const Argument& a) {
    return a.unsigned_value() == 0 ? "F_OK" : flags_text({accesses, "?_OK"}, a.unsigned_value());
}

std::string print_directory_entries(const Argument& a) {
    constexpr std::uint64_t length_offset = 16;
    std::uint64_t count = 0;
    for (std::uint64_t at = 0; at < a.call.value(); ++count) {
        const auto record_bytes = a.call.peek<std::uint16_t>(a.value() + at + length_offset);
        if (!record_bytes || *record_bytes == 0) break;
        at += *record_bytes;
    }
    return fmt::format("{:#x} /* {} {} */", a.value(), count, count == 1 ? "entry" : "entries");
}

std::string print_fcntl_argument(const Argument& a) {
    const int command = int_argument(a.neighbour(-1));
    const std::uint64_t value = a.value();
    if (takes_nothing(command) || fills_its_argument(command)) return "";
    if (is_lock_command(command)) return lock_text(a.call, value, false);
    switch (command) {
        case F_SETFD: return flags_text({descriptor_flags, "FD_???"}, value);
        case F_SETFL: return open_flags_text(value);
        case F_DUPFD:
        case F_DUPFD_CLOEXEC:
        case F_SETOWN:
        case F_SETPIPE_SZ: return std::to_string(int_argument(value));
        case F_SETSIG: return signal_text(int_argument(value));
        case F_SETLEASE: return value_text(lock_type_names, value);
        case F_NOTIFY: return flags_text({notifications, "DN_???"}, a.unsigned_value());
        case F_ADD_SEALS: return flags_text(seal_names, value);
        case F_SETOWN_EX: return owner_structure_text(a.call, value);
        default: return hexadecimal_text(value);
    }
}

std::string print_fcntl_filled(const Argument& a) {
    const int command = int_argument(a.call.arguments[1]);
    const std::uint64_t value = a.call.arguments[2];
    if (!fills_its_argument(command)) return "";
    if (!a.call.succeeded()) return ", " + address_text(value);
    return ", " + (command == F_GETOWN_EX ? owner_structure_text(a.call, value) : lock_text(a.call, value, true));
}

std::string fcntl_result(const Call& call) {
    const std::uint64_t value = call.value();
    switch (int_argument(call.arguments[1])) {
        case F_GETFL: return fmt::format("{:#x} (flags {})", value, open_flags_text(value));
        case F_GETFD:
            if (value == 0) break;
            return fmt::format("{:#x} (flags {})", value, flags_text({descriptor_flags, nullptr}, value));
        case F_GET_SEALS:
            if (value == 0) break;
            return fmt::format("{:#x} (seals {})", value, flags_text({seal_names.list, nullptr}, value));
        case F_GETSIG:
            if (value == 0) break;
            return fmt::format("{} ({})", value, signal_text(static_cast<int>(value)));
        case F_GETLEASE: return fmt::format("{:#x} ({})", value, value_text(lock_type_names, value));
        default: break;
    }
    return std::to_string(static_cast<std::int64_t>(value));
}

std::string print_position(const Argument& a) { return print_long_pointer(a); }

std::uint64_t remember_position(const Argument& a) { return a.call.peek<std::uint64_t>(a.value()).value_or(0); }

std::string print_moved_position(const Argument& a) {
    const auto position = a.call.peek<std::int64_t>(a.value());
    if (!position) return address_text(a.value());
    const auto before = static_cast<std::int64_t>(a.call.remembered);
    if (!a.call.succeeded() || a.call.value() == 0) return fmt::format("[{}]", before);
    return fmt::format("[{}] => [{}]", before, *position);
}

std::string print_node_mode(const Argument& a) { return file_mode_text(a.unsigned_value() & 0177777); }

std::string print_node_device(const Argument& a) {
    const auto mode = static_cast<mode_t>(a.neighbour(-1));
    return S_ISCHR(mode) || S_ISBLK(mode) ? print_device_number(a) : "";
}

std::string print_device_number(const Argument& a) {
    return fmt::format("makedev({}, {})", hexadecimal_text(major(a.unsigned_value())),
                       hexadecimal_text(minor(a.unsigned_value())));
}

std::string print_swap_flags(const Argument& a) {
    constexpr std::uint32_t priority_bits = 0x7fff;
    const std::uint32_t flags = a.unsigned_value() & ~priority_bits, priority = a.unsigned_value() & priority_bits;
    const std::string names = flags == 0 ? "" : flags_text({swap_flags, "SWAP_FLAG_???"}, flags) + "|";
    return names + std::to_string(priority);
}

// The position takes two registers, of which the second is not used.
std::string print_read_write_flags(const Argument& a) {
    static constexpr FlagName flags[] = {
        {1, "RWF_HIPRI"}, {2, "RWF_DSYNC"}, {4, "RWF_SYNC"}, {8, "RWF_NOWAIT"}, {16, "RWF_APPEND"}};
    return flags_text({flags, "RWF_???"}, static_cast<std::uint32_t>(a.call.arguments[5]));
}

std::string print_attribute_value(const Argument& a) {
    constexpr std::uint64_t most_bytes = 65536;  // XATTR_SIZE_MAX
    return a.neighbour(1) > most_bytes ? address_text(a.value()) : print_buffer(a);
}

std::string print_mount_text(const Argument& a) { return path_text(a.call, a.value()); }

}  // namespace fl::kernel::strace
