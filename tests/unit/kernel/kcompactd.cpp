// kcompactd0's thread: who wakes it, and that it makes the block. What compaction moves is mm's part.
#include "kernel/kcompactd.hpp"
#include "kernel_support.hpp"
#include "mm/compaction.hpp"
#include "mm/huge_pages.hpp"

#include <sys/mman.h>

namespace fl::kernel {

using test::TestSystem;

namespace {

constexpr std::uint64_t scattered = 0x4000'0000, place = 0x8000'0000;

// Memory in which every second page is free, and no block of 2 MiB.
class Scattered {
public:
    explicit Scattered(bool is_wanted = true)
        : thread_({options_, in.memory(), in.scheduler(), in.processes(), [this] { ++stops; }}) {
        options_.kcompactd = is_wanted;
        thread_.add_thread(in.system());
        pages_ = (in.memory().buddy().free_page_count() - PageCount(64)).value();
        map(scattered, pages_ * page_size);
        // The page tables first, which nobody moves: together they cost one block.
        for (std::uint64_t i = 0; i < pages_; i += emu::large_page_frames) in.put(scattered + i * page_size, i);
        for (std::uint64_t i = 0; i < pages_; ++i) in.put(scattered + i * page_size, i);
        for (std::uint64_t i = 0; i < pages_; i += 2) {
            REQUIRE(in.call(SYS_madvise, {scattered + i * page_size, page_size, MADV_DONTNEED}) == 0);
        }
        REQUIRE_FALSE(has_block());
        in.processes().start_kernel_threads();
        run();
    }
    Scattered(const Scattered&) = delete;
    Scattered& operator=(const Scattered&) = delete;
    ~Scattered() { in.processes().stop_kernel_threads(); }

    void map(std::uint64_t address, std::uint64_t bytes) {
        constexpr std::uint64_t prot = mm::prot_read | mm::prot_write;
        constexpr std::uint64_t flags = mm::map_private | mm::map_anonymous | mm::map_fixed;
        REQUIRE(in.call(SYS_mmap, {address, bytes, prot, flags, static_cast<std::uint64_t>(-1), 0}) ==
                static_cast<std::int64_t>(address));
    }
    mm::Compaction& compaction() { return in.memory().compaction(); }
    // Those that are left hold what they held.
    bool intact() {
        for (std::uint64_t i = 1; i < pages_; i += 2) {
            if (in.get<std::uint64_t>(scattered + i * page_size) != i) return false;
        }
        return true;
    }
    bool has_block() { return in.memory().buddy().has_block(mm::huge_page_order); }
    void run() { in.call(SYS_sched_yield); }

    TestSystem in{PageCount(4096)};
    unsigned stops = 0;  // of the program that runs

private:
    MachineOptions options_;
    std::uint64_t pages_ = 0;
    Kcompactd thread_;
};

}  // namespace

TEST_CASE("kcompactd: nobody makes blocks unless asked for") {
    Scattered memory(false);
    CHECK(memory.in.processes().task_count() == 1);
    memory.compaction().wake_daemon(mm::huge_page_order);
    memory.run();
    CHECK_FALSE(memory.has_block());
    CHECK(memory.compaction().counters().daemon_wakes == 0);
    CHECK(memory.stops == 0);
}

TEST_CASE("kcompactd: it makes the block that was asked for, and sleeps again") {
    Scattered memory;
    CHECK(memory.in.processes().task_count() == 3);
    memory.run();
    CHECK_FALSE(memory.has_block());
    memory.compaction().wake_daemon(mm::huge_page_order);
    // The program stops for it; whoever asked does not wait.
    CHECK(memory.stops == 1);
    CHECK_FALSE(memory.has_block());
    memory.run();
    CHECK(memory.has_block());
    const mm::CompactionCounters counters = memory.compaction().counters();
    CHECK(counters.daemon_wakes == 1);
    CHECK(counters.daemon_migrate_scanned > 0);
    CHECK(counters.migrated > 0);
    CHECK(counters.stalls == 0);
    CHECK(memory.intact());
    memory.run();
    CHECK(memory.compaction().counters().daemon_wakes == 1);
    // There is one.
    memory.compaction().wake_daemon(mm::huge_page_order);
    CHECK(memory.stops == 1);
}

TEST_CASE("kcompactd: a page fault that defers has its block the next time") {
    Scattered memory;
    mm::HugePages& huge_pages = memory.in.memory().huge_pages();
    huge_pages.mode = mm::ThpMode::always;
    huge_pages.defrag = mm::ThpDefrag::defer;
    memory.map(place, 2 * mm::huge_page_bytes);
    const auto is_large = [&](std::uint64_t index) {
        const VirtAddr address(place + index * mm::huge_page_bytes);
        memory.in.put(address.value(), index);
        const emu::Pte* entry = memory.in.task().mm->page_table().find(address);
        return entry != nullptr && entry->is_large();
    };
    CHECK_FALSE(is_large(0));
    CHECK(memory.stops == 1);
    memory.run();
    CHECK(is_large(1));
    CHECK(memory.compaction().counters().daemon_wakes == 1);
}

TEST_CASE("kcompactd: once it has ended nobody calls it") {
    Scattered memory;
    memory.in.processes().stop_kernel_threads();
    memory.compaction().wake_daemon(mm::huge_page_order);
    CHECK(memory.stops == 0);
    CHECK(memory.in.processes().task_count() == 1);
}

}  // namespace fl::kernel
