#include "kernel/vfs/kmsg.hpp"

#include "kernel/processes.hpp"

#include <unistd.h>

#include <string>

namespace fl::kernel {

namespace {

struct WrittenText {
    std::uint32_t facility = facility_user;
    LogLevel level = LogLevel::warning;  // default_message_loglevel
    std::string_view text;
};

// "<13>text": the level in the lower three bits; a program cannot speak as the kernel. As simple_strtoul() has it, no
// digit at all is a 0, and too many overflow.
WrittenText parse_written(std::string_view text) {
    WrittenText written{.text = text};
    if (!text.starts_with('<')) return written;
    std::size_t end = 1;
    std::uint32_t priority = 0;
    for (; end < text.size() && text[end] >= '0' && text[end] <= '9'; ++end) {
        constexpr std::uint32_t base = 10;
        priority = priority * base + static_cast<std::uint32_t>(text[end] - '0');
    }
    if (end == text.size() || text[end] != '>') return written;
    constexpr std::uint32_t level_bits = 3, facility_mask = 0xff;
    written.level = static_cast<LogLevel>(priority & ((1U << level_bits) - 1));
    if (const auto facility = priority >> level_bits & facility_mask; facility != 0) written.facility = facility;
    written.text.remove_prefix(end + 1);
    return written;
}

class DevKmsg final : public FileDescription {
public:
    DevKmsg(const System& system, const DentryPointer& dentry, int flags)
        : FileDescription(dentry, flags),
          log_(system.processes.kernel().log),
          clock_(system.clock),
          comm_(system.task.name),
          next_(log_.first_sequence()) {}
    DevKmsg(const DevKmsg&) = delete;
    DevKmsg& operator=(const DevKmsg&) = delete;
    ~DevKmsg() override {
        if (const std::uint64_t missed = rate_.take_missed(); missed > 0) {
            log_.print(LogLevel::warning, "{}: {} output lines suppressed due to ratelimiting", comm_, missed);
        }
    }

    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t&) override {
        while (next_ == log_.next_sequence()) {
            if ((flags() & O_NONBLOCK) != 0) return fail(Errno::eagain);
            if (system.scheduler.wait(system.task, log_.changed()) == WakeReason::signal)
                return fail(interrupted(system.task));
        }
        // What it was about to read is gone.
        if (next_ < log_.first_sequence()) {
            next_ = log_.first_sequence();
            return fail(Errno::epipe);
        }
        const std::string text = kmsg_text(*log_.find(next_++));
        if (text.size() > into.bytes_left()) return fail(Errno::einval);
        if (into.copy_to_guest(std::as_bytes(std::span(text))) < text.size()) return fail(Errno::efault);
        return text.size();
    }

    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t&) override {
        const std::uint64_t size_bytes = from.bytes_left();
        if (size_bytes > KernelLog::max_text_bytes) return fail(Errno::einval);
        // printk_devkmsg = ratelimit: what is too much is taken, and not kept.
        if (!rate_.allows(clock_.monotonic_ns())) return size_bytes;
        std::string text(size_bytes, '\0');
        if (from.copy_from_guest(std::as_writable_bytes(std::span(text))) < size_bytes) return fail(Errno::efault);
        // A NUL ends it, as it ends what "%s" prints.
        const WrittenText written = parse_written(std::string_view(text).substr(0, text.find('\0')));
        system.processes.kernel().log.store(written.facility, written.level, std::string(written.text));
        return size_bytes;
    }

    Result<std::uint64_t> seek(System&, std::int64_t offset, int whence) override {
        if (!is_readable()) return fail(Errno::ebadf);
        if (offset != 0) return fail(Errno::espipe);
        switch (whence) {
            case SEEK_SET: next_ = log_.first_sequence(); return 0;
            case SEEK_DATA: next_ = std::max(log_.cleared_to(), log_.first_sequence()); return 0;
            case SEEK_END: next_ = log_.next_sequence(); return 0;
            default: return fail(Errno::einval);
        }
    }

