#include "kernel/strace_files.hpp"

#include "kernel/peek.hpp"
#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <array>
#include <string_view>
#include <vector>

namespace fl::kernel {

namespace {

using Kind = ArgumentFormat::Kind;

constexpr std::uint64_t tmpfile_flag = 020000000;  // __O_TMPFILE

std::string octal_text(std::uint64_t mode) {
    const auto bits = static_cast<std::uint32_t>(mode);
    return bits == 0 ? "000" : fmt::format("0{:02o}", bits);
}

std::string fcntl_argument_text(const SyscallLine& line) {
    const std::uint64_t value = line.arguments[2];
    switch (int_argument(line.arguments[1])) {
        case F_GETFD:
        case F_GETFL:
        case F_GET_SEALS: return "";
        case F_SETFD: return value == FD_CLOEXEC ? "FD_CLOEXEC" : fmt::format("{:#x}", value);
        case F_SETFL: return open_flags_text(value);
        case F_DUPFD:
        case F_DUPFD_CLOEXEC: return std::to_string(int_argument(value));
        case F_ADD_SEALS: return flags_text(seal_names, value);
        default: return fmt::format("{:#x}", value);
    }
}

std::size_t entry_count(const System& system, std::uint64_t address, std::uint64_t size_bytes) {
    constexpr std::size_t length_offset = 16;
    std::size_t count = 0;
    for (std::uint64_t at = 0; at < size_bytes; ++count) {
        std::uint16_t record_bytes = 0;
        const auto bytes = std::as_writable_bytes(std::span(&record_bytes, 1));
        const std::uint64_t place = address + at + length_offset;
        if (peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(place), bytes) != bytes.size()) break;
        if (record_bytes == 0) break;
        at += record_bytes;
    }
    return count;
}

std::string entries_text(const System& system, std::uint64_t address, const Result<std::uint64_t>* result) {
    if (result == nullptr || !result->has_value()) return fmt::format("{:#x}", address);
    const std::size_t count = entry_count(system, address, **result);
    return fmt::format("{:#x} /* {} {} */", address, count, count == 1 ? "entry" : "entries");
}

std::string statx_text(const System& system, std::uint64_t address, const Result<std::uint64_t>* result) {
    struct statx status {};
    const auto bytes = std::as_writable_bytes(std::span(&status, 1));
    const bool failed = result == nullptr || !result->has_value();
    if (failed || peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), bytes) != bytes.size()) {
        return address == 0 ? "NULL" : fmt::format("{:#x}", address);
    }
    return fmt::format("{{stx_mask={}, stx_attributes={}, stx_mode={}, stx_size={}, ...}}",
                       flags_text(statx_mask_names, status.stx_mask),
                       flags_text(statx_attribute_names, status.stx_attributes), file_mode_text(status.stx_mode),
                       status.stx_size);
}

std::string address_text(std::uint64_t address) { return address == 0 ? "NULL" : fmt::format("{:#x}", address); }

template <class T>
std::optional<T> peek(const System& system, std::uint64_t address) {
    T value{};
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    const bool got =
        address != 0 && peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), bytes) == bytes.size();
    return got ? std::optional(value) : std::nullopt;
}

// utimensat's times, which may be words, and the older calls' with microseconds.
std::string times_text(const System& system, std::uint64_t address, const char* part) {
    struct Time {
        std::int64_t seconds, part;
    };
    const auto times = peek<std::array<Time, 2>>(system, address);
    if (!times) return address_text(address);
    std::string text;
    for (const Time& time : *times) {
        const bool in_ns = std::string_view(part) == "tv_nsec";
        text += text.empty() ? "[" : ", ";
        text += in_ns && time.part == UTIME_NOW    ? "UTIME_NOW"
                : in_ns && time.part == UTIME_OMIT ? "UTIME_OMIT"
                                                   : fmt::format("{{tv_sec={}, {}={}}}", time.seconds, part, time.part);
    }
    return text + "]";
}

