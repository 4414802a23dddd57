// KernelLog: what the kernel says, in a ring of records: the newest push the oldest out (Linux:
// kernel/printk/printk.c, printk_ringbuffer.c). /dev/kmsg and syslog(2) read it, and every reader has a place of its
// own.
//
// Invariants: records follow each other by their sequence numbers without gaps; together they fill no more than
// capacity_bytes, but for the newest, which is always there.
#pragma once

#include "kernel/wait_queue.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace fl::kernel {

// include/linux/kern_levels.h
enum class LogLevel : std::uint8_t { emergency, alert, critical, error, warning, notice, info, debug };

// Those of syslog(3): the kernel's own, and what programs write without saying what they are.
inline constexpr std::uint32_t facility_kernel = 0, facility_user = 1;

struct LogRecord {
    std::uint64_t sequence = 0;
    std::uint64_t time_ns = 0;  // of the machine's clock
    std::uint32_t facility = facility_kernel;
    LogLevel level = LogLevel::info;
    std::string text;  // without the new line at its end; it may have others

    std::uint32_t priority() const { return facility << 3 | static_cast<std::uint32_t>(level); }
};

class KernelLog {
public:
    static constexpr std::uint64_t capacity_bytes = 131'072;  // CONFIG_LOG_BUF_SHIFT = 17
    static constexpr std::size_t max_text_bytes = 1024;       // PRINTKRB_RECORD_MAX
    static constexpr int max_console_level = 8;

    // `now_ns`: the time that records get.
    explicit KernelLog(std::function<std::uint64_t()> now_ns) : now_ns_(std::move(now_ns)) {}
    KernelLog(const KernelLog&) = delete;
    KernelLog& operator=(const KernelLog&) = delete;

    // A new line at the end of the text, and what is beyond max_text_bytes, is left out.
    void store(std::uint32_t facility, LogLevel level, std::string text);
    // printk() and its like.
    template <class... Values>
    void print(LogLevel level, fmt::format_string<Values...> format, Values&&... values) {
        store(facility_kernel, level, fmt::format(format, std::forward<Values>(values)...));
    }
    // A line is printed for each record from now on, as dmesg(1) prints it.
    using Sink = std::function<void(std::string_view lines)>;
    void set_sink(Sink sink) { sink_ = std::move(sink); }

    std::uint64_t first_sequence() const { return next_sequence_ - records_.size(); }
    std::uint64_t next_sequence() const { return next_sequence_; }
    // nullptr: it has been pushed out, or is not there yet.
    const LogRecord* find(std::uint64_t sequence) const;
    // Woken at each new record.
    WaitQueue& changed() { return changed_; }

    // Where SYSLOG_ACTION_READ_ALL and SEEK_DATA start.
    std::uint64_t cleared_to() const { return cleared_to_; }
    void clear() { cleared_to_ = next_sequence_; }
    // Where SYSLOG_ACTION_READ goes on: the record, and how much of its text was read already.
    struct Cursor {
        std::uint64_t sequence = 0;
        std::size_t done_bytes = 0;
    };
    Cursor& syslog_cursor() { return syslog_cursor_; }
    // Which levels a console would show: those below.
    int console_level = 7;

private:
    std::function<std::uint64_t()> now_ns_;
    Sink sink_;
    std::deque<LogRecord> records_;
    std::uint64_t size_bytes_ = 0;  // of all records, with what the ring keeps of each
    std::uint64_t next_sequence_ = 0;
    std::uint64_t cleared_to_ = 0;
    Cursor syslog_cursor_;
    WaitQueue changed_;
};

// "6,12,2000017,-;text" and a new line: what /dev/kmsg gives (Documentation/ABI/testing/dev-kmsg).
std::string kmsg_text(const LogRecord& record);
// "[    2.000017] text" and a new line, for each line of the text; with priorities "<6>[    2.000017] text".
enum class LogPrefix : std::uint8_t { time, priority_and_time };
std::string log_lines(const LogRecord& record, LogPrefix prefix);

}  // namespace fl::kernel
