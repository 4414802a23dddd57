// struct rusage, as getrusage(2) and wait4(2) answer.
#pragma once

#include "kernel/task.hpp"

#include <cstdint>

namespace fl::kernel {

struct UserTimeval {
    std::int64_t seconds, microseconds;
};

struct UserUsage {
    UserTimeval user_time, system_time;
    std::int64_t max_rss_kib, shared_rss, data_rss, stack_rss;
    std::int64_t minor_faults, major_faults;
    std::int64_t unused[6];
    std::int64_t voluntary_switches, involuntary_switches;
};
static_assert(sizeof(UserUsage) == 144);

inline UserTimeval timeval_of(std::uint64_t ns) {
    return {static_cast<std::int64_t>(ns / 1'000'000'000), static_cast<std::int64_t>(ns % 1'000'000'000 / 1'000)};
}

inline UserUsage user_usage(const Usage& usage) {
    UserUsage user{};
    user.user_time = timeval_of(usage.time.user_ns);
    user.system_time = timeval_of(usage.time.system_ns);
    user.max_rss_kib = static_cast<std::int64_t>(usage.max_rss.bytes() / 1024);
    user.minor_faults = static_cast<std::int64_t>(usage.minor_faults);
    user.major_faults = static_cast<std::int64_t>(usage.major_faults);
    user.voluntary_switches = static_cast<std::int64_t>(usage.voluntary_switches);
    user.involuntary_switches = static_cast<std::int64_t>(usage.involuntary_switches);
    return user;
}

}  // namespace fl::kernel
