#include "kernel/proc_smaps.hpp"

#include "swapping_machine.hpp"

#include <sstream>

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;

namespace {

// The lines of the entry that begins at `start`, without those that say 0 kB.
Lines entry_of(const std::string& smaps, const std::string& start) {
    std::istringstream stream(smaps);
    Lines lines;
    bool inside = false;
    for (std::string line; std::getline(stream, line);) {
        const bool is_head = line.find('-') < line.find(':');
        if (is_head) inside = line.starts_with(start);
        if (inside && line.find("       0 kB") == std::string::npos) lines.push_back(line);
    }
    return lines;
}

}  // namespace

TEST_CASE("smaps: every field of a page that was written, in Linux's order") {
    Machine machine;
    REQUIRE(machine.map(page(0), 3));
    machine.write(page(0));
    const std::string text = kernel::proc_smaps(*machine.mm);
    const std::string entry =
        "10000000-10003000 rw-p 00000000 00:00 0 \n"
        "Size:                 12 kB\n"
        "KernelPageSize:        4 kB\n"
        "MMUPageSize:           4 kB\n"
        "Rss:                   4 kB\n"
        "Pss:                   4 kB\n"
        "Pss_Dirty:             4 kB\n"
        "Shared_Clean:          0 kB\n"
        "Shared_Dirty:          0 kB\n"
        "Private_Clean:         0 kB\n"
        "Private_Dirty:         4 kB\n"
        "Referenced:            4 kB\n"
        "Anonymous:             4 kB\n"
        "KSM:                   0 kB\n"
        "LazyFree:              0 kB\n"
        "AnonHugePages:         0 kB\n"
        "ShmemPmdMapped:        0 kB\n"
        "FilePmdMapped:         0 kB\n"
        "Shared_Hugetlb:        0 kB\n"
        "Private_Hugetlb:       0 kB\n"
        "Swap:                  0 kB\n"
        "SwapPss:               0 kB\n"
        "Locked:                0 kB\n"
        "THPeligible:           0\n"
        "VmFlags: rd wr mr mw me ac \n";
    CHECK(text.substr(0, entry.size()) == entry);
    CHECK(entry_of(text, "ffffffffff600000") ==
          Lines{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
                "Size:                  4 kB", "KernelPageSize:        4 kB", "MMUPageSize:           4 kB",
                "THPeligible:           0", "VmFlags: ex "});
}

TEST_CASE("smaps: the page of zeroes is nobody's, a hidden page still counts") {
    Machine machine;
    REQUIRE(machine.map(page(0), 3));
    machine.read(page(0));
    machine.write(page(1));
    REQUIRE(machine.mm->protect(page(0), 3 * page_size, 0));
    CHECK(entry_of(kernel::proc_smaps(*machine.mm), "10000000") ==
          Lines{"10000000-10003000 ---p 00000000 00:00 0 ", "Size:                 12 kB",
                "KernelPageSize:        4 kB", "MMUPageSize:           4 kB", "Rss:                   4 kB",
                "Pss:                   4 kB", "Pss_Dirty:             4 kB", "Private_Dirty:         4 kB",
                "Referenced:            4 kB", "Anonymous:             4 kB", "THPeligible:           0",
                "VmFlags: mr mw me ac "});
}

// Page 0 of the file is mapped twice and written through one of the mappings; page 1 only by the second.
TEST_CASE("smaps: a page that two mappings share counts half for each") {
    Machine machine;
    const auto file = machine.open(numbered_pages(2 * page_size));
    REQUIRE(machine.map(page(0), 1, read_write, map_shared | map_fixed, file));
    REQUIRE(machine.map(page(16), 2, prot_read, map_shared | map_fixed, file));
    machine.write(page(0));
    machine.read(page(16));
    machine.read(page(17));
    kernel::MemorySizes first;
    kernel::MemorySizes second;
    kernel::gather_sizes(*machine.mm, *machine.mm->vmas().first(), first);
    kernel::gather_sizes(*machine.mm, *machine.mm->vmas().last(), second);
    CHECK(first.resident == page_size);
    CHECK(first.pss == page_size / 2 * 4096);
    CHECK(first.shared_dirty == page_size);
    CHECK(second.resident == 2 * page_size);
    CHECK(second.pss == (page_size + page_size / 2) * 4096);
    CHECK(second.private_clean == page_size);
    CHECK(second.anonymous == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("smaps_rollup: the sum over all mappings, by kind") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, prot_read, map_private | map_fixed, file));
    REQUIRE(machine.map(page(4), 2));
    REQUIRE(machine.map(page(8), 1, read_write, map_shared | map_anonymous | map_fixed));
    machine.read(page(0));
    machine.write(page(4));
    machine.write(page(5));
    machine.write(page(8));
    CHECK(kernel::proc_smaps_rollup(*machine.mm) ==
          "10000000-10009000 ---p 00000000 00:00 0                                  [rollup]\n"
          "Rss:                  16 kB\n"
          "Pss:                  16 kB\n"
          "Pss_Dirty:            12 kB\n"
          "Pss_Anon:              8 kB\n"
          "Pss_File:              4 kB\n"
          "Pss_Shmem:             4 kB\n"
          "Shared_Clean:          0 kB\n"
          "Shared_Dirty:          0 kB\n"
          "Private_Clean:         4 kB\n"
          "Private_Dirty:        12 kB\n"
          "Referenced:           16 kB\n"
          "Anonymous:             8 kB\n"
          "KSM:                   0 kB\n"
          "LazyFree:              0 kB\n"
          "AnonHugePages:         0 kB\n"
          "ShmemPmdMapped:        0 kB\n"
          "FilePmdMapped:         0 kB\n"
          "Shared_Hugetlb:        0 kB\n"
          "Private_Hugetlb:       0 kB\n"
          "Swap:                  0 kB\n"
          "SwapPss:               0 kB\n"
          "Locked:                0 kB\n");
}

