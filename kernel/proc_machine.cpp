// What /proc says of the machine beside its memory: its processor, its load and its devices (Linux: fs/proc,
// arch/x86/kernel/cpu/proc.c).
#include "kernel/proc_files.hpp"
#include "kernel/processes.hpp"
#include "kernel/vfs/kmsg.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t tick_ns = 10'000'000, ns_per_s = 1'000'000'000;

// What the processor did not do since the machine started.
std::uint64_t idle_ns(const System& system) {
    const std::uint64_t busy = system.clock.cpu_time().total_ns();
    return system.clock.monotonic_ns() - std::min(busy, system.clock.monotonic_ns());
}

std::string uptime_text(const System& system) {
    const auto seconds = [](std::uint64_t ns) {
        return fmt::format("{}.{:02}", ns / ns_per_s, ns % ns_per_s / tick_ns);
    };
    return seconds(system.clock.monotonic_ns()) + " " + seconds(idle_ns(system)) + "\n";
}

std::string load_text(const System& system) {
    constexpr std::uint64_t one = std::uint64_t{1} << LoadAverage::shift, half_percent = one / 200;
    std::string text;
    for (const std::uint64_t load : system.scheduler.load_average()) {
        const std::uint64_t rounded = load + half_percent;
        print_to(text, "{}.{:02} ", rounded / one, rounded % one * 100 / one);
    }
    return text + fmt::format("{}/{} {}\n", system.scheduler.ready_count() + 1, system.processes.task_count(),
                              system.processes.last_pid());
}

std::string stat_text(const System& system) {
    const CpuTime time = system.clock.cpu_time();
    const std::string ticks = fmt::format("{} 0 {} {} 0 0 0 0 0 0\n", time.user_ns / tick_ns, time.system_ns / tick_ns,
                                          idle_ns(system) / tick_ns);
    const auto tasks = system.processes.tasks();
    const auto blocked = std::ranges::count_if(tasks, [](const System* other) {
        return other->task.state == TaskState::waiting && other->task.killable_only;
    });
    Clock& clock = system.clock;
    return fmt::format(
        "cpu  {0}cpu0 {0}intr 0\nctxt {1}\nbtime {2}\nprocesses {3}\nprocs_running {4}\nprocs_blocked {5}\nsoftirq 0 0 "
        "0 "
        "0 0 0 0 0 0 0 0\n",
        ticks, system.scheduler.switch_count(), (clock.realtime_ns() - clock.monotonic_ns()) / ns_per_s,
        system.processes.forks() + 1, system.scheduler.ready_count() + 1, blocked);
}

// The processor model that Unicorn was asked for (emu/cpu.cpp), in CPUID's own words, at 1 GHz as RDTSC counts.
std::string processor_text() {
    return "processor\t: 0\n"
           "vendor_id\t: GenuineIntel\n"
           "cpu family\t: 6\n"
           "model\t\t: 26\n"
           "model name\t: Intel Core i7 9xx (Nehalem Class Core i7)\n"
           "stepping\t: 3\n"
           "cpu MHz\t\t: 1000.000\n"
           "physical id\t: 0\n"
           "siblings\t: 1\n"
           "core id\t\t: 0\n"
           "cpu cores\t: 1\n"
           "apicid\t\t: 0\n"
           "initial apicid\t: 0\n"
           "fpu\t\t: yes\n"
           "fpu_exception\t: yes\n"
           "cpuid level\t: 11\n"
           "wp\t\t: yes\n"
           "flags\t\t: fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "
           "sse2 "
           "syscall nx lm constant_tsc nopl cpuid pni ssse3 cx16 sse4_1 sse4_2 popcnt hypervisor lahf_lm\n"
           "bugs\t\t:\n"
           "bogomips\t: 2000.00\n"
           "clflush size\t: 64\n"
           "cache_alignment\t: 64\n"
           "address sizes\t: 40 bits physical, 48 bits virtual\n"
           "power management:\n\n";
}

ProcGenerator text_of(std::string_view text) {
    return [text](const System&) -> Result<std::string> { return std::string(text); };
}

}  // namespace

void add_machine_files(ProcFs& proc) {
    proc.add_file("uptime", [](const System& system) -> Result<std::string> { return uptime_text(system); });
    proc.add_file("loadavg", [](const System& system) -> Result<std::string> { return load_text(system); });
    proc.add_file("stat", [](const System& system) -> Result<std::string> { return stat_text(system); });
    proc.add_file("cpuinfo", [](const System&) -> Result<std::string> { return processor_text(); });
    // Nobody interrupts: there are no devices.
    proc.add_file("interrupts", text_of("           CPU0       \n"));
    proc.add_file("softirqs", text_of("                    CPU0       \n"));
    proc.add_file("devices", text_of("Character devices:\n  1 mem\n  5 /dev/tty\n\nBlock devices:\n"));
    proc.add_file("misc", text_of(""));
    proc.add_file("partitions", text_of("major minor  #blocks  name\n\n"));
    proc.add_file("diskstats", text_of(""));
    proc.add_file("cmdline", [](const System& system) -> Result<std::string> {
        return system.processes.kernel().command_line + "\n";
    });
    proc.add_file("modules", [](const System& system) -> Result<std::string> {
        return system.processes.kernel().modules.proc_text();
    });
    proc.add_special_file("kmsg", open_proc_kmsg);
    proc.add_file("locks", text_of(""));
}

}  // namespace fl::kernel
