#include "kernel/clock_id.hpp"

#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

namespace fl::kernel {

namespace {

// include/linux/posix-timers_types.h: ~pid * 8, + 4 for a thread's, + which time of it.
constexpr std::int32_t thread_bit = 4, time_mask = 3;
constexpr std::int32_t user_time = 1, scheduler_time = 2, device_clock = 3;  // 0: profiling, of both

// pid_for_clock().
std::shared_ptr<CpuClock> cpu_clock_of(const System& system, std::uint32_t number, bool is_thread, ClockUse use) {
    const Task& self = system.task;
    if (number == 0) return is_thread ? self.cpu_clock : self.process->cpu_clock;
    if (is_thread) {
        const System* found = system.processes.find_task(number);
        const bool is_relative = found != nullptr && found->task.process == self.process;
        return is_relative && found->task.state != TaskState::over ? found->task.cpu_clock : nullptr;
    }
    if (use == ClockUse::read && number == self.tid) return self.process->cpu_clock;
    const Process* process = system.processes.find_process(number);
    return process != nullptr ? process->cpu_clock : nullptr;
}

ClockId encoded_clock(const System& system, std::int32_t id, ClockUse use) {
    ClockId clock;
    if ((id & time_mask) == device_clock) {
        clock.kind = ClockId::Kind::device;
        return clock;
    }
    const auto number = static_cast<std::uint32_t>(~(id >> 3));
    clock.kind = ClockId::Kind::encoded_cpu;
    clock.is_thread = (id & thread_bit) != 0;
    clock.is_own_thread = clock.is_thread && (number == 0 || number == system.task.tid);
    clock.is_scheduler_time = (id & time_mask) == scheduler_time;
    clock.cpu_kind = (id & time_mask) == user_time ? CpuTimeKind::user : CpuTimeKind::all;
    clock.cpu = cpu_clock_of(system, number, clock.is_thread, use);
    return clock;
}

}  // namespace

bool ClockId::is_alarm() const {
    return kind == Kind::machine && (number == CLOCK_REALTIME_ALARM || number == CLOCK_BOOTTIME_ALARM);
}

bool ClockId::is_coarse() const {
    return kind == Kind::machine && (number == CLOCK_REALTIME_COARSE || number == CLOCK_MONOTONIC_COARSE);
}

TimerClock ClockId::timer_clock() const {
    if (counts_cpu_time()) return {TimeBase::monotonic, true, cpu, cpu_kind};
    const bool real = number == CLOCK_REALTIME || number == CLOCK_REALTIME_ALARM;
    return {.base = real ? TimeBase::realtime : number == CLOCK_TAI ? TimeBase::tai : TimeBase::monotonic};
}

std::optional<ClockId> find_clock(const System& system, std::uint64_t argument, ClockUse use) {
    const std::int32_t id = int_argument(argument);
    if (id < 0) return encoded_clock(system, id, use);
    constexpr clockid_t removed = 10;  // CLOCK_SGI_CYCLE
    if (id > CLOCK_TAI || id == removed) return std::nullopt;
    ClockId clock;
    clock.number = id;
    if (id != CLOCK_PROCESS_CPUTIME_ID && id != CLOCK_THREAD_CPUTIME_ID) return clock;
    clock.kind = ClockId::Kind::cpu;
    clock.is_thread = clock.is_own_thread = id == CLOCK_THREAD_CPUTIME_ID;
    clock.is_scheduler_time = true;
    clock.cpu = clock.is_thread ? system.task.cpu_clock : system.task.process->cpu_clock;
    return clock;
}

Result<std::uint64_t> read_clock(System& system, const ClockId& clock) {
    if (clock.counts_cpu_time()) {
        if (clock.cpu == nullptr) return fail(Errno::einval);
        system.processes.account(system);
        return clock.cpu->now_ns(clock.cpu_kind);
    }
    if (clock.kind == ClockId::Kind::device || clock.is_alarm()) return fail(Errno::einval);
    constexpr std::uint64_t tick_ns = Clock::tick_ns;
    switch (clock.number) {
        case CLOCK_REALTIME: return system.clock.realtime_ns();
        case CLOCK_TAI: return system.clock.now_ns(TimeBase::tai);
        case CLOCK_REALTIME_COARSE: return system.clock.realtime_ns() / tick_ns * tick_ns;
        case CLOCK_MONOTONIC_COARSE: return system.clock.monotonic_ns() / tick_ns * tick_ns;
        default: return system.clock.monotonic_ns();
    }
}

}  // namespace fl::kernel
