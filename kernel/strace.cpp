#include "kernel/strace.hpp"

#include "kernel/peek.hpp"
#include "kernel/signal_frame.hpp"
#include "kernel/strace_files.hpp"
#include "kernel/strace_memory.hpp"
#include "kernel/strace_names.hpp"
#include "kernel/strace_processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include <algorithm>
#include <ctime>

namespace fl::kernel {

namespace {

using Kind = ArgumentFormat::Kind;
using Direction = ArgumentFormat::Direction;

constexpr std::size_t max_text_bytes = 32;
constexpr std::size_t max_segments = 16;

std::string address_text(std::uint64_t address) { return address == 0 ? "NULL" : fmt::format("{:#x}", address); }

std::size_t read_quietly(const System& system, std::uint64_t address, std::span<std::byte> into) {
    return peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), into);
}

template <class T>
std::optional<T> peek(const System& system, std::uint64_t address) {
    T value{};
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    if (address == 0 || read_quietly(system, address, bytes) != bytes.size()) return std::nullopt;
    return value;
}

// print(T) of what an address leads to, or the address where it leads nowhere.
template <class T, class Print>
std::string pointed_to(const System& system, std::uint64_t address, Print&& print) {
    const auto value = peek<T>(system, address);
    return value ? print(*value) : address_text(address);
}

std::string buffer_text(const System& system, std::uint64_t address, std::uint64_t size_bytes) {
    // One byte more than is shown, so that it is known whether something was cut off.
    std::array<std::byte, max_text_bytes + 1> bytes{};
    const auto wanted = std::span(bytes).first(std::min<std::uint64_t>(size_bytes, bytes.size()));
    if (address == 0) return "NULL";
    if (read_quietly(system, address, wanted) != wanted.size()) return address_text(address);
    return quoted(wanted);
}

// strace's escapes: what C has a letter for, octal for the rest, as short as the next character allows.
std::string escaped(std::span<const std::byte> bytes) {
    static constexpr std::string_view letters = "\t\n\v\f\r\"\\", names = "tnvfr\"\\";
    std::string text;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[i]);
        const auto next = i + 1 < bytes.size() ? static_cast<char>(bytes[i + 1]) : '\0';
        if (const std::size_t at = letters.find(static_cast<char>(byte)); at != std::string_view::npos) {
            text += '\\';
            text += names[at];
        } else if (byte >= 0x20 && byte < 0x7f) {
            text += static_cast<char>(byte);
        } else {
            const bool digit_follows = next >= '0' && next <= '7';
            text += fmt::format(fmt::runtime(digit_follows ? "\\{:03o}" : "\\{:o}"), byte);
        }
    }
    return text;
}

// Paths are never cut.
std::string path_text(const System& system, std::uint64_t address) {
    if (address == 0) return "NULL";
    std::vector<std::byte> bytes(max_path_bytes + 1);
    const std::size_t got = read_quietly(system, address, bytes);
    const auto text = std::span(bytes).first(got);
    const auto end = std::find(text.begin(), text.end(), std::byte{0});
    if (end == text.end() && got < bytes.size()) return address_text(address);
    return "\"" + escaped(text.first(static_cast<std::size_t>(end - text.begin()))) + "\"";
}

std::string set_text(std::uint64_t bits) {
    // strace names what is missing where that is less.
    const bool inverted = std::popcount(bits) > signal_count / 2;
    std::string text;
    for (int number = 1; number <= signal_count; ++number) {
        if (SignalSet(inverted ? ~bits : bits).has(number)) {
            text += (text.empty() ? "" : " ") + signal_name(number).substr(std::string_view("SIG").size());
        }
    }
    return (inverted ? "~[" : "[") + text + "]";
}

std::string action_text(const SignalAction& action) {
    const std::string handler = action.handler == SignalAction::default_action ? "SIG_DFL"
                                : action.handler == SignalAction::ignore       ? "SIG_IGN"
                                                                               : fmt::format("{:#x}", action.handler);
    std::string text = fmt::format("{{sa_handler={}, sa_mask={}, sa_flags={}", handler, set_text(action.mask),
                                   flags_text(action_flag_names, action.flags));
    if ((action.flags & SignalAction::flag_restorer) != 0) text += fmt::format(", sa_restorer={:#x}", action.restorer);
    return text + "}";
}

