// khugepaged's thread: when it looks, how far, and what it waits for. What it finds worth gathering is mm's part.
#include "kernel/khugepaged.hpp"
#include "kernel_support.hpp"
#include "mm/huge_pages.hpp"

#include <sys/mman.h>

namespace fl::kernel {

using test::TestSystem;

namespace {

constexpr std::uint64_t ms = 1'000'000, places = 0x4000'0000;

class Gathering {
public:
    explicit Gathering(bool is_wanted = true)
        : thread_({options_, in.memory(), in.clock(), in.scheduler(), in.processes()}) {
        options_.khugepaged = is_wanted;
        in.memory().huge_pages().mode = mm::ThpMode::always;
        settings().defrag = false;
        thread_.add_thread(in.system());
    }
    Gathering(const Gathering&) = delete;
    Gathering& operator=(const Gathering&) = delete;
    ~Gathering() { in.processes().stop_kernel_threads(); }

    mm::Khugepaged& settings() { return in.memory().huge_pages().khugepaged; }
    // The places from `first` on come in 4 KiB, all of each.
    void fill(System& system, std::uint64_t first, std::uint64_t count) {
        mm::HugePages& huge_pages = in.memory().huge_pages();
        const mm::ThpMode before = std::exchange(huge_pages.mode, mm::ThpMode::never);
        mm::MapRequest request;
        request.hint = place(first);
        request.length_bytes = count * mm::huge_page_bytes;
        request.prot = mm::prot_read | mm::prot_write;
        request.flags = mm::map_private | mm::map_anonymous | mm::map_fixed;
        REQUIRE(system.task.mm->map(request).has_value());
        for (std::uint64_t offset = 0; offset < request.length_bytes; offset += page_size) {
            REQUIRE(system.task.user_memory->write(place(first) + offset, offset).has_value());
        }
        huge_pages.mode = before;
    }
    void fill(std::uint64_t first, std::uint64_t count) { fill(in.system(), first, count); }
    // Of the places from 0 on, which are large: "01" is the second of two.
    static std::string large(const Task& task, std::uint64_t count) {
        std::string text;
        for (std::uint64_t i = 0; i < count; ++i) {
            const emu::Pte* entry = task.mm->page_table().find(place(i));
            text += entry != nullptr && entry->is_large() ? '1' : '0';
        }
        return text;
    }
    std::string large(std::uint64_t count) { return large(in.task(), count); }

    // Everybody who is ready runs, the test last.
    void start() {
        in.processes().start_kernel_threads();
        run();
    }
    // And so does a program.
    void run() {
        yield();
        thread_.note_program_ran();
        yield();
    }
    void yield() {
        do in.call(SYS_sched_yield);
        while (in.scheduler().queued_count() > 0);
    }
    // Time goes by, with a program that runs and without.
    void pass(std::uint64_t ns) {
        pass_alone(ns);
        run();
    }
    void pass_alone(std::uint64_t ns) {
        (void)in.clock().sleep_ns(ns);
        in.scheduler().tick();
        yield();
    }
    // Who waits for a point of time.
    std::size_t timers() { return in.scheduler().timer_count(); }

    TestSystem in{PageCount(8192)};

private:
    static VirtAddr place(std::uint64_t index) { return VirtAddr(places) + index * mm::huge_page_bytes; }

