#include "kernel/proc_fragmentation.hpp"

#include "kernel/proc_meminfo.hpp"
#include "kernel_support.hpp"
#include "tests/unit/mm/machine.hpp"

#include <fcntl.h>

using namespace fl;
using namespace fl::mm::test;
using fl::test::minus;
using fl::test::TestSystem;

namespace {

constexpr std::uint64_t path_at = TestSystem::data;
constexpr std::uint64_t buffer_at = TestSystem::data + page_size;

std::int64_t open_file(TestSystem& system, const std::string& path, int flags) {
    system.put_text(path_at, path);
    return system.call(SYS_openat, {test::negative(AT_FDCWD), path_at, static_cast<std::uint64_t>(flags)});
}

std::string text_of(TestSystem& system, const std::string& path) {
    const std::int64_t file = open_file(system, path, O_RDONLY);
    REQUIRE(file >= 0);
    const std::int64_t size = system.call(SYS_read, {static_cast<std::uint64_t>(file), buffer_at, 2 * page_size});
    REQUIRE(size >= 0);
    REQUIRE(system.call(SYS_close, {static_cast<std::uint64_t>(file)}) == 0);
    return system.get_text(buffer_at, static_cast<std::size_t>(size));
}

std::int64_t write_text(TestSystem& system, const std::string& path, const std::string& text) {
    const std::int64_t file = open_file(system, path, O_WRONLY);
    REQUIRE(file >= 0);
    system.put_text(buffer_at, text);
    const std::int64_t done =
        system.call(SYS_write, {static_cast<std::uint64_t>(file), buffer_at, static_cast<std::uint64_t>(text.size())});
    REQUIRE(system.call(SYS_close, {static_cast<std::uint64_t>(file)}) == 0);
    return done;
}

// Of /proc/vmstat.
std::uint64_t count_of(TestSystem& system, const std::string& name) {
    const std::string text = "\n" + text_of(system, "/proc/vmstat");
    const std::size_t at = text.find("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + name.size() + 2));
}

}  // namespace

TEST_CASE("pagetypeinfo: pageblocks by what lies in them, and free blocks by their pageblocks") {
    Machine machine(1100);
    // Frames 0, 1 and 2 are the kernel's; from 512 on all is free.
    CHECK(
        kernel::proc_pagetypeinfo(machine.memory) ==
        "Page block order: 9\n"
        "Pages per block:  512\n"
        "\n"
        "Free pages count per migrate type at order       0      1      2      3      4      5      6      7      8   "
        "   9     10 \n"
        "Node    0, zone   Normal, type    Unmovable      1      0      1      1      1      1      1      1      1   "
        "   0      0 \n"
        "Node    0, zone   Normal, type      Movable      0      0      1      1      0      0      1      0      0   "
        "   1      0 \n"
        "Node    0, zone   Normal, type  Reclaimable      0      0      0      0      0      0      0      0      0   "
        "   0      0 \n"
        "Node    0, zone   Normal, type   HighAtomic      0      0      0      0      0      0      0      0      0   "
        "   0      0 \n"
        "Node    0, zone   Normal, type      Isolate      0      0      0      0      0      0      0      0      0   "
        "   0      0 \n"
        "\n"
        "Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      Isolate \n"
        "Node 0, zone   Normal            1            2            0            0            0 \n");
    // A program's page makes no pageblock unmovable, a page of the kernel's does.
    REQUIRE(machine.map(page(0), 1));
    machine.memory.buddy().take(Pfn(600));
    machine.memory.frames().mark_used(Pfn(600), mm::FrameState::reserved);
    const std::string text = kernel::proc_pagetypeinfo(machine.memory);
    CHECK(text.ends_with("Node 0, zone   Normal            2            1            0            0            0 \n"));
    machine.memory.release(Pfn(600));
}

TEST_CASE(
    "pagetypeinfo: a pageblock with slabs that can be given up is reclaimable, until a page of another kind joins") {
    Machine machine(1100, {}, mm::SlabChecks::off);
    // Frames are handed out from below: those of the first pageblock are used up, so that what comes lies in the
    // second.
    std::vector<Pfn> first;
    while (first.empty() || first.back() < Pfn(511)) {
        first.push_back(machine.memory.allocate(mm::FrameState::reserved, mm::Fill::caller).value());
        if (first.back() >= Pfn(512)) {
            machine.memory.release(first.back());
            first.pop_back();
            break;
        }
    }
    const auto counts = [&] {
        const std::string text = kernel::proc_pagetypeinfo(machine.memory);
        return text.substr(text.rfind("Normal ") + 7);
    };
    CHECK(counts() == "           1            2            0            0            0 \n");
    {
        const auto dentry = mm::new_kernel_object(machine.memory, mm::KernelObject::dentry);
        REQUIRE(dentry.has_value());
        CHECK(counts() == "           1            1            1            0            0 \n");
        const std::string text = kernel::proc_pagetypeinfo(machine.memory);
        CHECK(text.find("type  Reclaimable      0      0      0      0      0      0      0      0      0      0") ==
              std::string::npos);
        const auto pid = mm::new_kernel_object(machine.memory, mm::KernelObject::pid);
        REQUIRE(pid.has_value());
        CHECK(counts() == "           2            1            0            0            0 \n");
    }
    for (const Pfn pfn : first) machine.memory.release(pfn);
}

TEST_CASE("extfrag: each order's index as Linux prints it") {
    Machine machine(16);
    // 3, 4-7 and 8-15 are free: 13 frames.
    CHECK(kernel::unusable_index(machine.memory) ==
          "Node 0, zone   Normal 0.000 0.076 0.076 0.384 1.000 1.000 1.000 1.000 1.000 1.000 1.000 \n");
    CHECK(kernel::extfrag_index(machine.memory) ==
          "Node 0, zone   Normal -1.000 -1.000 -1.000 -1.000  0.396  0.532  0.599  0.633  0.650  0.659  0.663 \n");
    // One block that is nearly large enough: the index is below 0.
    std::vector<Pfn> taken;
    while (machine.free_frames() > PageCount(8)) {
        taken.push_back(machine.memory.allocate(mm::FrameState::reserved, mm::Fill::caller).value());
    }
    CHECK(kernel::extfrag_index(machine.memory) ==
          "Node 0, zone   Normal -1.000 -1.000 -1.000 -1.000  0.-500  0.-250  0.-125  0.-62  0.-31  0.-15  0.-07 \n");
    for (const Pfn pfn : taken) machine.memory.release(pfn);
}

TEST_CASE("/proc and /sys: the files of fragmentation and compaction") {
    TestSystem system;
    CHECK(text_of(system, "/proc/pagetypeinfo").starts_with("Page block order: 9\nPages per block:  512\n\nFree "));
    CHECK(text_of(system, "/sys/kernel/debug/extfrag/extfrag_index").starts_with("Node 0, zone   Normal -1.000 "));
    CHECK(text_of(system, "/sys/kernel/debug/extfrag/unusable_index").starts_with("Node 0, zone   Normal 0.000 "));
    CHECK(text_of(system, "/proc/sys/vm/extfrag_threshold") == "500\n");
    CHECK(text_of(system, "/proc/sys/vm/compact_unevictable_allowed") == "1\n");
    CHECK(text_of(system, "/proc/sys/vm/compaction_proactiveness") == "0\n");
}

TEST_CASE("/proc/sys/vm/compact_memory: 1 moves every page that can move, and nothing else is taken") {
    TestSystem system;
    for (std::uint64_t i = 2; i < 8; ++i) system.put<std::uint64_t>(TestSystem::data + i * page_size, i);
    for (const char* wrong : {"0\n", "2", "-1", "1x", "one", " "}) {
        CAPTURE(wrong);
        CHECK(write_text(system, "/proc/sys/vm/compact_memory", wrong) == minus(Errno::einval));
    }
    CHECK(count_of(system, "pgmigrate_success") == 0);
    CHECK(count_of(system, "compact_migrate_scanned") == 0);
    CHECK(write_text(system, "/proc/sys/vm/compact_memory", " 1\n") == 3);
    CHECK(count_of(system, "pgmigrate_success") > 0);
    CHECK(count_of(system, "compact_migrate_scanned") > 0);
    CHECK(count_of(system, "compact_free_scanned") > 0);
    CHECK(count_of(system, "compact_isolated") == 2 * count_of(system, "pgmigrate_success"));
    CHECK(count_of(system, "pgmigrate_fail") == 0);
    CHECK(count_of(system, "compact_stall") == 0);
    for (std::uint64_t i = 2; i < 8; ++i) CHECK(system.get<std::uint64_t>(TestSystem::data + i * page_size) == i);
    // Not even root reads it.
    CHECK(open_file(system, "/proc/sys/vm/compact_memory", O_RDONLY) == minus(Errno::eacces));
}

TEST_CASE("vmstat: a block that pages had to move for") {
    TestSystem system;
    const auto fill = [&](std::uint64_t first) {
        for (std::uint64_t i = first; i < 8; ++i) system.put<std::uint64_t>(TestSystem::data + i * page_size, i);
    };
    fill(2);
    // All the rest is the kernel's, every other frame of it free.
    mm::PhysicalMemory& memory = system.memory();
    std::vector<Pfn> taken;
    while (memory.buddy().free_page_count() > PageCount(0)) {
        taken.push_back(memory.allocate(mm::FrameState::reserved, mm::Fill::caller).value());
    }
    for (const Pfn pfn : taken) {
        if (pfn.value() % 4 == 0) memory.release(pfn);
    }
    const auto block = memory.allocate_block(1, mm::FrameState::reserved, mm::Fill::caller);
    REQUIRE(block.has_value());
    CHECK(count_of(system, "compact_stall") == 1);
    CHECK(count_of(system, "compact_success") == 1);
    CHECK(count_of(system, "compact_fail") == 0);
    CHECK(outcome(memory.allocate_block(4, mm::FrameState::reserved, mm::Fill::caller)) == "ENOMEM");
    memory.release_block(*block, 1);
    for (const Pfn pfn : taken) {
        if (pfn.value() % 4 != 0) memory.release(pfn);
    }
}