std::string file_system_text(const System& system, std::uint64_t address, const Result<std::uint64_t>* result) {
    const bool failed = result == nullptr || !result->has_value();
    const auto s = failed ? std::nullopt : peek<struct statfs>(system, address);
    if (!s) return address_text(address);
    return fmt::format(
        "{{f_type={}, f_bsize={}, f_blocks={}, f_bfree={}, f_bavail={}, f_files={}, f_ffree={}, f_fsid={{val=[{:#x}, "
        "{:#x}]}}, f_namelen={}, f_frsize={}, f_flags={}}}",
        value_text(file_system_type_names, static_cast<std::uint64_t>(s->f_type)), s->f_bsize, s->f_blocks, s->f_bfree,
        s->f_bavail, s->f_files, s->f_ffree, s->f_fsid.__val[0], s->f_fsid.__val[1], s->f_namelen, s->f_frsize,
        flags_text(file_system_flag_names, static_cast<std::uint64_t>(s->f_flags)));
}

std::string node_mode_text(std::uint64_t mode) {
    const auto bits = static_cast<std::uint32_t>(mode);
    return (bits & S_IFMT) == 0 ? octal_text(mode) : file_mode_text(bits);
}

std::string position_text(const System& system, std::uint64_t address) {
    const auto position = peek<std::int64_t>(system, address);
    return position ? fmt::format("[{}]", *position) : address_text(address);
}

std::string node_device_text(std::uint64_t mode, std::uint64_t device) {
    const auto bits = static_cast<mode_t>(mode);
    if (!S_ISCHR(bits) && !S_ISBLK(bits)) return "";
    return fmt::format("makedev({:#x}, {:#x})", major(device), minor(device));
}

}  // namespace

std::string open_flags_text(std::uint64_t flags) {
    const std::string mode = value_text(open_mode_names, flags & O_ACCMODE);
    const std::string options =
        flags_text(open_flag_names, static_cast<std::uint32_t>(flags) & ~std::uint64_t{O_ACCMODE});
    return options == "0" ? mode : mode + "|" + options;
}

std::string file_mode_text(std::uint32_t mode) {
    const char* type = S_ISREG(mode)    ? "S_IFREG"
                       : S_ISCHR(mode)  ? "S_IFCHR"
                       : S_ISFIFO(mode) ? "S_IFIFO"
                       : S_ISSOCK(mode) ? "S_IFSOCK"
                       : S_ISDIR(mode)  ? "S_IFDIR"
                       : S_ISBLK(mode)  ? "S_IFBLK"
                                        : "S_IFLNK";
    return fmt::format("{}|{:#o}", type, mode & 07777);
}

std::optional<std::string> file_argument_text(const System& system, const SyscallLine& line, std::size_t index,
                                              const Result<std::uint64_t>* result) {
    const std::uint64_t value = line.arguments[index];
    switch (line.formats[index].kind) {
        case Kind::offset: return std::to_string(static_cast<std::int64_t>(value));
        case Kind::open_flags: return open_flags_text(value);
        case Kind::create_mode:
            return (line.arguments[index - 1] & (O_CREAT | tmpfile_flag)) != 0 ? octal_text(value) : "";
        case Kind::permissions: return octal_text(value);
        case Kind::access_mode:
            return value == 0 ? "F_OK" : flags_text(access_names, static_cast<std::uint32_t>(value));
        case Kind::statx_mask: return flags_text(statx_mask_names, static_cast<std::uint32_t>(value));
        case Kind::statx: return statx_text(system, value, result);
        case Kind::directory_entries: return entries_text(system, value, result);
        case Kind::unlink_flags: return value == AT_REMOVEDIR ? "AT_REMOVEDIR" : value_text({}, value);
        case Kind::fcntl_command: return value_text(fcntl_command_names, static_cast<std::uint32_t>(value));
        case Kind::fcntl_argument: return fcntl_argument_text(line);
        case Kind::flags: return flags_text(*line.formats[index].names, static_cast<std::uint32_t>(value));
        case Kind::code: return value_text(*line.formats[index].names, static_cast<std::uint32_t>(value));
        case Kind::owner:
            return static_cast<std::uint32_t>(value) == ~std::uint32_t{0}
                       ? "-1"
                       : std::to_string(static_cast<std::uint32_t>(value));
        case Kind::node_mode: return node_mode_text(value);
        case Kind::node_device: return node_device_text(line.arguments[index - 1], value);
        case Kind::file_times: return times_text(system, value, "tv_nsec");
        case Kind::file_times_us: return times_text(system, value, "tv_usec");
        case Kind::file_system: return file_system_text(system, value, result);
        case Kind::position: return position_text(system, value);
        default: return std::nullopt;
    }
}

}  // namespace fl::kernel
