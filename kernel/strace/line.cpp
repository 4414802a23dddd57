#include "kernel/strace/line.hpp"

#include "kernel/strace/signals.hpp"

#include <fmt/format.h>
#include <sys/syscall.h>

#include <ctime>

namespace fl::kernel::strace {

namespace {

using When = ArgumentFormat::When;

// Where the call's answer is needed for the first time; the end of the list where it never is.
std::size_t first_filled(const ArgumentFormats& formats) {
    std::size_t index = 0;
    while (index < formats.size() && formats.at(index).print != nullptr && formats.at(index).when == When::entry) {
        ++index;
    }
    return index;
}

bool is_there(const ArgumentFormats& formats, std::size_t index) {
    return index < formats.size() && formats.at(index).print != nullptr;
}

std::string argument_text(const Call& call, const ArgumentFormats& formats, std::size_t index) {
    const ArgumentFormat& format = formats.at(index);
    if (format.when == When::exit && !call.succeeded()) return address_text(call.arguments.at(index));
    return format.print(Argument{call, index, format.names});
}

std::string error_text(Errno error) { return fmt::format("-1 {} ({})", errno_name(error), errno_text(error)); }

const char* restart_name(Restart restart) {
    switch (restart) {
        case Restart::sys: return "ERESTARTSYS (To be restarted if SA_RESTART is set)";
        case Restart::no_handler: return "ERESTARTNOHAND (To be restarted if no handler)";
        case Restart::block: return "ERESTART_RESTARTBLOCK (Interrupted by signal)";
        case Restart::none: break;
    }
    return "";
}

}  // namespace

std::string entering_text(Call& call, const ArgumentFormats& formats) {
    std::string text = call.name != nullptr ? call.name : fmt::format("syscall_{:#x}", call.number);
    text += '(';
    const std::size_t filled = first_filled(formats);
    for (std::size_t i = 0; i < filled; ++i) {
        const std::string argument = argument_text(call, formats, i);
        if (!argument.empty() && i > 0) text += ", ";
        text += argument;
    }
    for (std::size_t i = filled; is_there(formats, i); ++i) {
        const ArgumentFormat& format = formats.at(i);
        if (format.remember != nullptr) call.remembered = format.remember(Argument{call, i, format.names});
    }
    const bool waits = is_there(formats, filled) && formats.at(filled).when != When::exit_appended;
    return waits && filled > 0 ? text + ", " : text;
}

std::string exiting_text(const Call& call, const ArgumentFormats& formats) {
    const std::size_t filled = first_filled(formats);
    // strace cannot print what will never be there.
    if (call.ends_task) return is_there(formats, filled) ? " <unfinished ...>)" : ")";
    std::string text;
    for (std::size_t i = filled; is_there(formats, i); ++i) {
        const std::string argument = argument_text(call, formats, i);
        const bool continues = i == filled || formats.at(i).when == When::exit_appended || argument.empty();
        text += continues ? argument : ", " + argument;
    }
    return text + ")";
}

std::string result_text(const Call& call, ResultPrinter print) {
    if (call.ends_task || !call.result) return "?";
    if (call.restart != Restart::none) return fmt::format("? {}", restart_name(call.restart));
    if (!*call.result) return error_text(call.result->error());
    if (print != nullptr) return print(call);
    constexpr std::int64_t last_errno = 4095;
    const auto value = static_cast<std::int64_t>(call.value());
    // The answer that rt_sigreturn restores is that of the call that the signal interrupted.
    if (value < 0 && value >= -last_errno) return error_text(static_cast<Errno>(-value));
    return std::to_string(value);
}

Restart restart_of(std::uint64_t syscall_number, const Arguments& arguments, const RestartCall& call) {
    if (call.kind == RestartCall::Kind::with_restart) return Restart::sys;
    const bool absolute = syscall_number == SYS_clock_nanosleep && (arguments[1] & TIMER_ABSTIME) != 0;
    switch (syscall_number) {
        case SYS_poll:
        case SYS_nanosleep:
        case SYS_clock_nanosleep:
        case SYS_futex: return absolute ? Restart::no_handler : Restart::block;
        default: return Restart::no_handler;
    }
}

std::string resuming_text(const char* name) {
    return fmt::format("restart_syscall(<... resuming interrupted {} ...>", name);
}

std::string signal_line(const SignalInfo& info) {
    return fmt::format("--- {} {} ---", signal_name(info.number), siginfo_text(info));
}

std::string end_line(const ExitStatus& status) {
    if (status.signal != 0) return fmt::format("+++ killed by {} +++", signal_name(status.signal));
    return fmt::format("+++ exited with {} +++", status.status);
}

}  // namespace fl::kernel::strace
