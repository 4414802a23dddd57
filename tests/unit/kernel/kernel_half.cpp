// What /proc and inspect say of the kernel half.
#include "kernel/inspect.hpp"
#include "kernel/proc_frames.hpp"
#include "kernel/proc_meminfo.hpp"
#include "mm/kernel_stack.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

#include <fmt/format.h>

#include <cstring>
#include <regex>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;

namespace {

std::string line_of(const std::string& text, const std::string& label) {
    const std::size_t at = text.find(label);
    REQUIRE(at != std::string::npos);
    return text.substr(at, text.find('\n', at) - at);
}

std::string meminfo(const KernelMachine& machine) {
    return kernel::proc_meminfo(kernel::take_census(machine.memory, {}));
}

struct Standing {
    explicit Standing(KernelMachine& from) : machine(from), handler(from.memory), mm(from.make_mm()) {}
    kernel::Inspection inspection() const {
        return {.memory = machine.memory,
                .faults = handler,
                .processes = {{7, "example", mm.get()}},
                .current_pid = 7,
                .files = {}};
    }
    KernelMachine& machine;
    FaultHandler handler;
    std::unique_ptr<MmStruct> mm;
};

}  // namespace

TEST_CASE("meminfo: RAM less what boot took, the direct map, and what vmalloc has") {
    KernelMachine machine(2048);
    // 8 tables, 32 frames of struct pages, and frame 0.
    CHECK(line_of(meminfo(machine), "MemTotal:") == "MemTotal:           8028 kB");
    CHECK(line_of(meminfo(machine), "DirectMap4k:") == "DirectMap4k:        2048 kB");
    CHECK(line_of(meminfo(machine), "DirectMap2M:") == "DirectMap2M:        6144 kB");
    CHECK(line_of(meminfo(machine), "VmallocUsed:") == "VmallocUsed:           0 kB");
    CHECK(line_of(meminfo(machine), "PageTables:") == "PageTables:            0 kB");
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 5 * page_size}).value();
    CHECK(line_of(meminfo(machine), "VmallocUsed:") == "VmallocUsed:          20 kB");
    CHECK(line_of(meminfo(machine), "VmallocChunk:") == "VmallocChunk:          0 kB");
    // A pmd and a pte table, which stay.
    CHECK(line_of(meminfo(machine), "PageTables:") == "PageTables:            8 kB");
    machine.vmalloc().free(area);
    CHECK(line_of(meminfo(machine), "VmallocUsed:") == "VmallocUsed:           0 kB");
    CHECK(line_of(meminfo(machine), "PageTables:") == "PageTables:            8 kB");
}

TEST_CASE("kernel stacks: areas of vmalloc's, counted as stacks and as what vmalloc has") {
    KernelMachine machine(2048);
    const KernelStack first = std::move(*KernelStack::create(machine.memory));
    const KernelStack second = std::move(*KernelStack::create(machine.memory));
    CHECK(kernel::proc_vmallocinfo(machine.memory) ==
          "0xffffc90000000000-0xffffc90000005000   20480 kernel_clone pages=4 vmalloc N0=4\n"
          "0xffffc90000008000-0xffffc9000000d000   20480 kernel_clone pages=4 vmalloc N0=4\n");
    CHECK(line_of(meminfo(machine), "KernelStack:") == "KernelStack:          32 kB");
    CHECK(line_of(meminfo(machine), "VmallocUsed:") == "VmallocUsed:          32 kB");
    const kernel::MemoryCensus census = kernel::take_census(machine.memory, {});
    CHECK(line_of(kernel::proc_vmstat(census, {}, machine.memory), "nr_kernel_stack") == "nr_kernel_stack 32");
    const Standing standing(machine);
    const std::string frames = kernel::show_frames(standing.inspection());
    CAPTURE(frames);
    CHECK(std::regex_search(frames, std::regex(" 4  stack +kernel_clone, 0xffffc90000008000-0xffffc9000000d000\n")));
}

TEST_CASE("vmallocinfo: Linux's lines") {
    KernelMachine machine;
    CHECK(kernel::proc_vmallocinfo(machine.memory).empty());
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 16384, .caller = "n_tty_open"}));
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 1, .caller = "swapon"}));
    CHECK(kernel::proc_vmallocinfo(machine.memory) ==
          "0xffffc90000000000-0xffffc90000005000   20480 n_tty_open pages=4 vmalloc N0=4\n"
          "0xffffc90000005000-0xffffc90000007000    8192 swapon pages=1 vmalloc N0=1\n");
    Machine without;
    CHECK(kernel::proc_vmallocinfo(without.memory).empty());
}

