// syslog(2), which C libraries call klogctl: the kernel's log (Linux: kernel/printk/printk.c, do_syslog).
#include "kernel/path_argument.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/kmsg.hpp"

#include <string>

namespace fl::kernel {

namespace {

enum Action : std::int32_t {
    close,
    open,
    read,
    read_all,
    read_clear,
    clear,
    console_off,
    console_on,
    console_level,
    size_unread,
    size_buffer
};

// The newest records since the log was cleared, as many as fit (syslog_print_all, find_first_fitting_seq).
std::string newest_lines(const KernelLog& log, std::uint64_t size_bytes) {
    const auto lines = [&log](std::uint64_t at) { return log_lines(*log.find(at), LogPrefix::priority_and_time); };
    std::uint64_t first = log.next_sequence(), bytes = 0;
    for (const std::uint64_t end = std::max(log.cleared_to(), log.first_sequence()); first > end; --first) {
        bytes += lines(first - 1).size();
        if (bytes > size_bytes) break;
    }
    std::string text;
    for (; first < log.next_sequence(); ++first) text += lines(first);
    return text;
}

Result<std::uint64_t> read_log(System& system, std::int32_t action, std::uint64_t address, std::int32_t length) {
    if (address == 0 || length < 0) return fail(Errno::einval);
    if (length == 0) return 0;
    const auto size_bytes = static_cast<std::uint64_t>(length);
    auto into = UserSegments::single(system.user(), address, size_bytes);
    if (!into) return fail(into.error());
    if (action == read) return read_syslog(system, *into, UntilRecord::waited);
    KernelLog& log = system.processes.kernel().log;
    const std::string text = newest_lines(log, size_bytes);
    // What is said while the copy waits for the program's memory has not been read.
    if (action == read_clear) log.clear();
    const auto done = system.user().copy_to(VirtAddr(address), std::as_bytes(std::span(text)));
    return done ? Result<std::uint64_t>(text.size()) : fail(done.error());
}

Result<std::uint64_t> set_console_level(KernelLog& log, std::int32_t level) {
    if (level < 1 || level > KernelLog::max_console_level) return fail(Errno::einval);
    log.console_level = level;
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_syslog(System& system, const Arguments& a) {
    const std::int32_t action = int_argument(a[0]), length = int_argument(a[2]);
    KernelLog& log = system.processes.kernel().log;
    const bool for_everybody = action == read_all || action == size_buffer;
    if (!for_everybody && !system.task.credentials.may(Capability::syslog)) return fail(Errno::eperm);
    switch (action) {
        case close:
        case open:
        // There is no console: what would be shown there is where --dmesg puts it.
        case console_off:
        case console_on: return 0;
        case read:
        case read_all:
        case read_clear: return read_log(system, action, a[1], length);
        case clear: log.clear(); return 0;
        case console_level: return set_console_level(log, length);
        case size_unread: return unread_syslog_bytes(log);
        case size_buffer: return KernelLog::capacity_bytes;
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
