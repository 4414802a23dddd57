#include "kernel/strace/time.hpp"

#include "kernel/strace/named.hpp"
#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timex.h>

#include <csignal>
#include <ctime>

namespace fl::kernel::strace {

namespace {

constexpr FlagName clocks[] = {
    NAMED(CLOCK_REALTIME),          NAMED(CLOCK_MONOTONIC),     NAMED(CLOCK_PROCESS_CPUTIME_ID),
    NAMED(CLOCK_THREAD_CPUTIME_ID), NAMED(CLOCK_MONOTONIC_RAW), NAMED(CLOCK_REALTIME_COARSE),
    NAMED(CLOCK_MONOTONIC_COARSE),  NAMED(CLOCK_BOOTTIME),      NAMED(CLOCK_REALTIME_ALARM),
    NAMED(CLOCK_BOOTTIME_ALARM),    {10, "CLOCK_SGI_CYCLE"},    NAMED(CLOCK_TAI)};
constexpr FlagName clock_flags[] = {NAMED(TIMER_ABSTIME)};
constexpr FlagName itimers[] = {{0, "ITIMER_REAL"}, {1, "ITIMER_VIRTUAL"}, {2, "ITIMER_PROF"}};
constexpr FlagName timerfd_flags[] = {{O_CLOEXEC, "TFD_CLOEXEC"}, {O_NONBLOCK, "TFD_NONBLOCK"}};
constexpr FlagName timerfd_set_flags[] = {{1, "TFD_TIMER_ABSTIME"}, {2, "TFD_TIMER_CANCEL_ON_SET"}};
constexpr FlagName notifications[] = {
    {0, "SIGEV_SIGNAL"}, {1, "SIGEV_NONE"}, {2, "SIGEV_THREAD"}, {4, "SIGEV_THREAD_ID"}};
constexpr Names notification_names{notifications, "SIGEV_???"};
constexpr FlagName adjustments[] = {NAMED(ADJ_OFFSET_SINGLESHOT),
                                    NAMED(ADJ_OFFSET_SS_READ),
                                    NAMED(ADJ_OFFSET),
                                    NAMED(ADJ_FREQUENCY),
                                    NAMED(ADJ_MAXERROR),
                                    NAMED(ADJ_ESTERROR),
                                    NAMED(ADJ_STATUS),
                                    NAMED(ADJ_TIMECONST),
                                    NAMED(ADJ_TAI),
                                    NAMED(ADJ_SETOFFSET),
                                    NAMED(ADJ_MICRO),
                                    NAMED(ADJ_NANO),
                                    NAMED(ADJ_TICK)};
constexpr FlagName clock_statuses[] = {
    NAMED(STA_PLL),       NAMED(STA_PPSFREQ),   NAMED(STA_PPSTIME),   NAMED(STA_FLL),
    NAMED(STA_INS),       NAMED(STA_DEL),       NAMED(STA_UNSYNC),    NAMED(STA_FREQHOLD),
    NAMED(STA_PPSSIGNAL), NAMED(STA_PPSJITTER), NAMED(STA_PPSWANDER), NAMED(STA_PPSERROR),
    NAMED(STA_CLOCKERR),  NAMED(STA_NANO),      NAMED(STA_MODE),      NAMED(STA_CLK)};
constexpr FlagName clock_states[] = {{0, "TIME_OK"},  {1, "TIME_INS"},  {2, "TIME_DEL"},
                                     {3, "TIME_OOP"}, {4, "TIME_WAIT"}, {5, "TIME_ERROR"}};

struct TwoWords {
    std::int64_t first, second;
};

std::string pair_text(const TwoWords& pair, const char* part) {
    return fmt::format("{{tv_sec={}, {}={}}}", pair.first, part, pair.second);
}

// "1970-01-01T00:00:01.000000002+0000"; empty for 0, which seldom is meant as a moment, and for what is none.
std::string date_text(std::int64_t seconds, std::int64_t fraction, int digits) {
    std::int64_t whole = 1;
    for (int digit = 0; digit < digits; ++digit) whole *= 10;
    if ((seconds == 0 && fraction == 0) || fraction < 0 || (digits > 0 && fraction >= whole)) return "";
    const std::time_t when = seconds;
    std::tm parts{};
    if (::gmtime_r(&when, &parts) == nullptr) return "";
    std::array<char, 64> text{};
    const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    std::string date(text.data(), length);
    if (fraction != 0) date += fmt::format(".{:0{}}", fraction, digits);
    return date + "+0000";
}

// What strace remarks behind a moment.
std::string remark_text(const std::string& date) { return date.empty() ? "" : " /* " + date + " */"; }

std::string interval_text(const Call& call, std::uint64_t address, const char* part) {
    struct Timer {
        TwoWords interval, value;
    };
    return pointed_to<Timer>(call, address, [part](const Timer& timer) {
        return fmt::format("{{it_interval={}, it_value={}}}", pair_text(timer.interval, part),
                           pair_text(timer.value, part));
    });
}

std::string two_times_text(const Argument& a, const char* part, int digits) {
    const bool has_words = digits == 9;
    const auto times = a.call.peek<std::array<TwoWords, 2>>(a.value());
    if (!times) return address_text(a.value());
    std::string text;
    for (const TwoWords& time : *times) {
        text += text.empty() ? "[" : ", ";
        if (has_words && (time.second == UTIME_NOW || time.second == UTIME_OMIT)) {
            text += time.second == UTIME_NOW ? "UTIME_NOW" : "UTIME_OMIT";
        } else {
            text += pair_text(time, part) + remark_text(date_text(time.first, time.second, digits));
        }
    }
    return text + "]";
}

}  // namespace

const Names clock_names{clocks, "CLOCK_???"};
const Names clock_flag_names{clock_flags, "TIMER_???"};
const Names itimer_names{itimers, "ITIMER_???"};
const Names timerfd_flag_names{timerfd_flags, "TFD_???"};
const Names timerfd_set_flag_names{timerfd_set_flags, "TFD_???"};

std::string timespec_text(const Call& call, std::uint64_t address) {
    return pointed_to<TwoWords>(call, address, [](const TwoWords& time) { return pair_text(time, "tv_nsec"); });
}
std::string timeval_text(const Call& call, std::uint64_t address) {
    return pointed_to<TwoWords>(call, address, [](const TwoWords& time) { return pair_text(time, "tv_usec"); });
}

std::string print_timespec(const Argument& a) { return timespec_text(a.call, a.value()); }
std::string print_timeval(const Argument& a) { return timeval_text(a.call, a.value()); }

std::string print_time_left(const Argument& a) {
    return a.call.restart != Restart::none ? timespec_text(a.call, a.value()) : address_text(a.value());
}

std::string print_clock_time_left(const Argument& a) {
    const bool absolute = (a.call.arguments[1] & TIMER_ABSTIME) != 0;
    return absolute ? address_text(a.value()) : print_time_left(a);
}

std::string print_timezone(const Argument& a) {
    return pointed_to<std::array<std::int32_t, 2>>(a.call, a.value(), [](const auto& zone) {
        return fmt::format("{{tz_minuteswest={}, tz_dsttime={}}}", zone[0], zone[1]);
    });
}

std::string print_seconds(const Argument& a) {
    return pointed_to<std::int64_t>(a.call, a.value(), [](std::int64_t seconds) {
        return fmt::format("[{}{}]", seconds, remark_text(date_text(seconds, 0, 0)));
    });
}

std::string seconds_result(const Call& call) {
    const auto seconds = static_cast<std::int64_t>(call.value());
    return fmt::format("{} ({})", seconds, date_text(seconds, 0, 0));
}

std::string print_itimerval(const Argument& a) { return interval_text(a.call, a.value(), "tv_usec"); }
std::string print_itimerspec(const Argument& a) { return interval_text(a.call, a.value(), "tv_nsec"); }

std::string print_sigevent(const Argument& a) {
    struct Event {
        std::uint64_t value;
        std::int32_t signal, notify;
        std::uint64_t function, attributes;
    };
    return pointed_to<Event>(a.call, a.value(), [](const Event& event) {
        std::string text =
            fmt::format("{{sigev_value={{sival_int={}, sival_ptr={}}}, sigev_signo={}, sigev_notify={}",
                        static_cast<std::int32_t>(event.value), address_text(event.value),
                        event.notify == SIGEV_NONE ? std::to_string(event.signal) : signal_text(event.signal),
                        value_text(notification_names, static_cast<std::uint32_t>(event.notify)));
        if (event.notify == SIGEV_THREAD_ID) {
            text += fmt::format(", sigev_notify_thread_id={}", static_cast<std::int32_t>(event.function));
        } else if (event.notify == SIGEV_THREAD) {
            text += fmt::format(", sigev_notify_function={}, sigev_notify_attributes={}", address_text(event.function),
                                address_text(event.attributes));
        }
        return text + "}";
    });
}

std::string print_tms(const Argument& a) {
    return pointed_to<std::array<std::int64_t, 4>>(a.call, a.value(), [](const auto& ticks) {
        return fmt::format("{{tms_utime={}, tms_stime={}, tms_cutime={}, tms_cstime={}}}", ticks[0], ticks[1], ticks[2],
                           ticks[3]);
    });
}

std::string print_timex(const Argument& a) {
    return pointed_to<timex>(a.call, a.value(), [](const timex& t) {
        return fmt::format(
            "{{modes={}, offset={}, freq={}, maxerror={}, esterror={}, status={}, constant={}, precision={}, "
            "tolerance={}, time={{tv_sec={}, tv_usec={}}}, tick={}, ppsfreq={}, jitter={}, shift={}, stabil={}, "
            "jitcnt={}, calcnt={}, errcnt={}, stbcnt={}, tai={}}}",
            flags_text({adjustments, "ADJ_???"}, t.modes), t.offset, t.freq, t.maxerror, t.esterror,
            flags_text({clock_statuses, "STA_???"}, static_cast<std::uint32_t>(t.status)), t.constant, t.precision,
            t.tolerance, t.time.tv_sec, t.time.tv_usec, t.tick, t.ppsfreq, t.jitter, t.shift, t.stabil, t.jitcnt,
            t.calcnt, t.errcnt, t.stbcnt, t.tai);
    });
}

std::string timex_result(const Call& call) {
    return fmt::format("{} ({})", call.value(), value_text({clock_states, "TIME_???"}, call.value()));
}

std::string print_utimbuf(const Argument& a) {
    return pointed_to<TwoWords>(a.call, a.value(), [](const TwoWords& times) {
        return fmt::format("{{actime={}{}, modtime={}{}}}", times.first, remark_text(date_text(times.first, 0, 0)),
                           times.second, remark_text(date_text(times.second, 0, 0)));
    });
}

std::string print_file_times(const Argument& a) { return two_times_text(a, "tv_nsec", 9); }
std::string print_file_times_us(const Argument& a) { return two_times_text(a, "tv_usec", 6); }

}  // namespace fl::kernel::strace
