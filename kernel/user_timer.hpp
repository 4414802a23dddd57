// struct itimerspec, as programs pass it.
#pragma once

#include "kernel/clock_timer.hpp"
#include "kernel/user_time.hpp"

namespace fl::kernel {

struct UserTimerSetting {
    UserTimespec interval, value;
};

// itimerspec64_valid(): EINVAL.
Result<TimerSetting> timer_setting_of(const UserTimerSetting& user);
// EFAULT, EINVAL.
Result<TimerSetting> read_timer_setting(System& system, std::uint64_t address);

inline UserTimerSetting user_timer_setting(const TimerSetting& setting) {
    return {timespec_of(setting.interval_ns), timespec_of(setting.value_ns)};
}

}  // namespace fl::kernel