    MachineOptions options_;
    Khugepaged thread_;
};

}  // namespace

TEST_CASE("khugepaged: the thread is there where it was asked for") {
    Gathering without(false);
    CHECK(without.in.processes().task_count() == 1);
    CHECK_FALSE(without.settings().changed);
    without.fill(0, 1);
    without.start();
    without.pass(60'000 * ms);
    CHECK(without.large(1) == "0");

    Gathering with;
    CHECK(with.in.processes().task_count() == 3);  // kthreadd as well
    CHECK(with.settings().changed);
    with.start();
    with.in.processes().stop_kernel_threads();
    CHECK(with.in.processes().task_count() == 1);
    CHECK_FALSE(with.settings().changed);
}

TEST_CASE("khugepaged: it looks at once, and then every scan_sleep_millisecs") {
    Gathering gathering;
    gathering.fill(0, 1);
    gathering.start();
    CHECK(gathering.large(1) == "1");
    CHECK(gathering.settings().pages_collapsed == 1);
    CHECK(gathering.settings().full_scans == 1);

    gathering.fill(1, 1);
    gathering.pass(9'999 * ms);
    CHECK(gathering.large(2) == "10");
    gathering.pass(1 * ms);
    CHECK(gathering.large(2) == "11");
    CHECK(gathering.settings().pages_collapsed == 2);
    CHECK(gathering.settings().full_scans == 2);
    CHECK(gathering.in.get<std::uint64_t>(places + mm::huge_page_bytes + 7 * page_size) == 7 * page_size);

    // Who sets its times does not wait for the old ones.
    gathering.fill(2, 1);
    gathering.settings().scan_sleep_millisecs = 100;
    gathering.settings().changed();
    gathering.run();
    CHECK(gathering.large(3) == "111");
    gathering.fill(3, 1);
    gathering.pass(99 * ms);
    CHECK(gathering.large(4) == "1110");
    gathering.pass(1 * ms);
    CHECK(gathering.large(4) == "1111");
}

TEST_CASE("khugepaged: a pass goes over pages_to_scan pages, and the next goes on there") {
    Gathering gathering;
    gathering.settings().pages_to_scan = 1024;
    gathering.fill(0, 5);
    gathering.start();
    CHECK(gathering.large(5) == "11000");
    CHECK(gathering.settings().full_scans == 0);
    gathering.pass(10'000 * ms);
    CHECK(gathering.large(5) == "11110");
    // What has become 4 KiB again behind it.
    REQUIRE(gathering.in.call(SYS_madvise, {places, page_size, MADV_DONTNEED}) == 0);
    CHECK(gathering.large(5) == "01110");
    // The last place is half a pass; the next round has the other half.
    gathering.pass(10'000 * ms);
    CHECK(gathering.large(5) == "11111");
    CHECK(gathering.settings().full_scans == 1);
    CHECK(gathering.settings().pages_collapsed == 6);
}

TEST_CASE("khugepaged: address spaces come in the order in which they were made") {
    Gathering gathering;
    gathering.settings().pages_to_scan = 512;
    Task* child = nullptr;
    gathering.in.task_work = [&](System& own) {
        child = &own.task;
        gathering.fill(own, 0, 2);
        while (!own.task.exit) (void)own.scheduler.wait(own.task, WaitRequest{});
    };
    REQUIRE(gathering.in.call(SYS_fork) > 0);
    gathering.run();
    REQUIRE(child != nullptr);
    gathering.fill(0, 2);
    const auto both = [&] { return gathering.large(2) + ' ' + Gathering::large(*child, 2); };
    const auto end_child = [&] {
        child->exit_with(0);
        gathering.in.scheduler().wake(*child, WakeReason::event);
    };
    gathering.start();
    CHECK(both() == "10 00");
    gathering.pass(10'000 * ms);
    CHECK(both() == "11 00");
    gathering.pass(10'000 * ms);
    CHECK(both() == "11 10");
    CHECK(gathering.settings().full_scans == 0);
    SUBCASE("to the last") {
        gathering.pass(10'000 * ms);
        CHECK(both() == "11 11");
        end_child();
    }
    SUBCASE("one that ends where it stands holds nobody up") {
        end_child();
        gathering.run();
        gathering.fill(2, 1);
        for (int place = 0; place < 3; ++place) gathering.pass(10'000 * ms);
        CHECK(gathering.large(3) == "111");
        CHECK(gathering.settings().full_scans >= 1);
    }
}

TEST_CASE("khugepaged: where there are to be no large pages it waits until there are") {
    Gathering gathering;
    gathering.in.memory().huge_pages().mode = mm::ThpMode::never;
    gathering.fill(0, 1);
    gathering.start();
    CHECK(gathering.timers() == 0);
    gathering.pass(60'000 * ms);
    CHECK(gathering.large(1) == "0");
    CHECK(gathering.settings().full_scans == 0);
    gathering.in.memory().huge_pages().mode = mm::ThpMode::always;
    gathering.settings().changed();
    gathering.run();
    CHECK(gathering.large(1) == "1");
    CHECK(gathering.timers() == 1);
}

TEST_CASE("khugepaged: time does not run for it alone") {
    Gathering gathering;
    gathering.start();
    CHECK(gathering.timers() == 1);
    gathering.pass_alone(10'000 * ms);
    // It has looked, and no program since.
    gathering.pass_alone(10'000 * ms);
    CHECK(gathering.timers() == 0);
    gathering.fill(0, 1);
    gathering.run();
    CHECK(gathering.timers() == 1);
    CHECK(gathering.large(1) == "0");
    gathering.pass(10'000 * ms);
    CHECK(gathering.large(1) == "1");
}

TEST_CASE("khugepaged: where no block is free it waits for one, once in a pass") {
    Gathering gathering;
    gathering.fill(0, 2);
    std::vector<Pfn> taken;
    mm::BuddyAllocator& buddy = gathering.in.memory().buddy();
    while (const auto block = buddy.allocate(mm::huge_page_order)) taken.push_back(*block);
    REQUIRE_FALSE(taken.empty());
    const auto give_one = [&] {
        buddy.free(taken.back(), mm::huge_page_order);
        taken.pop_back();
    };
    gathering.start();
    CHECK(gathering.timers() == 1);
    CHECK(gathering.large(2) == "00");
    SUBCASE("which comes meanwhile") {
        give_one();
        gathering.pass(59'999 * ms);
        CHECK(gathering.large(2) == "00");
        // The first place it has passed by; the second gets it.
        gathering.pass(1 * ms);
        CHECK(gathering.large(2) == "01");
    }
    SUBCASE("which does not come") {
        gathering.pass(60'000 * ms);
        CHECK(gathering.large(2) == "00");
        give_one();
        gathering.pass(9'999 * ms);
        CHECK(gathering.large(2) == "00");
        gathering.pass(1 * ms);
        CHECK(gathering.large(2) == "10");
    }
    for (const Pfn block : taken) buddy.free(block, mm::huge_page_order);
}

}  // namespace fl::kernel
