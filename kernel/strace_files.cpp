#include "kernel/strace_files.hpp"

#include "kernel/peek.hpp"
#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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
                       flags_text(statx_mask_names, status.stx_mask), status.stx_attributes,
                       file_mode_text(status.stx_mode), status.stx_size);
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
        default: return std::nullopt;
    }
}

}  // namespace fl::kernel
