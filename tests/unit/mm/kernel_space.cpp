#include "mm/kernel_space.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

#include <array>
#include <functional>

namespace fl::mm {

using namespace test;
using emu::Access;
using emu::Mode;
using emu::PageFaultCode;

namespace {

// Each entry in a walk, as it lies in RAM, without the frame number.
std::vector<std::uint64_t> bits(const PageWalk& walk) {
    constexpr std::uint64_t frame_number = 0x000f'ffff'ffff'f000;
    std::vector<std::uint64_t> all;
    for (const WalkStep& step : walk.all()) all.push_back(step.entry.raw() & ~frame_number);
    return all;
}

// Linux's _PAGE_TABLE, PAGE_KERNEL and PAGE_KERNEL_LARGE.
constexpr std::uint64_t table_bits = 0x67;
constexpr std::uint64_t page_bits = 0x8000'0000'0000'0163;
constexpr std::uint64_t large_page_bits = 0x8000'0000'0000'01e3;
using Bits = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("kernel space: the direct map is all of RAM in order, the memory map the frame table") {
    struct Size {
        std::uint64_t frames, small, large, tables, memory_map;
    };
    // Tables: the root; pud, pmd and pte tables of the direct map; a pud of vmalloc; pud, pmd, ptes of the memory map.
    constexpr std::array sizes{
        Size{18, 18, 0, 8, 1},           // hardly anything
        Size{64, 64, 0, 8, 1},           //
        Size{65, 65, 0, 8, 2},           // one frame more than a page of struct pages
        Size{512, 512, 0, 8, 8},         // the first 2 MiB, which are small pages on Linux too
        Size{513, 513, 0, 9, 9},         // and one page
        Size{1024, 512, 1, 8, 16},       // one large page
        Size{1025, 513, 1, 9, 17},       // ends within one
        Size{32768, 512, 63, 7, 512},    // 128 MiB: the memory map is one large page
        Size{51200, 512, 99, 9, 800},    // 200 MiB: it does not begin at a large page's address
        Size{65536, 512, 127, 7, 1024},  // 256 MiB
    };
    for (const Size& size : sizes) {
        CAPTURE(size.frames);
        KernelMachine machine(size.frames);
        CHECK(machine.broken() == "");
        CHECK(machine.space.direct_map_pages() == DirectMapPages{size.small, size.large});
        CHECK(machine.space.table_count() == PageCount(size.tables));
        CHECK(machine.space.later_table_count() == PageCount(0));
        CHECK(machine.memory.boot().memory_map == PageCount(size.memory_map));
        CHECK(machine.memory.buddy().managed_page_count() ==
              PageCount(size.frames - size.tables - size.memory_map - 1));
        for (std::uint64_t i = 0; i < size.frames; ++i) {
            const PhysAddr address = Pfn(i).address() + i % page_size;
            if (machine.space.translate(direct_map_address(address)) != address) FAIL("frame " << i);
            const auto map = machine.space.translate(vmemmap_base + i * sizeof(Frame));
            const auto* frame = reinterpret_cast<const std::byte*>(&machine.memory.frames()[Pfn(i)]);
            if (!map || machine.ram.base() + map->value() != frame) FAIL("struct page of frame " << i);
        }
        CHECK_FALSE(machine.space.translate(machine.space.direct_map_range().end).has_value());
        CHECK_FALSE(machine.space.translate(page_offset_base - page_size).has_value());
        CHECK_FALSE(machine.space.translate(machine.space.memory_map_range().end).has_value());
    }
}

TEST_CASE("kernel space: the bits are Linux's") {
    KernelMachine machine(2048);
    CHECK(bits(machine.space.walk_to(page_offset_base)) == Bits{table_bits, table_bits, table_bits, page_bits});
    CHECK(bits(machine.space.walk_to(page_offset_base + emu::large_page_size)) ==
          Bits{table_bits, table_bits, large_page_bits});
    CHECK(bits(machine.space.walk_to(vmemmap_base)) == Bits{table_bits, table_bits, table_bits, page_bits});
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 1}).value();
    CHECK(area == vmalloc_start);
    CHECK(bits(machine.space.walk_to(area)) == Bits{table_bits, table_bits, table_bits, page_bits});
}

TEST_CASE("kernel space: a process has it for the entries of its PGD, whenever it was made") {
    KernelMachine machine;
    const PageCount before = machine.free_frames();
    auto early = machine.make_mm();
    CHECK(before - machine.free_frames() == PageCount(1));
    CHECK(early->page_table().table_count() == PageCount(1));
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 2 * page_size}).value();
    auto late = machine.make_mm();
    CHECK(machine.broken({early.get(), late.get()}) == "");
    for (const MmStruct* mm : {early.get(), late.get()}) {
        const Pfn root = mm->page_table().root();
        CHECK(machine.space.is_shared_with(root));
        const auto there = machine.mmu.translate(root, area + page_size, Access::write, Mode::kernel);
        REQUIRE(there.has_value());
        CHECK(there->pfn.address() == machine.space.translate(area + page_size));
    }
    machine.vmalloc().free(area);
    const Pfn root = early->page_table().root();
    CHECK_FALSE(machine.mmu.translate(root, area, Access::read, Mode::kernel).has_value());
    early.reset();
    late.reset();
    CHECK(before - machine.free_frames() == machine.space.later_table_count());
    CHECK(machine.broken() == "");
}

