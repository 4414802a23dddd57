// What the kernel's tests share: a process without a program, on a machine whose processor runs nothing.
#pragma once

#include "kernel/futex.hpp"
#include "kernel/processes.hpp"
#include "kernel/scheduler.hpp"
#include "kernel/syscall_dispatcher.hpp"
#include "kernel/system.hpp"
#include "kernel/sysv_ipc.hpp"
#include "mm/reclaimer.hpp"
#include "mm/verify.hpp"

#include <doctest/doctest.h>
#include <sys/syscall.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

namespace fl::test {

// Work that a test sets by hand.
struct SetWork final : kernel::WorkMeter {
    kernel::WorkDone done;
    kernel::WorkDone work_done() const override { return done; }
};

// Holds x87 and SSE state; the rest of a processor is not needed to make system calls.
class IdleCpu final : public emu::Cpu {
public:
    emu::Exit run(emu::Registers&, std::uint64_t) override { return emu::Exit{emu::Exit::Reason::halt}; }
    void set_root(Pfn) override {}
    void flush_tlb() override {}
    void request_stop() override {}
    void interrupt() override {}
    VirtAddr instruction_pointer() const override { return VirtAddr(0); }
    std::uint64_t retired_instructions() const override { return 0; }
    emu::TlbStats tlb_stats() const override { return {}; }
    void log_cpuid(std::vector<VirtAddr>&) override {}
    emu::FpuState fpu_state() const override { return fpu; }
    void set_fpu_state(const emu::FpuState& state) override { fpu = state; }

    emu::FpuState fpu;
};

// A pipe of the host: what a guest writes to a stream can be read, and the other way round.
class HostPipe {
public:
    HostPipe();
    HostPipe(const HostPipe&) = delete;
    HostPipe& operator=(const HostPipe&) = delete;
    ~HostPipe();

    int read_end() const { return ends_[0]; }
    int write_end() const { return ends_[1]; }
    void close_read_end();
    void put(const std::string& text) const;
    // All that is in the pipe now.
    std::string take() const;

private:
    std::array<int, 2> ends_{-1, -1};
};

class TestSystem {
public:
    // A few writable pages, a page that can only be read, and an address where nothing is.
    static constexpr std::uint64_t data = 0x10'0000;
    static constexpr std::uint64_t data_bytes = 8 * page_size;
    static constexpr std::uint64_t data_end = data + data_bytes;
    static constexpr std::uint64_t read_only = 0x20'0000;
    static constexpr std::uint64_t nowhere = 0x30'0000;
    static constexpr std::uint64_t kernel_half = 0xffff'8000'0000'0000;

    explicit TestSystem(PageCount frames = PageCount(64), kernel::strace::LogOptions strace = {});
    TestSystem(const TestSystem&) = delete;
    TestSystem& operator=(const TestSystem&) = delete;
    // All invariants hold, and all frames come back.
    ~TestSystem();

    // From now on pages can leave. Called before there are any.
    void add_swap(PageCount slots);

    // What the guest finds in RAX, through the table.
    std::int64_t call(std::uint64_t number, std::initializer_list<std::uint64_t> arguments = {});

    template <class T>
    void put(std::uint64_t address, const T& value) {
        REQUIRE(user().write(VirtAddr(address), value).has_value());
    }
    template <class T>
    T get(std::uint64_t address) {
        const auto value = user().read<T>(VirtAddr(address));
        REQUIRE(value.has_value());
        return *value;
    }
    void put_text(std::uint64_t address, const std::string& text);
    std::string get_text(std::uint64_t address, std::size_t size);

    kernel::Task& task() { return task_; }
    kernel::Signals& signals() { return task_.signals; }
    emu::Registers& registers() { return task_.registers; }
    mm::UserMemory& user() { return *task_.user_memory; }
    mm::PhysicalMemory& memory() { return memory_; }
    kernel::Clock& clock() { return clock_; }
    kernel::System& system() { return system_; }
    IdleCpu& cpu() { return cpu_; }
    SetWork& work() { return work_; }
    kernel::Processes& processes() { return processes_; }
    const mm::FaultHandler& faults() const { return faults_; }
    kernel::Scheduler& scheduler() { return scheduler_; }
    // What a task does that clone(2) makes, on a fiber of its own; its exit status is 0.
    std::function<void(kernel::System&)> task_work;

private:
    std::uint64_t map(std::uint64_t address, std::uint64_t size_bytes, std::uint64_t prot);

    emu::Ram ram_;
    mm::PhysicalMemory memory_;
    std::unique_ptr<mm::SwapDevice> swap_;
    std::unique_ptr<mm::Reclaimer> reclaimer_;
    mm::FileRegistry files_;
    emu::Mmu mmu_;
    mm::FaultHandler faults_;
    PageCount used_before_;
    SetWork work_;
    kernel::Clock clock_;
    kernel::Random random_;
    std::optional<kernel::Vfs> vfs_;
    IdleCpu cpu_;
    kernel::Task task_;
    kernel::Scheduler scheduler_;
    kernel::Futexes futexes_;
    kernel::SysvIpc ipc_;
    kernel::Processes processes_;
    kernel::System system_;
    kernel::SyscallDispatcher dispatcher_;
};

// A guest's view of an errno.
constexpr std::int64_t minus(Errno error) { return -static_cast<std::int64_t>(error); }

// A negative C int or long as a register holds it.
constexpr std::uint64_t negative(std::int64_t value) { return static_cast<std::uint64_t>(value); }

}  // namespace fl::test
