#include "mm/vma.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

TEST_CASE("vma: protections are printed as /proc/PID/maps prints them") {
    CHECK(protection_string(VmFlags{}) == "---p");
    CHECK(protection_string(vm_read) == "r--p");
    CHECK(protection_string(vm_read | vm_write) == "rw-p");
    CHECK(protection_string(vm_read | vm_exec) == "r-xp");
    CHECK(protection_string(vm_read | vm_write | vm_exec | vm_mayshare) == "rwxs");
    CHECK(protection_string(vm_write | vm_mayread | vm_growsdown) == "-w-p");
}

TEST_CASE("vma: page_index counts from pgoff, and content_from moves it along") {
    const Vma vma(VirtRange{VirtAddr(0x10000), VirtAddr(0x15000)}, VmaContent{vm_read, AnonymousBacking{}, 7});
    CHECK(vma.page_count() == PageCount(5));
    CHECK(vma.page_index(VirtAddr(0x10000)) == 7);
    CHECK(vma.page_index(VirtAddr(0x12fff)) == 9);
    CHECK(vma.content_from(VirtAddr(0x13000)).pgoff == 10);
    CHECK(vma.content_from(VirtAddr(0x13000)).flags == vm_read);
}

TEST_CASE("vma: an empty or unaligned range is a bug") {
    const auto make = [](std::uint64_t start, std::uint64_t end) {
        Vma vma(VirtRange{VirtAddr(start), VirtAddr(end)}, VmaContent{});
        (void)vma;
    };
    CHECK(test::asserts([&] { make(0x1000, 0x1000); }));
    CHECK(test::asserts([&] { make(0x2000, 0x1000); }));
    CHECK(test::asserts([&] { make(0x1001, 0x3000); }));
    CHECK(test::asserts([&] { make(0x1000, 0x2fff); }));
}

}  // namespace fl::mm