TEST_CASE("kernel space: no access by a program passes, the kernel's do unless they would execute") {
    KernelMachine machine(2048);
    const auto mm = machine.make_mm();
    REQUIRE(machine.vmalloc().allocate({.size_bytes = 3 * page_size}));
    const Pfn root = mm->page_table().root();
    const auto answer = [&](VirtAddr at, Access access, Mode mode) {
        const auto translated = machine.mmu.translate(root, at, access, mode);
        return translated ? 0 : translated.error();
    };
    constexpr std::uint32_t refused = PageFaultCode::present | PageFaultCode::user;
    std::uint64_t pages = 0;
    machine.space.for_each_page([&](VirtAddr at, emu::Pte, std::uint64_t size_bytes) {
        ++pages;
        for (const VirtAddr address : {at, at + (size_bytes - 1)}) {
            CHECK(answer(address, Access::read, Mode::user) == refused);
            CHECK(answer(address, Access::write, Mode::user) == (refused | PageFaultCode::write));
            CHECK(answer(address, Access::execute, Mode::user) == (refused | PageFaultCode::instruction));
            CHECK(answer(address, Access::read, Mode::kernel) == 0);
            CHECK(answer(address, Access::write, Mode::kernel) == 0);
            CHECK(answer(address, Access::execute, Mode::kernel) ==
                  (PageFaultCode::present | PageFaultCode::instruction));
        }
    });
    CHECK(pages == 512 + 3 + 3 + 32);
    CHECK(machine.broken({mm.get()}) == "");
}

TEST_CASE("kernel space: bytes go through it to the frames") {
    KernelMachine machine;
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 3 * page_size}).value();
    std::vector<std::byte> bytes(2 * page_size);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + i / page_size);
    machine.space.write(area + 100, bytes);
    std::vector<std::byte> again(bytes.size());
    machine.space.read(area + 100, again);
    CHECK(again == bytes);
    const PhysAddr second = machine.space.translate(area + page_size).value();
    CHECK(machine.ram.frame(second.pfn())[0] == bytes[page_size - 100]);
    std::array<std::byte, 1> one{};
    machine.space.read(direct_map_address(second), one);
    CHECK(one[0] == bytes[page_size - 100]);
    CHECK(asserts([&] { machine.space.read(area + 3 * page_size, one); }));
}

TEST_CASE("kernel space: the least RAM is what boot takes and what the allocator wants") {
    const PageCount least = KernelSpace::least_ram();
    CHECK(least == PageCount(17));
    KernelMachine machine(least.value());
    CHECK(machine.broken() == "");
    CHECK(asserts([&] { KernelMachine smaller(least.value() - 1); }));
}

TEST_CASE("kernel space: what is broken is reported") {
    const auto reports = [](const std::string& complaint,
                            const std::function<void(KernelMachine&, MmStruct&)>& break_it) {
        CAPTURE(complaint);
        KernelMachine machine(2048);
        const auto mm = machine.make_mm();
        const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 2 * page_size}).value();
        REQUIRE(machine.broken({mm.get()}) == "");
        const PageWalk walk = machine.space.walk_to(area);
        emu::Pte& leaf = machine.ram.table(walk.steps[3].table)[walk.steps[3].index];
        const emu::Pte saved = leaf;
        break_it(machine, *mm);
        const std::string text = machine.broken({mm.get()});
        CAPTURE(text);
        CHECK(text.find(complaint) != std::string::npos);
        leaf = saved;  // so that the area can go
    };
    const auto entry = [](KernelMachine& machine, VirtAddr at, unsigned level) -> emu::Pte& {
        const WalkStep step = machine.space.walk_to(at).steps.at(4 - level);
        return machine.ram.table(step.table)[step.index];
    };
    reports("another kernel half", [](KernelMachine& machine, MmStruct& mm) {
        machine.ram.table(mm.page_table().root())[300] = emu::Pte::present(Pfn(3), {});
    });
    reports("kernel page 0xffff888000003000: entry", [&](KernelMachine& machine, MmStruct&) {
        emu::Pte& pte = entry(machine, page_offset_base + 3 * page_size, 1);
        pte = pte.with_access({.writable = true, .user = true, .global = true});
    });
    reports("kernel page 0xffff888000200000: entry", [&](KernelMachine& machine, MmStruct&) {
        emu::Pte& pte = entry(machine, page_offset_base + emu::large_page_size, 2);
        pte = emu::Pte::from_raw(pte.raw() + (2 << 20));
    });
    reports("the direct map is not all of RAM", [&](KernelMachine& machine, MmStruct&) {
        entry(machine, page_offset_base + 7 * page_size, 1) = emu::Pte::none();
    });
    reports("the memory map is not all mapped",
            [&](KernelMachine& machine, MmStruct&) { entry(machine, vmemmap_base, 1) = emu::Pte::none(); });
    reports("vmalloc: pages differ",
            [&](KernelMachine& machine, MmStruct&) { entry(machine, vmalloc_start, 1) = emu::Pte::none(); });
    reports("in no area", [&](KernelMachine& machine, MmStruct&) {
        entry(machine, vmalloc_start, 1) = emu::Pte::present(Pfn(1), {.writable = true, .global = true});
    });
    reports("a page table reached twice", [&](KernelMachine& machine, MmStruct&) {
        entry(machine, page_offset_base + emu::large_page_size * 2, 2) = entry(machine, page_offset_base, 2);
    });
}

TEST_CASE("kernel space: without one an address space has a user half alone") {
    Machine machine;
    const auto root = machine.ram.table(machine.mm->page_table().root());
    for (unsigned i = 256; i < 512; ++i) CHECK(root[i].is_none());
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
