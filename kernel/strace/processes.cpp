#include "kernel/strace/processes.hpp"

#include "kernel/strace/named.hpp"
#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName clone_flags[] = {NAMED(CLONE_VM),
                                    NAMED(CLONE_FS),
                                    NAMED(CLONE_FILES),
                                    NAMED(CLONE_SIGHAND),
                                    {0x1000, "CLONE_PIDFD"},
                                    NAMED(CLONE_PTRACE),
                                    NAMED(CLONE_VFORK),
                                    NAMED(CLONE_PARENT),
                                    NAMED(CLONE_THREAD),
                                    NAMED(CLONE_NEWNS),
                                    NAMED(CLONE_SYSVSEM),
                                    NAMED(CLONE_SETTLS),
                                    NAMED(CLONE_PARENT_SETTID),
                                    NAMED(CLONE_CHILD_CLEARTID),
                                    NAMED(CLONE_UNTRACED),
                                    NAMED(CLONE_CHILD_SETTID),
                                    NAMED(CLONE_NEWCGROUP),
                                    NAMED(CLONE_NEWUTS),
                                    NAMED(CLONE_NEWIPC),
                                    NAMED(CLONE_NEWUSER),
                                    NAMED(CLONE_NEWPID),
                                    NAMED(CLONE_NEWNET),
                                    NAMED(CLONE_IO),
                                    {0x1'0000'0000, "CLONE_CLEAR_SIGHAND"},
                                    {0x2'0000'0000, "CLONE_INTO_CGROUP"}};
constexpr FlagName namespaces[] = {{0x80, "CLONE_NEWTIME"}, NAMED(CLONE_NEWNS),  NAMED(CLONE_NEWCGROUP),
                                   NAMED(CLONE_NEWUTS),     NAMED(CLONE_NEWIPC), NAMED(CLONE_NEWUSER),
                                   NAMED(CLONE_NEWPID),     NAMED(CLONE_NEWNET)};
