#include "kernel/terminal.hpp"

#include "kernel/processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace fl::kernel {

namespace {

// The kernel's own structures: the C library's differ (include/uapi/asm-generic/termbits.h).
constexpr std::size_t termios_bytes = 36, termios2_bytes = 44;
constexpr std::uint64_t get_settings_2 = 0x802c'542a, set_settings_2 = 0x402c'542b, set_settings_2_wait = 0x402c'542c,
                        set_settings_2_flush = 0x402c'542d;

Errno host_error() { return static_cast<Errno>(errno); }

// How many bytes a request answers with; 0: it is none that only asks.
std::size_t answer_bytes(std::uint64_t request) {
    switch (request) {
        case TCGETS: return termios_bytes;
        case get_settings_2: return termios2_bytes;
        case TIOCGWINSZ: return sizeof(winsize);
        case FIONREAD:
        case TIOCOUTQ:
        case TIOCGETD:
        case TIOCGSOFTCAR:
        case TIOCGEXCL: return sizeof(int);
        default: return 0;
    }
}

// How many bytes a request brings that changes the settings; 0: it is none of them.
std::size_t settings_bytes(std::uint64_t request) {
    switch (request) {
        case TCSETS:
        case TCSETSW:
        case TCSETSF: return termios_bytes;
        case set_settings_2:
        case set_settings_2_wait:
        case set_settings_2_flush: return termios2_bytes;
        default: return 0;
    }
}

// Changes of what is under way whose argument is a number.
bool is_flow_request(std::uint64_t request) {
    return request == TCSBRK || request == TCSBRKP || request == TCXONC || request == TCFLSH;
}

// A terminal stops who changes it from the background, and that would be the emulator.
class SigttouBlocked {
public:
    SigttouBlocked() {
        sigset_t set;
        ::sigemptyset(&set);
        ::sigaddset(&set, SIGTTOU);
        ::sigprocmask(SIG_BLOCK, &set, &previous_);
    }
    SigttouBlocked(const SigttouBlocked&) = delete;
    SigttouBlocked& operator=(const SigttouBlocked&) = delete;
    ~SigttouBlocked() { ::sigprocmask(SIG_SETMASK, &previous_, nullptr); }

private:
    sigset_t previous_{};
};

bool ignores(const Task& task, int signal) {
    return task.signals.blocked().has(signal) || task.signals.action(signal).handler == SignalAction::ignore;
}

Result<std::uint64_t> answer_with(System& system, std::uint64_t address, std::span<const std::byte> bytes) {
    auto done = system.user().copy_to(VirtAddr(address), bytes);
    return done ? Result<std::uint64_t>(0) : fail(done.error());
}

void send_hang_up(Processes& processes, std::uint32_t group) {
    for (const int number : {SIGHUP, SIGCONT}) {
        processes.send_to_group(group, SignalInfo{.number = number, .code = si_code_kernel});
    }
}

}  // namespace