TEST_CASE("kpageflags: what boot took is reserved, page tables are told") {
    KernelMachine machine;
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 1}));
    std::vector<std::uint64_t> flags(64);
    REQUIRE(kernel::read_kpageflags(machine.memory, {}, 0, std::as_writable_bytes(std::span(flags))));
    constexpr std::uint64_t reserved = std::uint64_t{1} << 32, page_table = std::uint64_t{1} << 26;
    CHECK(flags[63] == reserved);
    CHECK(flags[55] == page_table);
    CHECK(flags[62] == page_table);
    const Pfn pfn = machine.space.translate(vmalloc_start).value().pfn();
    CHECK(flags[pfn.value()] == 0);
}

TEST_CASE("inspect: the kernel half") {
    KernelMachine machine(2048);
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 8192, .caller = "somebody"}));
    const std::string text = kernel::show_kernel_space(machine.memory);
    CAPTURE(text);
    CHECK(text.starts_with("kernel: 10 page tables, 2 since boot; the root is frame 0x7d8\n"));
    CHECK(text.find("0xffff888000000000-0xffff888000800000      8M  direct map") != std::string::npos);
    CHECK(text.find("       512 of 4K  P W A D G NX\n") != std::string::npos);
    CHECK(text.find("         3 of 2M  P W A D PAT G NX\n") == std::string::npos);
    CHECK(text.find("         3 of 2M  P W A D PS G NX\n") != std::string::npos);
    CHECK(text.find("[273]") != std::string::npos);
    CHECK(text.find("[402]") != std::string::npos);
    CHECK(text.find("[468]") != std::string::npos);
    CHECK(text.ends_with(kernel::proc_vmallocinfo(machine.memory)));
    Machine without;
    CHECK(kernel::show_kernel_space(without.memory) == "kernel: no kernel half\n");
}

TEST_CASE("inspect: walks into the kernel half end where its pages are") {
    KernelMachine machine(2048);
    const Standing standing(machine);
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 8192, .caller = "somebody"}).value();
    const kernel::Inspection now = standing.inspection();
    const auto walk = [&](VirtAddr at) { return kernel::show_walk(now, now.processes[0], at); };

    const std::string large = walk(direct_map_address(PhysAddr(0x345678)));
    CAPTURE(large);
    CHECK(large.find("  pmd  ") != std::string::npos);
    CHECK(large.find("  pte  ") == std::string::npos);
    CHECK(large.find("-> frame 0x200\n") != std::string::npos);
    CHECK(large.find("physical: 0x345678, ") != std::string::npos);
    CHECK(large.find("mapping: 0xffff888000000000-0xffff888000800000 direct map\n") != std::string::npos);
    CHECK(large.find("any access by the program is SIGSEGV") != std::string::npos);

    const PhysAddr second = machine.space.translate(area + page_size).value();
    const std::string small = walk(area + page_size + 4);
    CAPTURE(small);
    CHECK(small.find(fmt::format("physical: {:#x}, vmalloc", second.value() + 4)) != std::string::npos);
    CHECK(small.find("vmalloc, somebody\n") != std::string::npos);
    CHECK(walk(area + 2 * page_size).find("physical: none: no page") != std::string::npos);
    CHECK(walk(vmemmap_base + 64 * 9).find("memory map, struct page of frame 0x9\n") != std::string::npos);
    CHECK(walk(VirtAddr(0xffff'8000'0000'0000)).find("mapping: none\n") != std::string::npos);

    const std::string physical = kernel::show_physical(now, second + 4);
    CAPTURE(physical);
    CHECK(physical.find(fmt::format("{:#x}  direct map\n", direct_map_address(second + 4).value())) !=
          std::string::npos);
    CHECK(physical.find(fmt::format("{:#x}  vmalloc, somebody\n", (area + page_size + 4).value())) !=
          std::string::npos);
    const std::string frames = kernel::show_frames(now);
    CAPTURE(frames);
    CHECK(frames.find("pgd of the kernel, ") != std::string::npos);
    CHECK(frames.find("  memory map") != std::string::npos);
    CHECK(std::regex_search(frames, std::regex("vmalloc +somebody, 0xffffc90000000000-0xffffc90000003000\n")));
}