constexpr FlagName wait_flags[] = {
    NAMED(WNOHANG), NAMED(WSTOPPED),           NAMED(WEXITED),          NAMED(WCONTINUED),
    NAMED(WNOWAIT), {0x8000'0000, "__WCLONE"}, {0x4000'0000, "__WALL"}, {0x2000'0000, "__WNOTHREAD"}};
constexpr FlagName wait_kinds[] = {{0, "P_ALL"}, {1, "P_PID"}, {2, "P_PGID"}, {3, "P_PIDFD"}};
constexpr FlagName pidfd_flags[] = {{O_NONBLOCK, "PIDFD_NONBLOCK"}};

constexpr std::uint64_t pidfd_flag = 0x1000;  // CLONE_PIDFD
constexpr std::uint64_t into_parent = CLONE_PARENT_SETTID | pidfd_flag;

// struct clone_args.
struct CloneArguments {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_bytes, tls, set_tid, set_tid_count,
        cgroup;
};
constexpr std::uint64_t least_clone_bytes = 64;

std::string clone_structure_text(const Call& call, const CloneArguments& c) {
    const auto has = [&c](std::uint64_t flag) { return (c.flags & flag) != 0; };
    std::string text = "{flags=" + flags_text(clone_flag_names, c.flags);
    if (has(pidfd_flag)) text += ", pidfd=" + address_text(c.pidfd);
    if (has(CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) text += ", child_tid=" + address_text(c.child_tid);
    if (has(CLONE_PARENT_SETTID)) text += ", parent_tid=" + address_text(c.parent_tid);
    text += fmt::format(", exit_signal={}, stack={}, stack_size={}", signal_text(static_cast<int>(c.exit_signal)),
                        address_text(c.stack), hexadecimal_text(c.stack_bytes));
    if (has(CLONE_SETTLS)) text += ", tls=" + hexadecimal_text(c.tls);
    if (c.set_tid != 0 || c.set_tid_count != 0) {
        text += fmt::format(", set_tid={}, set_tid_size={}",
                            array_text<std::int32_t>(call, c.set_tid, c.set_tid_count,
                                                     [](std::int32_t tid) { return std::to_string(tid); }),
                            c.set_tid_count);
    }
    if (c.cgroup != 0) text += fmt::format(", cgroup={}", c.cgroup);
    return text + "}";
}

std::optional<CloneArguments> clone_arguments(const Call& call) {
    CloneArguments arguments{};
    const std::uint64_t size = std::min<std::uint64_t>(call.arguments[1], sizeof arguments);
    if (size < least_clone_bytes) return std::nullopt;
    const auto bytes = std::as_writable_bytes(std::span(&arguments, 1)).first(size);
    if (call.read(call.arguments[0], bytes) != size) return std::nullopt;
    return arguments;
}

std::string wait_status_text(std::int32_t status) {
    if (status == 0xffff) return "[{WIFCONTINUED(s)}]";
    if (WIFEXITED(status)) return fmt::format("[{{WIFEXITED(s) && WEXITSTATUS(s) == {}}}]", WEXITSTATUS(status));
    if (WIFSTOPPED(status)) {
        return fmt::format("[{{WIFSTOPPED(s) && WSTOPSIG(s) == {}}}]", signal_text(WSTOPSIG(status)));
    }
    const char* dumped = WCOREDUMP(status) ? " && WCOREDUMP(s)" : "";
    return fmt::format("[{{WIFSIGNALED(s) && WTERMSIG(s) == {}{}}}]", signal_text(WTERMSIG(status)), dumped);
}

}  // namespace

const Names clone_flag_names{clone_flags, "CLONE_???"};
const Names namespace_names{namespaces, "CLONE_NEW???"};
const Names wait_flag_names{wait_flags, "W???"};
const Names wait_kind_names{wait_kinds, "P_???"};
const Names pidfd_flag_names{pidfd_flags, "PIDFD_???"};

std::string print_clone_stack(const Argument& a) { return "child_stack=" + address_text(a.call.arguments[1]); }

std::string print_clone_flags(const Argument& a) {
    const std::uint64_t value = a.call.arguments[0];
    const auto signal = static_cast<int>(value & CSIGNAL);
    const std::uint64_t flags = value & ~std::uint64_t{CSIGNAL};
    std::string text = flags != 0 ? flags_text(clone_flag_names, flags) : "";
    if (signal != 0) text += (text.empty() ? "" : "|") + signal_text(signal);
    return "flags=" + (text.empty() ? "0" : text);
}

std::string print_clone_parent_tid(const Argument& a) {
    if ((a.call.arguments[0] & into_parent) == 0) return "";
    const std::uint64_t address = a.call.arguments[2];
    return ", parent_tid=" + (a.call.succeeded() ? int_pointer_text(a.call, address) : address_text(address));
}

std::string print_clone_tls(const Argument& a) {
    return (a.call.arguments[0] & CLONE_SETTLS) == 0 ? "" : ", tls=" + hexadecimal_text(a.call.arguments[4]);
}

std::string print_clone_child_tid(const Argument& a) {
    if ((a.call.arguments[0] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID)) == 0) return "";
    return ", child_tidptr=" + address_text(a.call.arguments[3]);
}

// The size stands behind what the call fills, where it fills anything.
std::string print_clone_structure(const Argument& a) {
    const auto arguments = clone_arguments(a.call);
    const bool fills = arguments && (arguments->flags & into_parent) != 0;
    const std::string text = arguments ? clone_structure_text(a.call, *arguments) : address_text(a.value());
    return fills ? text : fmt::format("{}, {}", text, a.call.arguments[1]);
}

std::string print_clone_filled(const Argument& a) {
    const auto arguments = clone_arguments(a.call);
    if (!arguments || (arguments->flags & into_parent) == 0) return "";
    const std::string size = fmt::format(", {}", a.call.arguments[1]);
    if (!a.call.succeeded()) return size;
    std::string text;
    if ((arguments->flags & pidfd_flag) != 0) text += "pidfd=" + int_pointer_text(a.call, arguments->pidfd);
    if ((arguments->flags & CLONE_PARENT_SETTID) != 0) {
        text += (text.empty() ? "" : ", ") + ("parent_tid=" + int_pointer_text(a.call, arguments->parent_tid));
    }
    return " => {" + text + "}" + size;
}

std::string print_strings(const Argument& a) {
    std::string text;
    for (std::size_t i = 0;; ++i) {
        const auto pointer = a.call.peek<std::uint64_t>(a.value() + i * sizeof(std::uint64_t));
        if (!pointer && i == 0) return address_text(a.value());
        if (!pointer) return fmt::format("[{}, ... /* {:#x} */]", text, a.value() + i * sizeof(std::uint64_t));
        if (*pointer == 0) return "[" + text + "]";
        if (i == max_shown) return "[" + text + ", ...]";
        text += (i > 0 ? ", " : "") + string_text(a.call, *pointer);
    }
}

std::string print_environment(const Argument& a) {
    constexpr std::uint64_t most = 100'000;
    std::uint64_t count = 0;
    for (;; ++count) {
        const auto pointer = a.call.peek<std::uint64_t>(a.value() + count * sizeof(std::uint64_t));
        if (!pointer && count == 0) return address_text(a.value());
        if (!pointer) return fmt::format("{:#x} /* {} vars, unterminated */", a.value(), count);
        if (*pointer == 0 || count == most) break;
    }
    return fmt::format("{:#x} /* {} var{} */", a.value(), count, count == 1 ? "" : "s");
}

std::string print_wait_status(const Argument& a) {
    if (a.call.value() == 0) return address_text(a.value());
    return pointed_to<std::int32_t>(a.call, a.value(), wait_status_text);
}

std::string print_usage(const Argument& a) {
    struct Times {
        std::array<std::int64_t, 4> words;
    };
    return pointed_to<Times>(a.call, a.value(), [](const Times& times) {
        return fmt::format("{{ru_utime={{tv_sec={}, tv_usec={}}}, ru_stime={{tv_sec={}, tv_usec={}}}, ...}}",
                           times.words[0], times.words[1], times.words[2], times.words[3]);
    });
}

std::string print_wait_usage(const Argument& a) {
    return a.call.value() == 0 ? address_text(a.value()) : print_usage(a);
}

}  // namespace fl::kernel::strace
