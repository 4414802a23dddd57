#include "kernel/proc_maps.hpp"

#include "tests/unit/mm/machine.hpp"

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using kernel::proc_maps;

namespace {

std::string vsyscall_line() {
    return "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";
}

}  // namespace

TEST_CASE("maps: an empty address space shows the vsyscall page alone") {
    const Machine machine;
    CHECK(proc_maps(*machine.mm) == vsyscall_line());
}

TEST_CASE("maps: anonymous memory has no name and ends with a space") {
    Machine machine;
    REQUIRE(machine.map(VirtAddr(0x4000'0000), 2));
    REQUIRE(machine.map(VirtAddr(0x7fff'f7ff'0000), 1, prot_read | prot_exec));
    CHECK(proc_maps(*machine.mm) ==
          "40000000-40002000 rw-p 00000000 00:00 0 \n"
          "7ffff7ff0000-7ffff7ff1000 r-xp 00000000 00:00 0 \n" +
              vsyscall_line());
}

TEST_CASE("maps: a file shows its offset, device, inode and path") {
    Machine machine;
    const auto file = machine.files.open(
        memory_file_source(numbered_pages(4 * page_size)),
        FileIdentity{.path = "/usr/bin/cat", .device_major = 0xfe, .device_minor = 1, .inode = 10954114});
    REQUIRE(machine.map(VirtAddr(0x400000), 1, prot_read, map_private | map_fixed, file));
    REQUIRE(machine.map(VirtAddr(0x401000), 2, read_write, map_shared | map_fixed, file, 2));
    CHECK(proc_maps(*machine.mm) ==
          "00400000-00401000 r--p 00000000 fe:01 10954114                           /usr/bin/cat\n"
          "00401000-00403000 rw-s 00002000 fe:01 10954114                           /usr/bin/cat\n" +
              vsyscall_line());
}

TEST_CASE("maps: heap, stack and the kernel's own ranges have their names") {
    Machine machine;
    machine.mm->set_start_brk(VirtAddr(0x1000'0000));
    CHECK(machine.mm->set_brk(VirtAddr(0x1000'2001)) == VirtAddr(0x1000'2001));
    REQUIRE(machine.mm->map_stack(stack_top, 2 * page_size, false));
    REQUIRE(machine.mm->map_special(VirtRange{VirtAddr(0x7fff'f7ff'7000), VirtAddr(0x7fff'f7ff'b000)},
                                    vm_read | vm_mayread, {"[vvar]", nullptr}));
    CHECK(proc_maps(*machine.mm) ==
          "10000000-10003000 rw-p 00000000 00:00 0                                  [heap]\n"
          "7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0                          [vvar]\n"
          "7fffffffd000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n" +
              vsyscall_line());
}

TEST_CASE("maps: a long number pushes the name to the right, and a line break stays in its line") {
    Machine machine;
    const auto file = machine.files.open(memory_file_source(numbered_pages(page_size)),
                                         FileIdentity{.path = "/a\nb", .inode = 12345678901234567890U});
    REQUIRE(machine.map(VirtAddr(0x7fff'f7ff'0000), 1, prot_read, map_private | map_fixed, file, 1));
    CHECK(proc_maps(*machine.mm) ==
          "7ffff7ff0000-7ffff7ff1000 r--p 00001000 00:00 12345678901234567890       /a\\012b\n" + vsyscall_line());
}
