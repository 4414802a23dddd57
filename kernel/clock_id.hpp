// ClockId: which clock a clockid_t means (Linux: clockid_to_kclock, pid_for_clock).
#pragma once

#include "kernel/clock_timer.hpp"
#include "kernel/system.hpp"

#include <ctime>
#include <memory>
#include <optional>

namespace fl::kernel {

struct ClockId {
    enum class Kind : std::uint8_t {
        machine,      // `number` says which
        cpu,          // CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID, of the caller
        encoded_cpu,  // the same of whoever the number names
        device,       // of an open file; there are none
    };
    Kind kind = Kind::machine;
    clockid_t number = CLOCK_REALTIME;
    bool is_thread = false;          // cpu: not the whole process
    bool is_own_thread = false;      // the caller's own
    bool is_scheduler_time = false;  // CPUCLOCK_SCHED, whose resolution is finer
    CpuTimeKind cpu_kind = CpuTimeKind::all;
    std::shared_ptr<CpuClock> cpu;  // nullptr: there is nobody of that number

    bool counts_cpu_time() const { return kind == Kind::cpu || kind == Kind::encoded_cpu; }
    // CLOCK_REALTIME_ALARM and CLOCK_BOOTTIME_ALARM, which wake a machine that sleeps.
    bool is_alarm() const;
    bool is_coarse() const;
    // What timers on it are set by.
    TimerClock timer_clock() const;
};

enum class ClockUse : std::uint8_t {
    read,  // a process may also go by the number of the calling thread
    other,
};

// nullopt: no clock goes by this number.
std::optional<ClockId> find_clock(const System& system, std::uint64_t argument, ClockUse use);
// EINVAL: nobody has it (any more), or the machine would need a real-time clock's help.
Result<std::uint64_t> read_clock(System& system, const ClockId& clock);

}  // namespace fl::kernel
