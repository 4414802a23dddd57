// Kernel threads: they wait and run like other tasks, and nothing that a program does ends them.
#include "kernel/syscalls.hpp"
#include "kernel_support.hpp"

#include <csignal>
#include <vector>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

// A thread that counts how often it was woken, until it is to end.
struct Counter {
    explicit Counter(TestSystem& in)
        : system(in),
          thread(in.processes().add_kernel_thread(in.system(),
                                                  {.name = "counter", .work = [this](System& own) { run(own); }})),
          task(thread.task) {
        system.processes().start_kernel_threads();
        system.call(SYS_sched_yield);
    }
    Counter(const Counter&) = delete;
    Counter& operator=(const Counter&) = delete;
    ~Counter() { system.processes().stop_kernel_threads(); }

    void run(System& own) {
        while (!own.task.exit) {
            ++turns;
            (void)own.scheduler.wait(own.task, WaitRequest{});
        }
        has_ended = true;
    }

    TestSystem& system;
    unsigned turns = 0;
    bool has_ended = false;
    System& thread;
    Task& task;
};

}  // namespace

TEST_CASE("a kernel thread waits and is woken as others are, and counts for no program") {
    TestSystem system;
    const std::size_t programs = system.processes().program_task_count(), all = system.processes().task_count();
    Counter counter(system);
    CHECK(counter.turns == 1);
    CHECK(counter.task.state == TaskState::waiting);
    CHECK(counter.task.mm == nullptr);
    system.call(SYS_sched_yield);
    CHECK(counter.turns == 1);
    system.scheduler().wake(counter.task, WakeReason::event);
    system.call(SYS_sched_yield);
    CHECK(counter.turns == 2);
    CHECK(system.processes().program_task_count() == programs);
    CHECK(system.processes().task_count() == all + 2);
}

TEST_CASE("its parent is kthreadd, which has none; neither has a group or a session") {
    TestSystem system;
    Counter counter(system);
    const Process* parent = counter.task.process->parent;
    REQUIRE(parent != nullptr);
    CHECK(parent->name == "kthreadd");
    CHECK(parent->parent == nullptr);
    CHECK(parent->kernel_thread == 0x20'8040);
    CHECK(counter.task.process->kernel_thread == 0x20'0040);
    CHECK(system.call(SYS_getpgid, {counter.task.pid}) == 0);
    CHECK(system.call(SYS_getsid, {counter.task.pid}) == 0);
}

TEST_CASE("signals do nothing to a kernel thread, and whoever may send them is told that they were sent") {
    TestSystem system;
    Counter counter(system);
    const std::uint64_t pid = counter.task.pid;
    for (const int number : {0, SIGKILL, SIGSTOP, SIGTERM, SIGCONT, SIGSEGV, SIGRTMIN}) {
        CAPTURE(number);
        const auto signal = static_cast<std::uint64_t>(number);
        CHECK(system.call(SYS_kill, {pid, signal}) == 0);
        CHECK(system.call(SYS_tgkill, {pid, pid, signal}) == 0);
    }
    system.call(SYS_sched_yield);
    CHECK(counter.turns == 1);
    CHECK(counter.task.state == TaskState::waiting);
    CHECK_FALSE(counter.task.exit.has_value());
    CHECK(counter.task.process->stop_signal == 0);
    CHECK(counter.task.signals.pending().empty());
    // Whatever ends all that runs does not end it, either.
    system.processes().end_process(*counter.task.process, ExitStatus{137, SIGKILL, false});
    CHECK_FALSE(counter.task.exit.has_value());
    CHECK(system.call(SYS_setresuid, {1000, 1000, 1000}) == 0);
    CHECK(system.call(SYS_kill, {pid, SIGKILL}) == minus(Errno::eperm));
}

TEST_CASE("there is no memory of a kernel thread to be looked into") {
    TestSystem system;
    Counter counter(system);
    const std::uint64_t pid = counter.task.pid;
    system.put(TestSystem::data, std::array<std::uint64_t, 2>{TestSystem::data, 8});
    CHECK(system.call(SYS_process_vm_readv, {pid, TestSystem::data, 1, TestSystem::data, 1, 0}) == minus(Errno::esrch));
    CHECK(system.call(SYS_migrate_pages, {pid, 0, 0, 0}) == minus(Errno::einval));
    // Its limits are numbers like others'.
    system.put(TestSystem::data, LimitPair{1 << 20, 1 << 20});
    CHECK(system.call(SYS_prlimit64, {pid, 2 /* RLIMIT_DATA */, TestSystem::data, 0}) == 0);
    CHECK(soft_limit(counter.task.process->limits, Limit::data) == 1 << 20);
    const std::int64_t fd = system.call(SYS_pidfd_open, {pid, 0});
    REQUIRE(fd >= 0);
    CHECK(system.call(SYS_process_mrelease, {static_cast<std::uint64_t>(fd), 0}) == minus(Errno::esrch));
    CHECK(system.call(SYS_close, {static_cast<std::uint64_t>(fd)}) == 0);
}

TEST_CASE("who is woken first runs before others that were ready") {
    TestSystem system;
    Counter first(system);
    std::vector<unsigned> turns_before;
    system.task_work = [&](System&) { turns_before.push_back(first.turns); };
    REQUIRE(system.call(SYS_fork) > 0);
    system.scheduler().wake_first(first.task);
    REQUIRE(system.call(SYS_fork) > 0);
    system.call(SYS_sched_yield);
    CHECK(turns_before == std::vector<unsigned>{2, 2});
    // One that does not wait stays where it is.
    system.scheduler().wake_first(system.task());
    CHECK(system.call(SYS_sched_yield) == 0);
}

TEST_CASE("kernel threads end when they are told to, and nothing of them is left") {
    TestSystem system;
    const std::size_t processes = system.processes().all().size(), tasks = system.processes().task_count();
    bool ended = false;
    System& thread = system.processes().add_kernel_thread(system.system(),
                                                          {.name = "once", .work = [&ended](System& own) {
                                                               while (!own.task.exit)
                                                                   (void)own.scheduler.wait(own.task, WaitRequest{});
                                                               ended = true;
                                                           }});
    SUBCASE("once they have run") {
        system.processes().start_kernel_threads();
        system.call(SYS_sched_yield);
        CHECK(thread.task.state == TaskState::waiting);
        system.processes().stop_kernel_threads();
        CHECK(ended);
    }
    SUBCASE("before they were started") { system.processes().stop_kernel_threads(); }
    CHECK(system.processes().all().size() == processes);
    CHECK(system.processes().task_count() == tasks);
    CHECK(system.scheduler().queued_count() == 0);
}

}  // namespace fl::kernel
