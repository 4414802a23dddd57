// Clock: what time the guest is told, by every clock it can ask.
//
// In virtual time one retired instruction takes a nanosecond, a page fault what the cost model says, and a sleep what
// was asked for: the same program sees the same times in every run. In host time the guest sees the host's clocks.
//
// Invariant: no clock ever goes backwards.
#pragma once

#include "emu/cpu.hpp"
#include "loader/vdso/time_page.h"

#include <cstdint>
#include <functional>
#include <map>

namespace fl::kernel {

enum class ClockMode : std::uint8_t {
    virtual_time,  // retired instructions plus a cost for each fault: the same in every run
    host,          // the host's monotonic clock; instructions are not counted
};

// Where timers of the machine's clocks count from. CLOCK_REALTIME may be set meanwhile, and its timers follow it.
enum class TimeBase : std::uint8_t { monotonic, realtime, tai };

// What a page fault costs in virtual time. The defaults are of the order of a present machine: a fault that only needs
// a frame, and one that has to wait for a solid-state disk.
struct CostModel {
    std::uint64_t minor_fault_ns = 500;
    std::uint64_t major_fault_ns = 100'000;
    // A reference to memory that is no fault: only the effective access time makes use of it, the clock counts
    // instructions.
    std::uint64_t memory_access_ns = 1;
};

// The work that virtual time is made of.
struct WorkDone {
    std::uint64_t instructions = 0;
    std::uint64_t minor_faults = 0;
    std::uint64_t major_faults = 0;
};

class WorkMeter {
public:
    virtual WorkDone work_done() const = 0;

protected:
    ~WorkMeter() = default;
};

// Time that the process had the processor.
struct CpuTime {
    std::uint64_t user_ns = 0;
    std::uint64_t system_ns = 0;
    std::uint64_t total_ns() const { return user_ns + system_ns; }
};

class Clock final : public emu::TimestampSource {
public:
    // Virtual CLOCK_REALTIME starts at 2026-01-01 00:00:00 UTC.
    static constexpr std::uint64_t realtime_epoch_s = 1'767'225'600;
    // One tick of a kernel with HZ = 250: the resolution of the coarse clocks.
    static constexpr std::uint64_t tick_ns = 4'000'000;
    // Of all other clocks, as with high-resolution timers.
    static constexpr std::uint64_t resolution_ns = 1;

    // `meter` must outlive the clock.
    Clock(ClockMode mode, const WorkMeter& meter, CostModel costs = {});

    ClockMode mode() const { return mode_; }
    const CostModel& costs() const { return costs_; }
    // Since the clock was made.
    std::uint64_t elapsed_ns() const;
    // CLOCK_MONOTONIC and CLOCK_REALTIME. Virtual monotonic time starts at 0, as after a boot.
    std::uint64_t monotonic_ns() const;
    std::uint64_t realtime_ns();
    std::uint64_t now_ns(TimeBase base);
    // Steps CLOCK_REALTIME, for the guest; the host's stays as it is. Then tells those who asked to be told.
    void set_realtime(std::uint64_t realtime_ns);
    // CLOCK_TAI minus CLOCK_REALTIME.
    void set_tai_offset(std::int32_t seconds) { tai_offset_s_ = seconds; }
    std::int32_t tai_offset_s() const { return tai_offset_s_; }
    // `observer` is told of steps of CLOCK_REALTIME until forget_observer() of the number that is the answer.
    std::uint64_t observe_steps(std::function<void()> observer) {
        observers_.emplace(++last_observer_, std::move(observer));
        return last_observer_;
    }
    void forget_observer(std::uint64_t number) { observers_.erase(number); }
    // Where the vDSO's code finds what it needs to tell the same time; kept up to date from now on.
    void publish_to(fl_time_page& page);
    // User time is instructions, system time is minor faults; a major fault waits for a disk and takes no processor.
    CpuTime cpu_time() const;
    // Virtual time jumps; host time is waited for. Returns what is left where a signal to relay came first.
    std::uint64_t sleep_ns(std::uint64_t duration_ns);

    // RDTSC: a processor of 1 GHz.
    std::uint64_t timestamp_cycles() override;

private:
    void take_realtime_offset();
    void tick_if_due(std::uint64_t elapsed_ns);
    void publish();

    ClockMode mode_;
    const WorkMeter& meter_;
    CostModel costs_;
    std::uint64_t slept_ns_ = 0;
    std::uint64_t host_start_ns_ = 0;
    std::uint64_t host_cpu_start_ns_ = 0;
    // CLOCK_REALTIME minus CLOCK_MONOTONIC: constant but for steps of the host's clock, which are noticed at a tick.
    std::uint64_t realtime_offset_ns_ = realtime_epoch_s * 1'000'000'000;
    std::uint64_t realtime_step_ns_ = 0;  // what was set on top; wraps below 0
    std::int32_t tai_offset_s_ = 0;
    std::uint64_t next_tick_ns_ = 0;
    std::map<std::uint64_t, std::function<void()>> observers_;
    std::uint64_t last_observer_ = 0;
    fl_time_page* time_page_ = nullptr;
};

}  // namespace fl::kernel
