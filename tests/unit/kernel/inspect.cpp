#include "kernel/inspect.hpp"

#include "kernel/inspect_data.hpp"
#include "kernel/inspect_text.hpp"
#include "mm/fragmentation.hpp"
#include "mm/page_walk_text.hpp"

#include "tests/unit/kernel/swapping_machine.hpp"
#include "tests/unit/mm/huge_support.hpp"

#include <fmt/format.h>

#include <map>
#include <regex>
#include <sstream>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using kernel::InspectedProcess;
using kernel::Inspection;

namespace {

Lines lines_of(const std::string& text) {
    Lines lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

InspectedProcess process(const Machine& machine) { return {7, "example", machine.mm.get()}; }

Inspection standing(const Machine& machine, std::vector<InspectedProcess> others = {}) {
    others.insert(others.begin(), process(machine));
    return {.memory = machine.memory,
            .faults = machine.handler,
            .processes = std::move(others),
            .current_pid = 7,
            .files = machine.files.files()};
}

// Code from a file, memory that is read, written, protected and hidden, and some of it in swap.
struct Example {
    SwappingMachine machine;

    Example() {
        const auto file = machine->open(numbered_pages(4 * page_size));
        REQUIRE(machine->map(page(0), 4, prot_read | prot_exec, file_private, file));
        machine->fetch(page(0));
        REQUIRE(machine->map(page(600), 12));
        for (std::uint64_t i = 0; i < 6; ++i) machine->write(page(600 + i));
        machine->read(page(607));
        machine->read(page(608));
        REQUIRE(machine->mm->protect(page(602), page_size, prot_read).has_value());
        machine.page_out(page(604), 2);
    }
};

// What the tree's lines say of each page: frame or slot, and letters.
std::map<std::uint64_t, std::string> pages_in(const std::string& tree) {
    static const std::regex run(
        R"(\[ *\d+(?:- *\d+)?\] +0x([0-9a-f]+)-0x([0-9a-f]+) +(\d+)  (\S+) +(frame|slot) (?:0x)?([0-9a-f]+)(?:-(?:0x)?([0-9a-f]+))?.*)");
    std::map<std::uint64_t, std::string> pages;
    for (const std::string& line : lines_of(tree)) {
        std::smatch found;
        const std::size_t start = line.find_first_not_of(' ');
        if (start == std::string::npos) continue;
        const std::string text = line.substr(start);
        if (!std::regex_match(text, found, run)) continue;
        const std::uint64_t first = std::stoull(found[1], nullptr, 16), end = std::stoull(found[2], nullptr, 16);
        const std::uint64_t count = std::stoull(found[3]);
        CHECK(end - first == count * page_size);
        const int base = found[5] == "frame" ? 16 : 10;
        const auto place = static_cast<std::int64_t>(std::stoull(found[6], nullptr, base));
        const auto last = found[7].matched ? static_cast<std::int64_t>(std::stoull(found[7], nullptr, base)) : place;
        const std::int64_t step = last > place ? 1 : last < place ? -1 : 0;
        for (std::uint64_t i = 0; i < count; ++i) {
            const std::int64_t here = place + step * static_cast<std::int64_t>(i);
            pages[first + i * page_size] = fmt::format("{} {} {}", found[4].str(), found[5].str(), here);
            if (i + 1 == count) CHECK(here == last);
        }
    }
    return pages;
}

// The same from the tables themselves.
std::map<std::uint64_t, std::string> pages_of(const MmStruct& mm) {
    std::map<std::uint64_t, std::string> pages;
    mm.page_table().for_each({VirtAddr(0), task_size}, [&](VirtAddr at, const emu::Pte& pte) {
        if (pte.is_resident()) {
            pages[at.value()] = fmt::format("{} frame {}", pte_letters(pte), pte.pfn().value());
        } else if (pte.is_swapped()) {
            pages[at.value()] = fmt::format("{} slot {}", pte_letters(pte), pte.slot().value());
        }
    });
    return pages;
}

}  // namespace

TEST_CASE("page table view: its runs are the entries, neither more nor less") {
    Example example;
    const std::string tree = kernel::show_page_table(process(*example.machine));
    CHECK(pages_in(tree) == pages_of(*example.machine->mm));
    CHECK(pages_in(tree).size() == 12);
}

TEST_CASE("page table view: one line for each table, in the tree's order") {
    Example example;
    const std::string tree = kernel::show_page_table(process(*example.machine));
    std::vector<std::string> expected;
    example.machine->mm->page_table().for_each_table([&](Pfn table, VirtRange range) {
        expected.push_back(fmt::format("frame {:#x}  {}", table.value(), kernel::range_text(range)));
    });
    std::vector<std::string> shown;
    static const std::regex table(R"( *(?:\[ *\d+\] )?p[gum]?[dt]e?  (frame 0x[0-9a-f]+  0x[0-9a-f]+-0x[0-9a-f]+))");
    for (const std::string& line : lines_of(tree)) {
        std::smatch found;
        if (std::regex_match(line, found, table)) shown.push_back(found[1]);
    }
    CHECK(shown == expected);
    CHECK(expected.size() == 5);  // the two ranges lie in different tables of the last level
}

TEST_CASE("page table view: what is alike and in a row is one run, and a mapping's end ends it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 8));
    for (std::uint64_t i = 0; i < 6; ++i) machine.write(page(i));
    std::string tree = kernel::show_page_table(process(machine));
    CHECK(contains(tree, "0x10000000-0x10006000"));
    // The processor sets D with the write: another letter, another run.
    CHECK(contains(tree, "PWUAD-"));
    REQUIRE(machine.mm->protect(page(2), page_size, prot_read).has_value());
    tree = kernel::show_page_table(process(machine));
    CHECK(contains(tree, "0x10000000-0x10002000"));
    CHECK(contains(tree, "0x10002000-0x10003000"));
    CHECK(contains(tree, "0x10003000-0x10006000"));
}

TEST_CASE("page table view: pages that share the page of zeroes are one run of one frame") {
    Machine machine;
    REQUIRE(machine.map(page(0), 4));
    for (std::uint64_t i = 0; i < 4; ++i) machine.read(page(i));
    CHECK(contains(kernel::show_page_table(process(machine)),
                   "0x10000000-0x10004000           4  P-UA--  frame 0x1 (zero page)"));
}

TEST_CASE("maps view: sizes, and what is in memory and in swap") {
    Example example;
    const std::string maps = kernel::show_maps(process(*example.machine));
    const Lines lines = lines_of(maps);
    CHECK(lines.at(0) == "maps: process 7 (example): 4 mappings, 16 pages, 8 in memory, 2 the zero page, 2 in swap");
    REQUIRE(lines.size() == 6);
    CHECK(std::regex_match(lines[2], std::regex(R"( +0x10000000 +0x10004000  r-xp +4 +4 +0 +0x?0  /bin/example)")));
    CHECK(std::regex_match(lines[3], std::regex(R"( +0x10258000 +0x1025a000  rw-p +2 +2 +0 +0x?0  anonymous)")));
    CHECK(std::regex_match(lines[4], std::regex(R"( +0x1025a000 +0x1025b000  r--p +1 +1 +0 +0x?0  anonymous)")));
    CHECK(std::regex_match(lines[5], std::regex(R"( +0x1025b000 +0x10264000  rw-p +9 +1 +2 +0x?0  anonymous)")));
}

TEST_CASE("walk view: where it ends, and what would come of an access") {
    Example example;
    const Inspection machine = standing(*example.machine);
    const auto walk = [&](VirtAddr address) { return kernel::show_walk(machine, process(*example.machine), address); };
    const std::string present = walk(page(600) + 0x123);
    const Pfn pfn = example.machine->pte(page(600)).pfn();
    CHECK(contains(present, fmt::format("  physical: {:#x}, anonymous frame with 1 reference and 1 mapping\n",
                                        pfn.address().value() + 0x123)));
    CHECK(contains(present, "  a read : no fault\n"));
    CHECK(contains(present, "  a write: no fault\n"));
    CHECK(contains(present, "  a fetch: fault segv_accerr: "));
    CHECK(contains(walk(page(602)), "  a write: fault segv_accerr: "));
    const std::string swapped = walk(page(604));
    CHECK(contains(swapped, "  physical: none: the page is in swap, slot "));
    CHECK(contains(swapped, "  a read : fault swap_in: "));
    CHECK(contains(walk(page(609)), "  physical: none: no page: the entry is empty\n"));
    CHECK(contains(walk(page(609)), "  a write: fault demand_zero: "));
    CHECK(contains(walk(page(607)), "  a write: fault zero_upgrade: "));
    CHECK(contains(walk(page(612)), "  mapping: none\n"));
    CHECK(contains(walk(page(612)), "  a read : fault segv_maperr: "));
    CHECK(contains(walk(VirtAddr(0x7000'0000'0000)), "  physical: none: no pud table: none of the 512 GiB "));
    CHECK(contains(walk(VirtAddr(0x8000'0000'0000)), "  not canonical: "));
    CHECK(contains(walk(VirtAddr(0xffff'8000'0000'0000)), "  the kernel's half: "));
    CHECK(contains(walk(task_size), "  the kernel's half: "));
}

TEST_CASE("walk view: one line for each level") {
    Example example;
    const auto steps = mm::walk_levels(example.machine->mm->page_table(), page(600));
    const Lines lines = lines_of(kernel::show_walk(standing(*example.machine), process(*example.machine), page(600)));
    for (std::size_t i = 0; i < 4; ++i) {
        const std::string& line = lines.at(1 + i);
        CHECK(contains(line, level_name(steps[i].level)));
        CHECK(contains(line, fmt::format("{:#x}", steps[i].table.value())));
        CHECK(contains(line, fmt::format("[{:>3}]", steps[i].index)));
        CHECK(contains(line, fmt::format("{:#018x}", steps[i].entry.raw())));
        CHECK(contains(line, pte_text(steps[i].entry)));
    }
}

TEST_CASE("frames view: every frame once") {
    Example example;
    const std::string text = kernel::show_frames(standing(*example.machine));
    std::uint64_t next = 0;
    std::map<std::string, std::uint64_t> by_state;
    static const std::regex row(
        R"(  0x([0-9a-f]+)(?:-0x([0-9a-f]+))? +(\d+)  (free|kernel|page table|anonymous|file|zero page)\b.*)");
    for (const std::string& line : lines_of(text)) {
        std::smatch found;
        if (!std::regex_match(line, found, row)) continue;
        CHECK(std::stoull(found[1], nullptr, 16) == next);
        const std::uint64_t last = std::stoull(found[2].matched ? found[2] : found[1], nullptr, 16);
        CHECK(last - next + 1 == std::stoull(found[3]));
        by_state[found[4]] += last - next + 1;
        next = last + 1;
    }
    CHECK(next == 64);
    CHECK(by_state["page table"] == 5);
    CHECK(by_state["anonymous"] == 4);
    CHECK(by_state["file"] == 4);
    CHECK(by_state["zero page"] == 1);
    CHECK(by_state["free"] == example.machine->free_frames().value());
    CHECK(contains(text, "process 7 0x10258000-0x1025c000\n"));
    CHECK(contains(text, "example pages 0-3\n"));
    CHECK(contains(text, "pgd of process 7, 0x0-0x1000000000000\n"));
}

TEST_CASE("rmap and phys views: from a frame to all who map it") {
    Machine machine;
    REQUIRE(machine.map(page(0), 2));
    machine.write(page(0));
    machine.write(page(1));
    {
        auto child = machine.mm->fork();
        REQUIRE(child.has_value());
        const Inspection both = standing(machine, {{9, "child", child->get()}});
        const Pfn pfn = machine.pte(page(1)).pfn();
        CHECK(contains(kernel::show_rmap(both), "7:0x10000000-0x10002000, 9:0x10000000-0x10002000\n"));
        const std::string phys = kernel::show_physical(both, PhysAddr(pfn.address().value() + 0x34));
        CHECK(contains(phys, "anonymous, 2 references, 2 mappings"));
        CHECK(contains(phys, "  process 7 (example)  0x10001034  P-UAD-  anonymous\n"));
        CHECK(contains(phys, "  process 9 (child)  0x10001034  P-U-D-  anonymous\n"));
    }
    const Inspection alone = standing(machine);
    CHECK(contains(kernel::show_rmap(alone), "rmap: 2 frames of user pages mapped\n"));
    CHECK(contains(kernel::show_physical(alone, PhysAddr(0)), "frame 0x0, kernel\n  no virtual address leads to it\n"));
    CHECK(contains(kernel::show_physical(alone, PhysAddr(64 * page_size)), "no memory: RAM ends at 0x40000\n"));
    const Pfn root = machine.mm->page_table().root();
    CHECK(contains(kernel::show_physical(alone, root.address()), "page table\n  pgd of process 7, "));
}

TEST_CASE("buddy view: blocks, how much of free memory is unusable, and why there is no block") {
    Machine machine;
    const std::string text = kernel::show_buddy(machine.memory);
    const auto blocks = machine.memory.buddy().free_blocks();
    const std::uint64_t free = machine.free_frames().value();
    std::uint64_t in_smaller = 0;
    const Lines lines = lines_of(text);
    for (unsigned order = 0; order < BuddyAllocator::order_count; ++order) {
        const std::uint64_t pages = blocks.at(order) << order;
        const std::string start =
            fmt::format("  {:>5} {:>6} {:>7} {:>7} {:>8.3f} {:>7.3f}", order,
                        order < 8 ? fmt::format("{}K", 4 << order) : fmt::format("{}M", 1 << (order - 8)),
                        blocks.at(order), pages, static_cast<double>(in_smaller * 1000 / free) / 1000,
                        static_cast<double>(fragmentation_index(machine.memory.buddy(), order)) / 1000);
        CHECK(lines.at(2 + order).starts_with(start));
        in_smaller += pages;
    }
    CHECK(in_smaller == free);
    CHECK(contains(lines.at(2), " -1.000"));
    CHECK(contains(
        text, fmt::format("buddy: {} frames, {} free\n", machine.memory.buddy().managed_page_count().value(), free)));
}

TEST_CASE("buddy view: blocks that touch are one range") {
    emu::Ram ram(*emu::Ram::create(PageCount(8192)));
    PhysicalMemory memory(ram);
    const Lines lines = lines_of(kernel::show_buddy(memory));
    constexpr std::size_t order_10 = 2 + 10;
    CHECK(lines.at(order_10) == "     10     4M       7    7168    0.124  -1.000  0x400-0x1fff");
}

TEST_CASE("a large page: counted in 4 KiB, found by each of its frames, and a table is kept for it") {
    HugeMachine machine;
    REQUIRE(machine.map(huge(0), 512));
    machine.put(huge(0), 1);
    REQUIRE(machine.is_large(huge(0)));
    CHECK(kernel::residency(*machine.mm, VirtRange{huge(0), huge(1)}).in_memory == 512);

    const Inspection alone = standing(machine);
    const VirtAddr at = huge(0) + 5 * page_size;
    const emu::Pte entry = machine.mm->page_table().page_at(at);
    const auto found = kernel::all_mappings_of(alone, entry.pfn());
    REQUIRE(found.size() == 1);
    CHECK(found[0].page == at);
    CHECK(found[0].entry == entry);
    CHECK(found[0].is_large);
    CHECK(contains(kernel::show_physical(alone, entry.pfn().address()), ", in a large page\n"));
    CHECK(contains(kernel::show_walk(alone, alone.processes[0], at + 9),
                   fmt::format("  physical: {:#x}, anonymous", entry.pfn().address().value() + 9)));

    std::uint64_t kept = 0;
    for (const kernel::FrameRun& run : kernel::frame_runs(alone)) kept += run.table && run.table->is_kept() ? 1 : 0;
    CHECK(kept == 1);
}

TEST_CASE("swap view: slots, their references, and who names them") {
    Example example;
    const std::string text = kernel::show_swap(standing(*example.machine));
    CHECK(contains(text,
                   "swap: 32 slots of 4 KiB in memory, 2 used, 0 of these only beside a frame; 0 reads, 2 writes\n"));
    const std::uint64_t slot = example.machine->pte(page(605)).slot().value();
    CHECK(contains(text, fmt::format("  {:>6} {:>4}  -           7:0x1025d000\n", slot, 1)));
    // Read back, the page has its slot beside a frame.
    example.machine->read(page(605));
    const Pfn pfn = example.machine->pte(page(605)).pfn();
    CHECK(contains(
        kernel::show_swap(standing(*example.machine)),
        fmt::format("  {:>6} {:>4}  {:<10}  in memory: 7:0x1025d000\n", slot, 0, fmt::format("{:#x}", pfn.value()))));
}

TEST_CASE("lists view: the policy and every page that it knows") {
    Example example;
    const std::string text = kernel::show_lists(standing(*example.machine));
    CHECK(contains(text, "lists: policy fifo ("));
    CHECK(contains(text, "  all: 8 pages resident"));
    const Pfn pfn = example.machine->pte(page(600)).pfn();
    CHECK(contains(text, fmt::format("  {:<10} ADE--  7:0x10258000", fmt::format("{:#x}", pfn.value()))));
    CHECK(contains(text, "example page 2, 7:0x10002000"));
    Machine bare;
    CHECK(kernel::show_lists(standing(bare)) == "lists: nobody reclaims\n");
    CHECK(kernel::show_swap(standing(bare)) == "swap: none\n");
}