std::string stack_text(const UserStack& stack) {
    return fmt::format("{{ss_sp={}, ss_flags={}, ss_size={}}}", address_text(stack.base),
                       flags_text(stack_flag_names, stack.flags), stack.size_bytes);
}

std::string limit_value_text(std::uint64_t value) {
    if (value == LimitPair::infinity) return "RLIM64_INFINITY";
    return value > 1024 && value % 1024 == 0 ? fmt::format("{}*1024", value / 1024) : std::to_string(value);
}

// `filled`: how many bytes of them to show; nullopt: where they are.
std::string segments_text(const System& system, std::uint64_t address, std::uint64_t count,
                          std::optional<std::uint64_t> filled) {
    std::string text;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, max_segments); ++i) {
        const auto segment = peek<iovec>(system, address + i * sizeof(iovec));
        if (!segment) return address_text(address);
        const auto base = reinterpret_cast<std::uint64_t>(segment->iov_base);
        const std::uint64_t shown = std::min<std::uint64_t>(segment->iov_len, filled.value_or(0));
        if (filled) *filled -= shown;
        text += fmt::format("{}{{iov_base={}, iov_len={}}}", i > 0 ? ", " : "",
                            filled ? buffer_text(system, base, shown) : address_text(base), segment->iov_len);
    }
    return fmt::format("[{}{}]", text, count > max_segments ? ", ..." : "");
}

std::string status_text(const struct stat& status) {
    const bool device = S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode);
    const std::string detail =
        device ? fmt::format("st_rdev=makedev({:#x}, {:#x})", major(status.st_rdev), minor(status.st_rdev))
               : fmt::format("st_size={}", status.st_size);
    return fmt::format("{{st_mode={}, {}, ...}}", file_mode_text(status.st_mode), detail);
}

// mincore's answer, one number for each page; strace shows the first 32.
std::string residency_text(const System& system, std::uint64_t address, std::uint64_t size_bytes) {
    std::array<std::byte, max_text_bytes> pages{};
    const std::uint64_t count = PageCount::of_bytes(size_bytes).value();
    const auto wanted = std::span(pages).first(std::min<std::uint64_t>(count, pages.size()));
    if (read_quietly(system, address, wanted) != wanted.size()) return address_text(address);
    std::string text;
    for (const std::byte page : wanted) text += fmt::format("{}{}", text.empty() ? "" : ", ", static_cast<int>(page));
    return fmt::format("[{}{}]", text, count > pages.size() ? ", ..." : "");
}

struct TwoWords {
    std::int64_t first, second;
};

std::string pair_text(const System& system, std::uint64_t address, const char* first, const char* second) {
    return pointed_to<TwoWords>(system, address, [&](const TwoWords& words) {
        return fmt::format("{{{}={}, {}={}}}", first, words.first, second, words.second);
    });
}

std::string usage_text(const System& system, std::uint64_t address) {
    struct {
        TwoWords user, system;
    } times{};
    const auto bytes = std::as_writable_bytes(std::span(&times, 1));
    if (read_quietly(system, address, bytes) != bytes.size()) return address_text(address);
    return fmt::format("{{ru_utime={{tv_sec={}, tv_usec={}}}, ru_stime={{tv_sec={}, tv_usec={}}}, ...}}",
                       times.user.first, times.user.second, times.system.first, times.system.second);
}

std::string names_text(const System& system, std::uint64_t address) {
    struct Names {
        char system[65], node[65];
    };
    return pointed_to<Names>(system, address, [](const Names& names) {
        return fmt::format(R"({{sysname="{}", nodename="{}", ...}})", names.system, names.node);
    });
}

std::string sigreturn_text(const System& system) {
    const std::uint64_t mask = system.task.registers.rsp - sizeof(std::uint64_t) + offsetof(UserSignalFrame, context) +
                               offsetof(UserContext, mask);
    const auto bits = peek<std::uint64_t>(system, mask);
    return fmt::format("{{mask={}}}", bits ? set_text(*bits) : "NULL");
}