std::shared_ptr<Terminal> Terminal::of(int host_fd, std::span<const std::shared_ptr<Terminal>> known) {
    struct stat status {};
    if (::isatty(host_fd) == 0 || ::fstat(host_fd, &status) != 0) return nullptr;
    for (const auto& terminal : known) {
        if (terminal->device_ == status.st_rdev) return terminal;
    }
    const int again = ::open(fmt::format("/proc/self/fd/{}", host_fd).c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    return std::shared_ptr<Terminal>(new Terminal(again >= 0 ? again : host_fd, again >= 0, status.st_rdev));
}

Terminal::Terminal(int host_fd, bool owns_fd, dev_t device) : host_fd_(host_fd), owns_fd_(owns_fd), device_(device) {}

Terminal::~Terminal() {
    put_host_settings();
    if (owns_fd_) ::close(host_fd_);
}

// new_encode_dev()
std::uint32_t Terminal::device_number() const {
    const unsigned high = major(device_), low = minor(device_);
    return (low & 0xff) | high << 8 | (low & ~0xffU) << 12;
}

void Terminal::put_host_settings() {
    if (!host_settings_) return;
    const SigttouBlocked blocked;
    (void)::tcsetattr(host_fd_, TCSADRAIN, &*host_settings_);
}

void Terminal::put_own_settings() {
    if (!own_settings_) return;
    const SigttouBlocked blocked;
    (void)::tcsetattr(host_fd_, TCSADRAIN, &*own_settings_);
}

// __tty_check_change()
Result<void> Terminal::check_foreground(System& system, int signal) const {
    const Process& process = *system.task.process;
    if (!controls(process) || process.group == foreground) return {};
    if (ignores(system.task, signal)) return signal == SIGTTIN ? fail(Errno::eio) : Result<void>{};
    if (system.processes.is_orphaned(process.group)) return fail(Errno::eio);
    system.processes.send_to_group(process.group, SignalInfo{.number = signal, .code = si_code_kernel});
    return fail(interrupted(system.task));
}

Result<void> Terminal::check_read(System& system) const { return check_foreground(system, SIGTTIN); }

Result<void> Terminal::check_write(System& system) const {
    const Process& process = *system.task.process;
    if (!controls(process) || process.group == foreground) return {};
    termios settings{};
    const bool stops = ::tcgetattr(host_fd_, &settings) == 0 && (settings.c_lflag & TOSTOP) != 0;
    return stops ? check_foreground(system, SIGTTOU) : Result<void>{};
}

Result<std::uint64_t> Terminal::set_foreground(System& system, std::uint64_t argument) {
    if (auto may = check_foreground(system, SIGTTOU); !may) return fail(may.error());
    const Process& process = *system.task.process;
    if (!controls(process) || session != process.session) return fail(Errno::enotty);
    const auto group = system.user().read<std::int32_t>(VirtAddr(argument));
    if (!group) return fail(group.error());
    if (*group < 0) return fail(Errno::einval);
    const auto number = static_cast<std::uint32_t>(*group);
    // Kernel threads are in a group that has no number to be found by.
    if (number == 0) return fail(Errno::esrch);
    const auto& all = system.processes.all();
    const auto member =
        std::ranges::find_if(all, [number](const auto& entry) { return entry.second->group == number; });
    if (member == all.end()) return fail(Errno::esrch);
    if (member->second->session != process.session) return fail(Errno::eperm);
    foreground = number;
    return 0;
}

// TIOCSCTTY
Result<std::uint64_t> Terminal::become_controlling(System& system, std::uint64_t argument) {
    Process& process = *system.task.process;
    const bool leads = process.session == process.pid;
    if (leads && session == process.session) return 0;
    if (!leads || process.terminal != nullptr) return fail(Errno::eperm);
    if (session != 0) {
        const bool steals = argument == 1 && system.task.credentials.may(Capability::sys_admin);
        if (!steals) return fail(Errno::eperm);
    }
    std::shared_ptr<Terminal> self;
    for (const auto& [pid, other] : system.processes.all()) {
        if (other->terminal.get() != this) continue;
        self = std::exchange(other->terminal, nullptr);
    }
    if (self == nullptr) return fail(Errno::eio);
    session = process.session;
    foreground = process.group;
    process.terminal = std::move(self);
    return 0;
}

Result<std::uint64_t> Terminal::change_settings(System& system, int stream_fd, std::uint64_t request,
                                                std::uint64_t argument) {
    if (auto may = check_foreground(system, SIGTTOU); !may) return fail(may.error());
    if (is_flow_request(request)) {
        return ::ioctl(stream_fd, request, argument) == 0 ? Result<std::uint64_t>(0) : fail(host_error());
    }
    std::array<std::byte, termios2_bytes> settings{};
    const auto bytes = std::span(settings).first(settings_bytes(request));
    if (auto done = system.user().copy_from(VirtAddr(argument), bytes); !done) return fail(done.error());
    termios before{}, after{};
    if (!host_settings_ && ::tcgetattr(host_fd_, &before) == 0) host_settings_ = before;
    if (::syscall(SYS_ioctl, stream_fd, request, settings.data()) != 0) return fail(host_error());
    if (::tcgetattr(host_fd_, &after) == 0) own_settings_ = after;
    return 0;
}

Result<std::uint64_t> Terminal::control(System& system, int stream_fd, std::uint64_t request, std::uint64_t argument) {
    if (const std::size_t size_bytes = answer_bytes(request); size_bytes != 0) {
        std::array<std::byte, termios2_bytes> answered{};
        if (::syscall(SYS_ioctl, stream_fd, request, answered.data()) != 0) return fail(host_error());
        return answer_with(system, argument, std::span(answered).first(size_bytes));
    }
    if (settings_bytes(request) != 0 || is_flow_request(request)) {
        return change_settings(system, stream_fd, request, argument);
    }
    Process& process = *system.task.process;
    switch (request) {
        case TIOCGPGRP:
        case TIOCGSID: {
            if (!controls(process)) return fail(Errno::enotty);
            const std::uint32_t number = request == TIOCGPGRP ? foreground : session;
            return answer_with(system, argument, std::as_bytes(std::span(&number, 1)));
        }
        case TIOCSPGRP: return set_foreground(system, argument);
        case TIOCSCTTY: return become_controlling(system, argument);
        case TIOCNOTTY:
            if (!controls(process)) return fail(Errno::enotty);
            leave_terminal(system.processes, process);
            return 0;
        // The window is the host's, and what is typed is typed there.
        case TIOCSWINSZ:
        case TIOCEXCL:
        case TIOCNXCL: return fail(Errno::eperm);
        case TIOCSTI: return fail(Errno::eio);
        default: return fail(Errno::enotty);
    }
}

void Terminal::hang_up(Processes& processes) {
    if (session == 0) return;
    for (const auto& [pid, process] : processes.all()) {
        if (process->terminal.get() == this && process->session == process->pid && process->group != foreground) {
            send_hang_up(processes, process->group);
            break;
        }
    }
    send_hang_up(processes, foreground);
}

void leave_terminal(Processes& processes, Process& process) {
    const auto terminal = std::exchange(process.terminal, nullptr);
    if (process.session != process.pid || terminal->session != process.session) return;
    send_hang_up(processes, terminal->foreground);
    terminal->session = terminal->foreground = 0;
    for (const auto& [pid, other] : processes.all()) {
        if (other->session == process.session) other->terminal.reset();
    }
}

}  // namespace fl::kernel