// Page 0 is in swap for parent and child, page 1 for the parent alone.
TEST_CASE("smaps: Swap counts entries, SwapPss divides a slot by those that name it") {
    SwappingMachine machine;
    REQUIRE(machine->map(page(0), 3));
    for (std::uint64_t i = 0; i < 3; ++i) machine->write(page(i));
    machine.page_out(page(0));
    auto child = machine->mm->fork();
    REQUIRE(child.has_value());
    machine->write(page(1));
    machine.page_out(page(1));
    kernel::MemorySizes sizes;
    kernel::gather_sizes(*machine->mm, *machine->mm->vmas().first(), sizes);
    CHECK(sizes.swap == 2 * page_size);
    CHECK(sizes.swap_pss == (page_size + page_size / 2) << 12);
    CHECK(sizes.resident == page_size);
    CHECK(machine->mm->swap_entries() == PageCount(2));
    const std::string text = kernel::proc_smaps(*machine->mm);
    CHECK(text.find("\nSwap:                  8 kB\nSwapPss:               6 kB\n") != std::string::npos);
    child->reset();
    CHECK(
        kernel::proc_smaps_rollup(*machine->mm).find("\nSwap:                  8 kB\nSwapPss:               8 kB\n") !=
        std::string::npos);
}

TEST_CASE("smaps: shared memory in swap is Swap of each mapping that shows it, and nobody's SwapPss") {
    SwappingMachine machine;
    const auto file = machine->files.create(FileIdentity{.path = "/memfd:a"}, FileKind::shared_memory, 4 * page_size);
    REQUIRE(machine->map(page(0), 4, read_write, file_shared, file));
    REQUIRE(machine->map(page(8), 2, read_write, file_private, file, 1));
    for (std::uint64_t i = 0; i < 3; ++i) machine->write(page(i));
    machine->write(page(8));  // a copy of page 1
    machine.page_out(page(0), 3);
    CHECK(file->swapped_pages().size() == 3);
    const auto swap_of = [&](const Vma& vma) {
        kernel::MemorySizes sizes;
        kernel::gather_sizes(*machine->mm, vma, sizes);
        CHECK(sizes.swap_pss == 0);
        return sizes.swap;
    };
    CHECK(swap_of(*machine->mm->vmas().first()) == 3 * page_size);
    // The copy hides page 1; page 2 would come from swap.
    CHECK(swap_of(*machine->mm->vmas().last()) == page_size);
    CHECK(machine->mm->swap_entries() == PageCount(0));
}

TEST_CASE("VmFlags: Linux's two letters in the order of the bits") {
    CHECK(kernel::vm_flags_mnemonics(VmFlags()) == "");
    CHECK(kernel::vm_flags_mnemonics(vm_read | vm_mayread | vm_pfnmap | vm_io | vm_dontexpand | vm_dontdump) ==
          "rd mr pf io de dd ");
    CHECK(kernel::vm_flags_mnemonics(vm_write | vm_read | vm_may_flags | vm_growsdown | vm_account) ==
          "rd wr mr mw me gd ac ");
    CHECK(kernel::vm_flags_mnemonics(vm_locked | vm_seq_read | vm_rand_read | vm_dontcopy | vm_noreserve |
                                     vm_wipeonfork | vm_hugepage | vm_nohugepage) == "lo sr rr dc nr wf hg nh ");
}