// What an address leads to, for a structure of either direction.
std::string structure_text(const System& system, Kind kind, std::uint64_t value) {
    switch (kind) {
        case Kind::signal_set: return pointed_to<std::uint64_t>(system, value, set_text);
        case Kind::signal_action: return pointed_to<SignalAction>(system, value, action_text);
        case Kind::signal_stack: return pointed_to<UserStack>(system, value, stack_text);
        case Kind::timespec: return pair_text(system, value, "tv_sec", "tv_nsec");
        case Kind::timeval: return pair_text(system, value, "tv_sec", "tv_usec");
        case Kind::limit:
            return pointed_to<LimitPair>(system, value, [](const LimitPair& limit) {
                return fmt::format("{{rlim_cur={}, rlim_max={}}}", limit_value_text(limit.soft),
                                   limit_value_text(limit.hard));
            });
        case Kind::usage: return usage_text(system, value);
        case Kind::status: return pointed_to<struct stat>(system, value, status_text);
        case Kind::window_size:
            return pointed_to<winsize>(system, value, [](const winsize& size) {
                return fmt::format("{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}", size.ws_row, size.ws_col,
                                   size.ws_xpixel, size.ws_ypixel);
            });
        case Kind::names: return names_text(system, value);
        default: return address_text(value);
    }
}

std::string scalar_text(Kind kind, std::uint64_t value) {
    const auto number = int_argument(value);
    switch (kind) {
        case Kind::number:
        case Kind::descriptor: return std::to_string(number);
        case Kind::count: return std::to_string(value);
        case Kind::hexadecimal: return value == 0 ? "0" : fmt::format("{:#x}", value);
        case Kind::directory: return number == AT_FDCWD ? "AT_FDCWD" : std::to_string(number);
        case Kind::protection: return flags_text(protection_names, value);
        case Kind::map_flags: return map_flags_text(value);
        case Kind::advice: return value_text(advice_names, value);
        case Kind::remap_flags: return flags_text(remap_flag_names, value);
        case Kind::sync_flags: return flags_text(sync_flag_names, value);
        case Kind::lock_flags: return flags_text(lock_flag_names, value);
        case Kind::lock_all_flags: return flags_text(lock_all_flag_names, value);
        case Kind::persona: return persona_text(value);
        case Kind::signal:
            return number == 0                             ? "0"
                   : number >= 1 && number <= signal_count ? signal_name(number)
                                                           : std::to_string(number);
        case Kind::signal_how: return value_text(signal_how_names, value);
        case Kind::clock: return value_text(clock_names, static_cast<std::uint32_t>(value));
        case Kind::clock_flags: return flags_text(clock_flag_names, value);
        case Kind::resource: return value_text(resource_names, value);
        case Kind::usage_who: return value_text(usage_who_names, static_cast<std::uint32_t>(value));
        case Kind::random_flags: return flags_text(random_flag_names, value);
        case Kind::prctl_code: return value_text(prctl_code_names, value);
        case Kind::at_flags: return flags_text(at_flag_names, value);
        case Kind::ioctl_request: return value_text(ioctl_request_names, static_cast<std::uint32_t>(value));
        case Kind::seek: return value_text(seek_names, value);
        default: return address_text(value);
    }
}

// Without MREMAP_FIXED and MREMAP_DONTUNMAP the fifth argument of mremap is whatever the register held.
bool names_remap_target(std::uint64_t flags) { return (flags & (mm::mremap_fixed | mm::mremap_dontunmap)) != 0; }

std::string argument_text(const System& system, const SyscallLine& line, std::size_t index,
                          const Result<std::uint64_t>* result) {
    const ArgumentFormat format = line.formats[index];
    const std::uint64_t value = line.arguments[index];
    const bool failed = result == nullptr || !result->has_value();
    if (auto text = file_argument_text(system, line, index, result)) return *text;
    if (auto text = process_argument_text(system, line, index, result)) return *text;
    if (format.direction == Direction::out && failed) return address_text(value);
    const std::uint64_t next = index + 1 < line.arguments.size() ? line.arguments[index + 1] : 0;
    switch (format.kind) {
        case Kind::ipc_key:
        case Kind::ipc_get_flags:
        case Kind::shm_command:
        case Kind::sem_command:
        case Kind::msg_command:
        case Kind::memory_policy: return *memory_argument_text(format.kind, value);
        case Kind::path: return path_text(system, value);
        case Kind::buffer: return buffer_text(system, value, format.direction == Direction::out ? **result : next);
        case Kind::segments:
            return segments_text(system, value, next,
                                 format.direction == Direction::out ? **result : ~std::uint64_t{0});
        case Kind::remap_target:
            return names_remap_target(line.arguments[index - 1]) ? address_text(value) : std::string();
        case Kind::segment_places: return segments_text(system, value, next, std::nullopt);
        case Kind::sigreturn: return sigreturn_text(system);
        case Kind::residency: return residency_text(system, value, index > 0 ? line.arguments[index - 1] : 0);
        case Kind::address:
        case Kind::number:
        case Kind::count:
        case Kind::hexadecimal: return scalar_text(format.kind, value);
        default: break;
    }
    const std::string text = structure_text(system, format.kind, value);
    return text == address_text(value) ? scalar_text(format.kind, value) : text;
}

