// What shows the kernel's own objects: meminfo, vmstat, slabinfo, kpageflags, and inspect's views.
#include "kernel/inspect.hpp"
#include "kernel/proc_frames.hpp"
#include "kernel/proc_meminfo.hpp"
#include "kernel/proc_slabinfo.hpp"
#include "mm/kernel_layout.hpp"
#include "tests/unit/mm/machine.hpp"

#include <fmt/format.h>

#include <cstring>
#include <fstream>
#include <sstream>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string line_of(const std::string& text, const std::string& label) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with(label)) return line;
    }
    return "";
}

struct Example {
    Machine machine{256, {}, SlabChecks::off};
    SlabObject task = std::move(*new_kernel_object(machine.memory, KernelObject::task_struct));
    SlabObject dentry = std::move(*new_kernel_object(machine.memory, KernelObject::dentry));
    VirtAddr block = *machine.slab->kmalloc(3 * page_size);

    ~Example() { machine.slab->kfree(block); }
    kernel::Inspection standing() {
        kernel::Inspection inspection{
            .memory = machine.memory, .faults = machine.handler, .files = machine.files.files()};
        inspection.processes.push_back({7, "example", machine.mm.get()});
        inspection.current_pid = 7;
        return inspection;
    }
    std::uint64_t flags(VirtAddr at) const {
        const MmStruct* const spaces[] = {machine.mm.get()};
        std::array<std::byte, 8> bytes{};
        REQUIRE(kernel::read_kpageflags(machine.memory, spaces, physical_address(at).pfn().value() * 8, bytes) == 8);
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data(), sizeof word);
        return word;
    }
};

}  // namespace

TEST_CASE("meminfo and vmstat: slabs") {
    Example example;
    const MmStruct* const spaces[] = {example.machine.mm.get()};
    const kernel::MemoryCensus census = kernel::take_census(example.machine.memory, spaces);
    // An mm_struct, a task of two frames and a block of four; a dentry.
    CHECK(census.slab_unreclaimable == PageCount(1 + 2 + 4));
    CHECK(census.slab_reclaimable == PageCount(1));
    const std::string meminfo = kernel::proc_meminfo(census);
    CHECK(line_of(meminfo, "Slab:") == "Slab:                 32 kB");
    CHECK(line_of(meminfo, "SReclaimable:") == "SReclaimable:          4 kB");
    CHECK(line_of(meminfo, "SUnreclaim:") == "SUnreclaim:           28 kB");
    CHECK(line_of(meminfo, "KReclaimable:") == "KReclaimable:          4 kB");
    const std::string vmstat = kernel::proc_vmstat(census, {}, example.machine.memory);
    CHECK(line_of(vmstat, "nr_slab_unreclaimable") == "nr_slab_unreclaimable 7");
    CHECK(line_of(vmstat, "nr_slab_reclaimable") == "nr_slab_reclaimable 1");
}

TEST_CASE("slabinfo: a line for each cache, in Linux's columns") {
    Example example;
    const std::string text = kernel::proc_slabinfo(example.machine.memory);
    CHECK(text.starts_with("slabinfo - version: 2.1\n# name            <active_objs> "));
    CHECK(line_of(text, "task_struct ") ==
          "task_struct            1      1   4288    1    2 : tunables    0    0    0 : slabdata      1      1      0");
    CHECK(line_of(text, "kmalloc-8 ") ==
          "kmalloc-8              0      0      8  512    1 : tunables    0    0    0 : slabdata      0      0      0");
    // The first two lines, as the host's kernel prints them, where it lets us look.
    std::ifstream host("/proc/slabinfo");
    std::string version, columns;
    if (std::getline(host, version) && std::getline(host, columns)) {
        CHECK(text.starts_with(version + "\n" + columns + "\n"));
    }
    const Machine plain;
    CHECK(contains(kernel::proc_slabinfo(plain.memory), "<sharedavail>\n"));
}

TEST_CASE("kpageflags: a slab's frames are SLAB, others of the kernel's nothing") {
    Example example;
    CHECK(example.flags(example.task.address()) == kernel::kpf_slab);
    CHECK(example.flags(example.dentry.address()) == kernel::kpf_slab);
    CHECK(example.flags(example.block) == 0);
}

TEST_CASE("inspect: the slab view, whose frames are whose, and what a physical address is part of") {
    Example example;
    const std::string slab = kernel::show_slab(example.machine.memory);
    CHECK(slab.starts_with("slab: 8 frames, 1 reclaimable, 4 objects\n"));
    const std::string first = fmt::format("{:#x}", example.task.address().value());
    CHECK(contains(slab, fmt::format("  {:<17} {:>6} {:>6} {:>6} {:>5} {:>8} {:>6}  {}, 1 of 1 used\n", "task_struct",
                                     4288, 1, 1, 1, 0, 2, first)));
    CHECK_FALSE(contains(slab, "sighand_cache"));
    CHECK(contains(slab, "; 1 block of kmalloc's beyond 8192 bytes\n"));
    const std::string frames = kernel::show_frames(example.standing());
    CHECK(contains(frames, fmt::format("  {:<10} {:18}task_struct\n", "slab", "")));
    CHECK(contains(frames, fmt::format("  {:<10} {:18}kmalloc, a block\n", "slab", "")));
    const PhysAddr inside = physical_address(example.task.address() + 100);
    CHECK(contains(kernel::show_physical(example.standing(), inside),
                   ", slab, of task_struct, object " + first + " in use\n"));
    const PhysAddr behind = physical_address(example.task.address() + 4288);
    CHECK(contains(kernel::show_physical(example.standing(), behind), ", of task_struct, behind its last object\n"));
    CHECK(contains(kernel::show_physical(example.standing(), physical_address(example.block)),
                   ", slab, a block of 4 frames of kmalloc's\n"));
    const Machine plain;
    CHECK(kernel::show_slab(plain.memory) == "slab: none\n");
}