    short ready_events() const override {
        if (!is_readable()) return POLLERR | POLLNVAL;
        if (next_ == log_.next_sequence()) return 0;
        const bool is_gone = next_ < log_.first_sequence();
        return static_cast<short>(POLLIN | POLLRDNORM | (is_gone ? POLLERR | POLLPRI : 0));
    }
    std::vector<WaitQueue*> wait_queues() override { return {&log_.changed()}; }
    bool is_pollable() const override { return true; }

private:
    KernelLog& log_;
    const Clock& clock_;
    std::string comm_;
    std::uint64_t next_;
    RateLimit rate_;
};

class ProcKmsg final : public FileDescription {
public:
    ProcKmsg(const System& system, const DentryPointer& dentry, int flags)
        : FileDescription(dentry, flags), log_(system.processes.kernel().log) {}

    // do_syslog()
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t&) override {
        if (into.is_null()) return fail(Errno::einval);
        return read_syslog(system, into, (flags() & O_NONBLOCK) != 0 ? UntilRecord::not_waited : UntilRecord::waited);
    }
    Result<std::uint64_t> seek(System&, std::int64_t offset, int whence) override {  // generic_file_llseek()
        const auto moved = moved_position(position, 0, offset, whence);
        if (moved) position = *moved;
        return moved;
    }
    short ready_events() const override { return unread_syslog_bytes(log_) > 0 ? POLLIN | POLLRDNORM : 0; }
    std::vector<WaitQueue*> wait_queues() override { return {&log_.changed()}; }
    bool is_pollable() const override { return true; }

private:
    KernelLog& log_;
};

// Where reading goes on: what was pushed out meanwhile is lost.
KernelLog::Cursor& valid_cursor(KernelLog& log) {
    KernelLog::Cursor& cursor = log.syslog_cursor();
    if (cursor.sequence < log.first_sequence()) cursor = {.sequence = log.first_sequence()};
    return cursor;
}

}  // namespace

Result<std::shared_ptr<FileDescription>> open_dev_kmsg(System& system, const DentryPointer& dentry, int flags) {
    return std::make_shared<DevKmsg>(system, dentry, flags);
}

Result<std::shared_ptr<FileDescription>> open_proc_kmsg(System& system, const DentryPointer& dentry, int flags) {
    if (!system.task.credentials.may(Capability::syslog)) return fail(Errno::eperm);
    return std::make_shared<ProcKmsg>(system, dentry, flags);
}

bool is_kernel_log(const FileDescription& file) {
    return dynamic_cast<const DevKmsg*>(&file) != nullptr || dynamic_cast<const ProcKmsg*>(&file) != nullptr;
}

Result<std::uint64_t> read_syslog(System& system, UserSegments& into, UntilRecord until) {
    KernelLog& log = system.processes.kernel().log;
    while (valid_cursor(log).sequence == log.next_sequence()) {
        if (until == UntilRecord::not_waited) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, log.changed()) == WakeReason::signal)
            return fail(interrupted(system.task));
    }
    std::uint64_t done = 0;
    while (into.bytes_left() > 0 && valid_cursor(log).sequence < log.next_sequence()) {
        KernelLog::Cursor& cursor = log.syslog_cursor();
        const std::string lines = log_lines(*log.find(cursor.sequence), LogPrefix::priority_and_time);
        const std::string_view rest = std::string_view(lines).substr(cursor.done_bytes);
        const bool fits = rest.size() <= into.bytes_left();
        if (!fits && done > 0) break;
        const std::string_view part = rest.substr(0, into.bytes_left());
        // First: while the copy waits for the program's memory, others may read on, and the record may be pushed out.
        cursor = fits ? KernelLog::Cursor{.sequence = cursor.sequence + 1}
                      : KernelLog::Cursor{cursor.sequence, cursor.done_bytes + part.size()};
        if (into.copy_to_guest(std::as_bytes(std::span(part))) < part.size()) {
            return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        }
        done += part.size();
    }
    return done;
}

std::uint64_t unread_syslog_bytes(KernelLog& log) {
    const KernelLog::Cursor cursor = valid_cursor(log);
    std::uint64_t bytes = 0;
    for (std::uint64_t at = cursor.sequence; at < log.next_sequence(); ++at) {
        bytes += log_lines(*log.find(at), LogPrefix::priority_and_time).size();
    }
    return bytes - cursor.done_bytes;
}

}  // namespace fl::kernel
