// mm_users and mm_count through the lives of address spaces, and who borrows them.
#include "kernel/lazy_tlb.hpp"
#include "kernel_support.hpp"

#include <sched.h>

#include <memory>
#include <vector>

namespace fl::kernel {

using test::TestSystem;

namespace {

struct Counts {
    std::uint32_t users, count;
    friend bool operator==(const Counts&, const Counts&) = default;
};
doctest::String toString(const Counts& counts) {
    return doctest::toString(counts.users) + " users, count " + doctest::toString(counts.count);
}
Counts counts_of(const mm::MmStruct& mm) { return {mm.mm_users(), mm.mm_count()}; }

// A kernel thread that looks, whenever it is woken, at the address space whose page tables it runs in.
struct Looker {
    explicit Looker(TestSystem& in)
        : system(in),
          thread(in.processes().add_kernel_thread(in.system(),
                                                  {.name = "looker", .work = [this](System& own) { run(own); }})) {
        system.processes().start_kernel_threads();
    }
    Looker(const Looker&) = delete;
    Looker& operator=(const Looker&) = delete;
    ~Looker() { system.processes().stop_kernel_threads(); }

    void run(System& own) {
        while (!own.task.exit) {
            CHECK(own.task.mm == nullptr);
            borrowed = own.processes.lazy_tlb().active_mm();
            REQUIRE(borrowed != nullptr);
            seen.push_back(counts_of(*borrowed));
            (void)own.scheduler.wait(own.task, WaitRequest{});
        }
    }
    // It is the next to run.
    void wake() { system.scheduler().wake_first(thread.task); }