std::string fault_code_name(const SignalInfo& info) {
    if (info.code == si_code_kernel) return "SI_KERNEL";
    for (const CodeName& name : fault_code_names) {
        if (name.signal == info.number && name.code == info.code) return name.text;
    }
    return std::to_string(info.code);
}

}  // namespace

std::string quoted(std::span<const std::byte> bytes) {
    const bool cut = bytes.size() > max_text_bytes;
    return "\"" + escaped(bytes.first(std::min(bytes.size(), max_text_bytes))) + (cut ? "\"..." : "\"");
}

std::string format_call(const System& system, const SyscallLine& line, const Result<std::uint64_t>* result) {
    std::string text = line.name != nullptr ? line.name : fmt::format("syscall_{:#x}", line.number);
    text += '(';
    for (std::size_t i = 0; i < line.formats.size() && line.formats[i].kind != Kind::none; ++i) {
        const std::string argument = argument_text(system, line, i, result);
        if (!argument.empty() && i > 0) text += ", ";
        text += argument;
    }
    return text + ")";
}

std::string format_result(const SyscallLine& line, const Result<std::uint64_t>& result) {
    if (!result) {
        return fmt::format("-1 {} ({})", errno_name(result.error()), errno_text(result.error()));
    }
    if (answers_with_address(line.number)) return address_text(*result);
    if (line.number == SYS_personality) return fmt::format("{:#x} ({})", *result, persona_text(*result));
    if (line.number == SYS_umask) return fmt::format("0{:o}", *result);
    if (line.number == SYS_fcntl && int_argument(line.arguments[1]) == F_GETFL) {
        return fmt::format("{:#x} (flags {})", *result, open_flags_text(*result));
    }
    return std::to_string(static_cast<std::int64_t>(*result));
}

std::string format_signal(const SignalInfo& info) {
    const std::string name = signal_name(info.number);
    if (info.detail == SignalInfo::Detail::child) {
        const char* code = info.code == CLD_EXITED    ? "CLD_EXITED"
                           : info.code == CLD_KILLED  ? "CLD_KILLED"
                           : info.code == CLD_STOPPED ? "CLD_STOPPED"
                                                      : "CLD_CONTINUED";
        const std::string status = info.code == CLD_EXITED ? std::to_string(info.status) : signal_name(info.status);
        return fmt::format(
            "--- {0} {{si_signo={0}, si_code={1}, si_pid={2}, si_uid={3}, si_status={4}, si_utime={5}, si_stime={6}}} "
            "---",
            name, code, info.pid, info.uid, status, info.user_ticks, info.system_ticks);
    }
    if (info.detail == SignalInfo::Detail::sender || info.detail == SignalInfo::Detail::value) {
        return fmt::format("--- {0} {{si_signo={0}, si_code={1}, si_pid={2}, si_uid={3}}} ---", name,
                           info.code == si_code_tkill ? "SI_TKILL"
                           : info.code == -1          ? "SI_QUEUE"
                                                      : "SI_USER",
                           info.pid, info.uid);
    }
    return fmt::format("--- {0} {{si_signo={0}, si_code={1}, si_addr={2}}} ---", name, fault_code_name(info),
                       address_text(info.address));
}

std::string format_end(const ExitStatus& status) {
    if (status.signal != 0) return fmt::format("+++ killed by {} +++", signal_name(status.signal));
    return fmt::format("+++ exited with {} +++", status.status);
}

}  // namespace fl::kernel
