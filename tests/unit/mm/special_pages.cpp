#include "mm/special_pages.hpp"

#include "machine.hpp"

#include <cstring>

namespace fl::mm::test {

namespace {

using Kinds = std::vector<FaultKind>;

struct Mapped {
    std::shared_ptr<SpecialPages> pages;
    VirtAddr start;
};

// `page_count` pages behind a range of one page more.
Mapped map_pages(Machine& machine, std::uint64_t page_count, SpecialPageKind kind, VmFlags flags) {
    auto pages = SpecialPages::create(machine.memory, PageCount(page_count), kind);
    REQUIRE(pages.has_value());
    const std::uint64_t size_bytes = (page_count + 1) * page_size;
    const auto at = machine.mm->find_free_range(size_bytes);
    REQUIRE(at.has_value());
    REQUIRE(machine.mm->map_special(VirtRange{*at, *at + size_bytes}, flags, {"[vdso]", *pages}).has_value());
    return {*pages, *at};
}

constexpr VmFlags image_flags = vm_read | vm_exec | vm_may_flags;
constexpr VmFlags data_flags = vm_read | vm_mayread | vm_io | vm_pfnmap | vm_dontdump;

}  // namespace

TEST_CASE("special pages: each page is a minor fault of its own, and counts as a file's") {
    Machine machine;
    const auto [pages, at] = map_pages(machine, 2, SpecialPageKind::counted, image_flags);
    CHECK(machine.touch(at, emu::Access::execute) == Kinds{FaultKind::file_minor});
    CHECK(machine.read(at + 8) == Kinds{});
    CHECK(machine.mm->rss() == RssCounters{.anonymous = {}, .file = PageCount(1), .shared_memory = {}});
    CHECK(machine.read(at + page_size) == Kinds{FaultKind::file_minor});
    CHECK(machine.read(at + 2 * page_size) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(at) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.mm->rss().file == PageCount(2));
    CHECK(machine.memory.frames()[*pages->frame(0)].map_count == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("special pages: pages that are only shown are in nobody's books") {
    Machine machine;
    const auto [pages, at] = map_pages(machine, 1, SpecialPageKind::shown, data_flags);
    pages->bytes(0)[5] = std::byte{0x77};
    CHECK(machine.read(at) == Kinds{FaultKind::file_minor});
    CHECK(machine.mm->rss().total() == PageCount(0));
    CHECK(machine.memory.frames()[*pages->frame(0)].reference_count == 1);
    CHECK(machine.user().read<std::uint8_t>(at + 5) == 0x77);
    // What the kernel writes later is seen as well.
    pages->bytes(0)[5] = std::byte{0x78};
    CHECK(machine.user().read<std::uint8_t>(at + 5) == 0x78);
    CHECK(outcome(machine.mm->protect(at, 2 * page_size, prot_read | prot_write)) == "EACCES");
    CHECK(machine.broken() == "");
}

TEST_CASE("special pages: who makes them writable writes to copies") {
    Machine machine;
    const auto [pages, at] = map_pages(machine, 2, SpecialPageKind::counted, image_flags);
    CHECK(machine.read(at) == Kinds{FaultKind::file_minor});
    REQUIRE(machine.mm->protect(at, 3 * page_size, prot_read | prot_write | prot_exec).has_value());
    CHECK(machine.write(at) == Kinds{FaultKind::cow});
    CHECK(machine.write(at + page_size) == Kinds{FaultKind::cow});
    CHECK(machine.mm->rss() == RssCounters{.anonymous = PageCount(2), .file = {}, .shared_memory = {}});
    REQUIRE(machine.user().write<std::uint8_t>(at, 0x55).has_value());
    CHECK(pages->bytes(0)[0] == std::byte{0});
    CHECK(machine.broken() == "");
}

// As natively: mprotect, munmap and mmap of one page of [vdso] are EINVAL, of all of it they work.
TEST_CASE("special pages: a range is not split") {
    Machine machine;
    const auto [pages, at] = map_pages(machine, 2, SpecialPageKind::counted, image_flags);
    CHECK(outcome(machine.mm->protect(at + page_size, page_size, prot_read)) == "EINVAL");
    CHECK(outcome(machine.mm->unmap(at, page_size)) == "EINVAL");
    CHECK(outcome(machine.mm->unmap(at + 2 * page_size, 2 * page_size)) == "EINVAL");
    CHECK(outcome(machine.map(at + page_size, 1)) == "EINVAL");
    CHECK(machine.mm->map_count() == 1);
    CHECK(machine.read(at) == Kinds{FaultKind::file_minor});
    CHECK(outcome(machine.mm->protect(at, 3 * page_size, prot_read)) == "ok");
    CHECK(outcome(machine.mm->unmap(at - page_size, 5 * page_size)) == "ok");
    CHECK(machine.mm->map_count() == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("special pages: a child shares them, and its copies are its own") {
    Machine machine;
    const auto [image, at] = map_pages(machine, 2, SpecialPageKind::counted, image_flags);
    const auto [data, data_at] = map_pages(machine, 1, SpecialPageKind::shown, data_flags);
    CHECK(machine.read(at) == Kinds{FaultKind::file_minor});
    CHECK(machine.read(data_at) == Kinds{FaultKind::file_minor});
    auto child = machine.mm->fork();
    REQUIRE(child.has_value());
    const MmStruct* const both[] = {machine.mm.get(), child->get()};
    CHECK(verify(machine.memory, both, machine.files.files()).empty());
    CHECK(machine.memory.frames()[*data->frame(0)].reference_count == 1);
    child->reset();
    CHECK(machine.broken() == "");
}

TEST_CASE("special pages: short of frames nothing is left behind") {
    Machine machine;
    const PageCount free_before = machine.memory.buddy().free_page_count();
    for (std::uint64_t allowed = 0; allowed < 3; ++allowed) {
        machine.memory.buddy().fail_after(allowed);
        CHECK(outcome(SpecialPages::create(machine.memory, PageCount(3), SpecialPageKind::counted)) == "ENOMEM");
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.memory.buddy().free_page_count() == free_before);
    }
}

}  // namespace fl::mm::test