    TestSystem& system;
    System& thread;
    const mm::MmStruct* borrowed = nullptr;
    std::vector<Counts> seen;
};

}  // namespace

TEST_CASE("a kernel thread counts in mm_count while it borrows, and not in mm_users") {
    TestSystem system;
    const mm::MmStruct& mm = *system.task().mm;
    CHECK(counts_of(mm) == Counts{1, 1});
    Looker looker(system);
    system.call(SYS_sched_yield);
    CHECK(looker.borrowed == &mm);
    CHECK(looker.seen == std::vector<Counts>{{1, 2}});
    CHECK(counts_of(mm) == Counts{1, 1});
    CHECK(system.processes().lazy_tlb().active_mm() == &mm);
}

TEST_CASE("one kernel thread takes the loan over from another") {
    TestSystem system;
    const mm::MmStruct& mm = *system.task().mm;
    Looker first(system);
    std::vector<Counts> seen;
    // kthreadd runs as well, between the two.
    System& second = system.processes().add_kernel_thread(
        system.system(), {.name = "second", .work = [&seen](System& own) {
                              while (!own.task.exit) {
                                  seen.push_back(counts_of(*own.processes.lazy_tlb().active_mm()));
                                  (void)own.scheduler.wait(own.task, WaitRequest{});
                              }
                          }});
    system.scheduler().add(second.task);
    system.call(SYS_sched_yield);
    CHECK(first.seen == std::vector<Counts>{{1, 2}});
    CHECK(seen == std::vector<Counts>{{1, 2}});
    CHECK(counts_of(mm) == Counts{1, 1});
}

TEST_CASE("fork makes an address space of its own; a thread, and a child of vfork, are users of the same") {
    TestSystem system;
    const mm::MmStruct& own_mm = *system.task().mm;
    std::vector<Counts> seen;
    const mm::MmStruct* childs = nullptr;
    system.task_work = [&](System& own) {
        childs = own.task.mm.get();
        seen.push_back(counts_of(*childs));
    };
    SUBCASE("fork") {
        REQUIRE(system.call(SYS_fork) > 0);
        system.call(SYS_sched_yield);
        CHECK(childs != &own_mm);
        CHECK(seen == std::vector<Counts>{{1, 1}});
    }
    SUBCASE("threads") {
        constexpr std::uint64_t of_thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
        REQUIRE(system.call(SYS_clone, {of_thread, TestSystem::data_end, 0, 0, 0}) > 0);
        REQUIRE(system.call(SYS_clone, {of_thread, TestSystem::data_end, 0, 0, 0}) > 0);
        CHECK(counts_of(own_mm) == Counts{3, 1});
        system.call(SYS_sched_yield);
        CHECK(childs == &own_mm);
        // The first that ends hands its loan to the second, which is a user and ends it.
        CHECK(seen == std::vector<Counts>{{3, 1}, {2, 1}});
    }
    SUBCASE("vfork") {
        REQUIRE(system.call(SYS_vfork) > 0);
        CHECK(childs == &own_mm);
        CHECK(seen == std::vector<Counts>{{2, 1}});
    }
    CHECK(counts_of(own_mm) == Counts{1, 1});
}

TEST_CASE("the last user's end under a borrower takes the mappings, and the structure goes with the loan") {
    TestSystem system;
    Looker looker(system);
    system.call(SYS_sched_yield);
    looker.seen.clear();
    std::weak_ptr<mm::MmStruct> childs;
    PageCount mapped_in_child;
    system.task_work = [&](System& own) {
        childs = own.task.mm;
        mapped_in_child = own.task.mm->vm().total;
        looker.wake();
    };
    const PageCount used = system.memory().used_page_count();
    REQUIRE(system.call(SYS_fork) > 0);
    // Between the child's end and the parent's turn: the looker.
    system.call(SYS_sched_yield);
    CHECK(mapped_in_child > PageCount(0));
    CHECK(looker.borrowed != system.task().mm.get());
    CHECK(looker.seen == std::vector<Counts>{{0, 1}});
    // The parent's turn has ended the loan.
    CHECK(childs.expired());
    CHECK(system.memory().used_page_count() == used);
}

TEST_CASE("the idle task keeps the loan of a task that ended, until a program's task runs") {
    TestSystem system;
    LazyTlb lazy;
    auto made = mm::MmStruct::create(system.memory(), system.system().vfs.files(), mm::ResourceLimits{});
    REQUIRE(made.has_value());
    std::weak_ptr<mm::MmStruct> gone;
    {
        Task ending;
        ending.mm = std::move(*made);
        gone = ending.mm;
        lazy.switch_to(ending);
        CHECK(lazy.active_mm() == ending.mm.get());
        CHECK(counts_of(*ending.mm) == Counts{1, 1});
        lazy.exit_mm(ending);
        CHECK(ending.mm == nullptr);
        REQUIRE_FALSE(gone.expired());
        CHECK(counts_of(*gone.lock()) == Counts{0, 1});
        lazy.forget(ending);
    }
    REQUIRE_FALSE(gone.expired());
    CHECK(lazy.active_mm() == gone.lock().get());
    SUBCASE("which gives it back") {
        lazy.switch_to(system.task());
        CHECK(gone.expired());
        CHECK(counts_of(*system.task().mm) == Counts{1, 1});
    }
    SUBCASE("or a kernel thread, which takes it over") {
        Task thread;
        lazy.switch_to(thread);
        CHECK(lazy.active_mm() == gone.lock().get());
        CHECK(counts_of(*gone.lock()) == Counts{0, 1});
        lazy.stop();
        CHECK(gone.expired());
    }
    SUBCASE("or the machine ends") {
        lazy.stop();
        CHECK(gone.expired());
        CHECK(lazy.active_mm() == nullptr);
    }
}

TEST_CASE("a task that does not run gives its address space up without a loan") {
    TestSystem system;
    LazyTlb lazy;
    lazy.switch_to(system.task());
    auto made = mm::MmStruct::create(system.memory(), system.system().vfs.files(), mm::ResourceLimits{});
    REQUIRE(made.has_value());
    Task other;
    other.mm = std::move(*made);
    const std::weak_ptr<mm::MmStruct> gone = other.mm;
    lazy.exit_mm(other);
    CHECK(gone.expired());
    CHECK(lazy.active_mm() == system.task().mm.get());
}

}  // namespace fl::kernel
