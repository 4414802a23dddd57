#include "mm/mm_struct.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("mm: mmap_base follows the stack's limit, within its bounds") {
    const auto base_for = [](std::uint64_t stack_bytes) {
        ResourceLimits limits;
        limits.stack_bytes = stack_bytes;
        return Machine(16, limits).mm->mmap_base();
    };
    // As setarch -R shows it natively.
    CHECK(base_for(8ULL << 20) == VirtAddr(0x7ffff7fff000));
    CHECK(base_for(0) == VirtAddr(0x7ffff7fff000));
    CHECK(base_for(127ULL << 20) == VirtAddr(0x7ffff7fff000));
    CHECK(base_for(1ULL << 30) == VirtAddr(0x7fffffffe000 + 0x1000 - (1ULL << 30) - 256 * page_size));
    CHECK(base_for(ResourceLimits::infinity) == VirtAddr(task_size.value() - task_size.value() / 6 * 5).page_floor());
}

TEST_CASE("mm: without a frame for the root there is no address space") {
    emu::Ram ram = test::make_ram(8);
    PhysicalMemory memory(ram);
    FileRegistry files(memory);
    memory.buddy().fail_after(0);
    const auto mm = MmStruct::create(memory, files, ResourceLimits{});
    REQUIRE_FALSE(mm.has_value());
    CHECK(mm.error() == Errno::enomem);
    CHECK(verify(memory, {}, {}).empty());
}

TEST_CASE("mm: its end gives back every frame") {
    Machine machine;
    const PageCount free_before = machine.free_frames() + machine.mm->page_table().table_count();
    auto file = machine.open(numbered_pages(40 * page_size));
    machine.mm->set_start_brk(page(500));
    machine.mm->set_brk(page(510));
    REQUIRE(machine.mm->map_stack(stack_top, 2 * page_size, false).has_value());
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(10), 4, test::read_write, map_shared | map_anonymous | map_fixed).has_value());
    REQUIRE(machine.map(page(20), 40, test::read_write, map_private | map_fixed, file).has_value());
    for (const std::uint64_t i : {0, 1, 10, 11, 20, 21, 59, 500, 505}) CHECK(machine.write(page(i)).size() == 1);
    for (const std::uint64_t i : {2, 12, 30, 22}) machine.read(page(i));
    machine.write(stack_top - 5 * page_size);
    REQUIRE(machine.mm->protect(page(0), 2 * page_size, 0).has_value());
    CHECK(machine.broken() == "");

    machine.observer.events.clear();  // an event keeps the file that it is about
    machine.handler.set_mm(nullptr);
    machine.mm.reset();
    CHECK(machine.broken() == "");
    // The file's cache stays until the file goes.
    CHECK(machine.free_frames() + file->cached_page_count() == free_before);
    file.reset();
    CHECK(machine.free_frames() == free_before);
    CHECK(machine.memory.used_page_count() == PageCount(2));
    CHECK(machine.broken() == "");
}

TEST_CASE("mm: a mapping keeps its file alive, and its last piece lets it go") {
    Machine machine;
    auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 2, prot_read, map_private | map_fixed, file).has_value());
    file.reset();
    CHECK(machine.read(page(1)) == Kinds{FaultKind::file_major});
    CHECK(machine.files.files().size() == 1);
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    CHECK(machine.files.files().size() == 1);
    machine.observer.events.clear();
    REQUIRE(machine.map(page(1), 1).has_value());
    CHECK(machine.files.files().empty());
    CHECK(machine.broken() == "");
}

TEST_CASE("mm: the highest resident set is remembered, and never more than there was") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(10), 1, test::read_write, map_private | map_fixed, file).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) machine.write(page(i));
    machine.read(page(10));
    CHECK(machine.mm->hiwater_rss() == PageCount(4));
    // A copy takes the place of the page that it was made from.
    CHECK(machine.write(page(10)) == Kinds{FaultKind::cow});
    CHECK(machine.mm->rss() == RssCounters{PageCount(4), PageCount(0), PageCount(0)});
    CHECK(machine.mm->hiwater_rss() == PageCount(4));
    REQUIRE(machine.mm->unmap(page(0), 4 * page_size).has_value());
    CHECK(machine.mm->rss().total() == PageCount(1));
    CHECK(machine.mm->hiwater_rss() == PageCount(4));
}

TEST_CASE("mm: snapshot says what /proc/PID/maps would") {
    Machine machine;
    const auto file = machine.open(numbered_pages(4 * page_size), "/bin/prog");
    REQUIRE(machine.map(page(0), 2, prot_read | prot_exec, map_private | map_fixed, file, 1).has_value());
    const VmaSnapshot of_file = machine.mm->snapshot(*machine.mm->vmas().first());
    CHECK(of_file.range == VirtRange{page(0), page(2)});
    CHECK(of_file.name == "/bin/prog");
    CHECK(of_file.file == file->shared_identity());
    CHECK(of_file.pgoff == 1);
    CHECK(protection_string(of_file.flags) == "r-xp");

    REQUIRE(machine.map(page(8), 1).has_value());
    const VmaSnapshot anonymous = machine.mm->snapshot(*machine.mm->vmas().last());
    CHECK(anonymous.name == "");
    CHECK(anonymous.file == nullptr);
    CHECK(machine.mm->highest_vm_end() == page(9));
}

TEST_CASE("mm: the last put of a user or of a holder says so") {
    const Machine machine;
    MmStruct& mm = *machine.mm;
    CHECK(mm.mm_users() == 1);
    CHECK(mm.mm_count() == 1);
    mm.mmget();
    mm.mmgrab();
    CHECK(mm.mm_users() == 2);
    CHECK(mm.mm_count() == 2);
    CHECK(mm.mmput() == MmStruct::Last::no);
    CHECK(mm.mmput() == MmStruct::Last::yes);
    CHECK(mm.mmdrop() == MmStruct::Last::no);
    CHECK(mm.mmdrop() == MmStruct::Last::yes);
}

TEST_CASE("mm: shared_vm counts what has a file, vm_ops says what answers its faults") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 2, prot_read, map_private | map_fixed, file).has_value());
    REQUIRE(machine.map(page(4), 3).has_value());
    REQUIRE(machine.map(page(8), 1, prot_read, map_shared | map_anonymous | map_fixed).has_value());
    CHECK(machine.mm->shared_vm() == PageCount(3));
    const Vma* vma = machine.mm->vmas().first();
    CHECK(std::string(vma->vm_ops()) == "generic_file_vm_ops");
    CHECK(vma->next()->vm_ops() == nullptr);
    CHECK(std::string(vma->next()->next()->vm_ops()) == "shmem_vm_ops");
}

TEST_CASE("mm: vm_page_prot, as entries start") {
    // Private memory is not writable before its first write, PROT_NONE is not present.
    CHECK(vm_page_prot(vm_read | vm_write).raw() == 0x8000'0000'0000'0005);
    CHECK(vm_page_prot(vm_read | vm_write | vm_shared).raw() == 0x8000'0000'0000'0007);
    CHECK(vm_page_prot(vm_read | vm_exec).raw() == 0x5);
    CHECK(vm_page_prot(VmFlags()).raw() == 0x8000'0000'0000'0100);
}

}  // namespace fl::mm
