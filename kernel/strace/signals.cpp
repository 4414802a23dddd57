#include "kernel/strace/signals.hpp"

#include "kernel/signal_frame.hpp"
#include "kernel/strace/named.hpp"
#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <bit>

namespace fl::kernel::strace {

namespace {

constexpr FlagName hows[] = {NAMED(SIG_BLOCK), NAMED(SIG_UNBLOCK), NAMED(SIG_SETMASK)};
constexpr FlagName action_flags[] = {
    {0x0400'0000, "SA_RESTORER"},  {0x0800'0000, "SA_ONSTACK"}, {0x1000'0000, "SA_RESTART"},
    {0x2000'0000, "SA_INTERRUPT"}, {0x4000'0000, "SA_NODEFER"}, {0x8000'0000, "SA_RESETHAND"},
    {0x4, "SA_SIGINFO"},           {0x1, "SA_NOCLDSTOP"},       {0x2, "SA_NOCLDWAIT"}};
constexpr FlagName stack_flags[] = {{1, "SS_ONSTACK"}, {2, "SS_DISABLE"}, {0x8000'0000, "SS_AUTODISARM"}};
constexpr FlagName signalfd_flags[] = {{O_CLOEXEC, "SFD_CLOEXEC"}, {O_NONBLOCK, "SFD_NONBLOCK"}};
constexpr Names action_flag_names{action_flags, "SA_???"};
constexpr Names stack_flag_names{stack_flags, "SS_???"};

constexpr FlagName sender_codes[] = {{0, "SI_USER"},
                                     {0x80, "SI_KERNEL"},
                                     {0xffff'ffff, "SI_QUEUE"},
                                     {0xffff'fffe, "SI_TIMER"},
                                     {0xffff'fffd, "SI_MESGQ"},
                                     {0xffff'fffc, "SI_ASYNCIO"},
                                     {0xffff'fffb, "SI_SIGIO"},
                                     {0xffff'fffa, "SI_TKILL"}};
constexpr Names sender_code_names{sender_codes, "SI_???"};

struct CodeName {
    int signal, code;
    const char* text;
};
#define CODE(signal, code) \
    CodeName { signal, code, #code }
constexpr CodeName codes[] = {
    CODE(SIGSEGV, SEGV_MAPERR), CODE(SIGSEGV, SEGV_ACCERR), CODE(SIGSEGV, SEGV_BNDERR), CODE(SIGSEGV, SEGV_PKUERR),
    CODE(SIGBUS, BUS_ADRALN),   CODE(SIGBUS, BUS_ADRERR),   CODE(SIGBUS, BUS_OBJERR),   CODE(SIGILL, ILL_ILLOPC),
    CODE(SIGILL, ILL_ILLOPN),   CODE(SIGILL, ILL_ILLADR),   CODE(SIGILL, ILL_ILLTRP),   CODE(SIGILL, ILL_PRVOPC),
    CODE(SIGILL, ILL_PRVREG),   CODE(SIGTRAP, TRAP_TRACE),  CODE(SIGTRAP, TRAP_BRKPT),  CODE(SIGFPE, FPE_INTDIV),
    CODE(SIGFPE, FPE_INTOVF),   CODE(SIGFPE, FPE_FLTDIV),   CODE(SIGFPE, FPE_FLTOVF),   CODE(SIGFPE, FPE_FLTUND),
    CODE(SIGFPE, FPE_FLTRES),   CODE(SIGFPE, FPE_FLTINV),   CODE(SIGCHLD, CLD_EXITED),  CODE(SIGCHLD, CLD_KILLED),
    CODE(SIGCHLD, CLD_DUMPED),  CODE(SIGCHLD, CLD_STOPPED), CODE(SIGCHLD, CLD_TRAPPED), CODE(SIGCHLD, CLD_CONTINUED)};
#undef CODE

std::string code_text(int signal, int code) {
    for (const CodeName& name : codes) {
        if (name.signal == signal && name.code == code) return name.text;
    }
    return value_text(sender_code_names, static_cast<std::uint32_t>(code));
}

bool is_fault(int signal) {
    return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP;
}

std::string sigval_text(std::uint64_t value) {
    return fmt::format("si_int={}, si_ptr={}", static_cast<std::int32_t>(value), address_text(value));
}

std::string child_text(const UserSignalInfo& info) {
    const auto& child = info.child;
    const std::string status = info.code == CLD_EXITED ? std::to_string(child.status) : signal_text(child.status);
    return fmt::format(", si_pid={}, si_uid={}, si_status={}, si_utime={}, si_stime={}", child.pid, child.uid, status,
                       child.user_ticks, child.system_ticks);
}

std::string sender_text(const UserSignalInfo& info) {
    const std::string who = fmt::format(", si_pid={}, si_uid={}", info.queued.pid, info.queued.uid);
    switch (info.code) {
        case SI_USER:
        case SI_TKILL: return who;
        case SI_TIMER:
            return fmt::format(", si_timerid={:#x}, si_overrun={}, {}", info.timer.id, info.timer.overrun,
                               sigval_text(info.timer.value));
        default: return info.queued.value == 0 ? who : who + ", " + sigval_text(info.queued.value);
    }
}

std::string user_siginfo_text(const UserSignalInfo& info) {
    if (info.number == 0) return "{}";
    std::string text =
        fmt::format("{{si_signo={}, si_code={}", signal_text(info.number), code_text(info.number, info.code));
    if (info.error != 0) text += fmt::format(", si_errno={}", info.error);
    if (info.code <= 0) {
        text += sender_text(info);
    } else if (info.number == SIGCHLD && info.code != si_code_kernel) {
        text += child_text(info);
    } else if (is_fault(info.number)) {
        text += ", si_addr=" + address_text(info.address);
    } else if (info.code != si_code_kernel) {
        text += sender_text(info);
    }
    return text + "}";
}

std::string action_text(const SignalAction& action) {
    const std::string handler = action.handler == SignalAction::default_action ? "SIG_DFL"
                                : action.handler == SignalAction::ignore       ? "SIG_IGN"
                                : action.handler == ~std::uint64_t{0}          ? "SIG_ERR"
                                                                               : fmt::format("{:#x}", action.handler);
    std::string text = fmt::format("{{sa_handler={}, sa_mask={}, sa_flags={}", handler, signal_set_text(action.mask),
                                   flags_text(action_flag_names, action.flags));
    if ((action.flags & SignalAction::flag_restorer) != 0) {
        text += ", sa_restorer=" + address_text(action.restorer);
    }
    return text + "}";
}

}  // namespace

const Names signal_how_names{hows, "SIG_???"};
const Names signalfd_flag_names{signalfd_flags, "SFD_???"};

std::string signal_set_text(std::uint64_t bits) {
    // strace names what is missing where that is less.
    const bool inverted = std::popcount(bits) >= signal_count * 2 / 3;
    std::string text;
    for (int number = 1; number <= signal_count; ++number) {
        if (SignalSet(inverted ? ~bits : bits).has(number)) {
            text += (text.empty() ? "" : " ") + signal_name(number).substr(std::string_view("SIG").size());
        }
    }
    return (inverted ? "~[" : "[") + text + "]";
}

std::string siginfo_text(const SignalInfo& info) { return user_siginfo_text(user_signal_info(info)); }

std::string print_signal_set(const Argument& a) {
    return pointed_to<std::uint64_t>(a.call, a.value(), signal_set_text);
}

std::string print_signal_action(const Argument& a) { return pointed_to<SignalAction>(a.call, a.value(), action_text); }

std::string print_signal_stack(const Argument& a) {
    return pointed_to<UserStack>(a.call, a.value(), [](const UserStack& stack) {
        return fmt::format("{{ss_sp={}, ss_flags={}, ss_size={}}}", address_text(stack.base),
                           flags_text(stack_flag_names, stack.flags), stack.size_bytes);
    });
}

std::string print_signal_frame(const Argument& a) {
    const std::uint64_t mask = a.call.system.task.registers.rsp - sizeof(std::uint64_t) +
                               offsetof(UserSignalFrame, context) + offsetof(UserContext, mask);
    const auto bits = a.call.peek<std::uint64_t>(mask);
    return fmt::format("{{mask={}}}", bits ? signal_set_text(*bits) : address_text(mask));
}

std::string print_siginfo(const Argument& a) {
    return pointed_to<UserSignalInfo>(a.call, a.value(), user_siginfo_text);
}

std::string signal_result(const Call& call) {
    return fmt::format("{} ({})", call.value(), signal_text(static_cast<int>(call.value())));
}

std::string print_wait_siginfo(const Argument& a) {
    return pointed_to<UserSignalInfo>(a.call, a.value(), [&a](const UserSignalInfo& info) {
        return info.number == 0 ? address_text(a.value()) : user_siginfo_text(info);
    });
}

}  // namespace fl::kernel::strace
