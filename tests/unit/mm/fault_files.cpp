#include "mm/fault_handler.hpp"

#include "tests/unit/mm/machine.hpp"

#include <set>

namespace fl::mm {

using namespace test;

namespace {

// Which pages of [0, count) are present.
std::set<std::uint64_t> present(const Machine& machine, std::uint64_t count) {
    std::set<std::uint64_t> pages;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (machine.pte(page(i)).is_present()) pages.insert(i);
    }
    return pages;
}

std::set<std::uint64_t> interval(std::uint64_t from, std::uint64_t to) {
    std::set<std::uint64_t> pages;
    for (std::uint64_t i = from; i < to; ++i) pages.insert(i);
    return pages;
}

void fill_cache(File& file) {
    for (std::uint64_t i = 0; i < file.page_count().value(); ++i) REQUIRE(file.read_page(i).has_value());
}

}  // namespace

TEST_CASE("fault: a page that must be read is major, one that is in the cache is minor") {
    Machine machine;
    const auto file = machine.open(numbered_pages(40 * page_size));
    REQUIRE(machine.map(page(0), 40, prot_read, file_private, file).has_value());
    CHECK(machine.read(page(20)) == Kinds{FaultKind::file_major});
    CHECK(machine.last_event().major);
    CHECK(machine.byte(page(20)) == std::byte{21});
    // The window came with it.
    CHECK(present(machine, 40) == interval(16, 32));
    CHECK(machine.last_event().pages_around == 15);
    CHECK(machine.mm->rss().file == PageCount(16));
    CHECK(machine.handler.counters().major == 1);

    REQUIRE(machine.mm->advise(page(0), 40 * page_size, madv_dontneed).has_value());
    CHECK(machine.read(page(31)) == Kinds{FaultKind::file_minor});
    CHECK_FALSE(machine.last_event().major);
    CHECK(present(machine, 40) == interval(16, 32));
    CHECK(machine.handler.counters().major == 1);
    CHECK(machine.handler.counters().minor == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: the window around a fault ends with the VMA, the file and the page table") {
    Machine machine(512);
    const auto file = machine.open(numbered_pages(100 * page_size));
    fill_cache(*file);
    const auto after_read = [&](std::uint64_t first, std::uint64_t pages, std::uint64_t pgoff, std::uint64_t touched) {
        REQUIRE(machine.map(page(first), pages, prot_read, file_private, file, pgoff).has_value());
        CHECK(machine.read(page(touched)) == Kinds{FaultKind::file_minor});
        auto found = present(machine, 600);
        CHECK(machine.last_event().pages_around == found.size() - 1);
        CHECK(machine.broken() == "");
        REQUIRE(machine.mm->unmap(page(first), pages * page_size).has_value());
        return found;
    };
    // Aligned by address, whatever the offset in the file.
    CHECK(after_read(0, 64, 0, 17) == interval(16, 32));
    CHECK(after_read(0, 64, 5, 17) == interval(16, 32));
    CHECK(after_read(0, 64, 0, 16) == interval(16, 32));
    CHECK(after_read(0, 64, 0, 31) == interval(16, 32));
    // A VMA that starts inside the window moves it up; natively /proc/self/pagemap shows the same.
    CHECK(after_read(5, 64, 0, 7) == interval(5, 21));
    CHECK(after_read(5, 64, 0, 20) == interval(16, 32));
    CHECK(after_read(3, 64, 5, 5) == interval(3, 19));
    // The VMA's end cuts it off.
    CHECK(after_read(16, 4, 0, 17) == interval(16, 20));
    CHECK(after_read(18, 1, 0, 18) == interval(18, 19));
    // So does the page table's.
    CHECK(after_read(500, 64, 0, 507) == interval(500, 512));
    CHECK(after_read(500, 64, 0, 512) == interval(512, 528));
    // And the file's: pages past its end are not there to be mapped.
    CHECK(after_read(0, 64, 90, 3) == interval(0, 10));
}

TEST_CASE("fault: around a fault only cached pages are mapped, and entries that exist are left alone") {
    Machine machine;
    const auto file = machine.open(numbered_pages(16 * page_size));
    for (const std::uint64_t i : {1, 2, 4, 9}) REQUIRE(file->read_page(i).has_value());
    REQUIRE(machine.map(page(0), 16, read_write, file_private, file).has_value());
    CHECK(machine.write(page(2)) == Kinds{FaultKind::cow});
    CHECK(present(machine, 16) == interval(2, 3));  // a write brings its page alone
    const emu::Pte own = machine.pte(page(2));
    CHECK(machine.read(page(4)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 16) == std::set<std::uint64_t>{1, 2, 4, 9});
    CHECK(machine.pte(page(2)) == own);
    CHECK(machine.last_event().pages_around == 2);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: past the end of a file is SIGBUS, its last page is not") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size + 1));
    REQUIRE(machine.map(page(0), 4, read_write, file_private, file).has_value());
    CHECK(machine.read(page(1) + 4000) == Kinds{FaultKind::file_major});
    CHECK(machine.byte(page(1)) == std::byte{2});
    CHECK(machine.byte(page(1) + 1) == std::byte{0});
    CHECK(machine.read(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.handler.last_fatal() == FaultKind::sigbus);
    CHECK_FALSE(machine.handler.take_oom());
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: an offset near the end of what a file can have is past the end too") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    const std::uint64_t last_index = (max_file_bytes - page_size) >> page_shift;
    CHECK(machine.map(page(0), 1, prot_read, file_private, file, last_index + 1).error() == Errno::eoverflow);
    REQUIRE(machine.map(page(0), 1, prot_read, file_private, file, last_index).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

namespace {

class UnreadableSource final : public FileSource {
public:
    std::uint64_t size_bytes() const override { return 4 * page_size; }
    Result<void> read(std::uint64_t offset, std::span<std::byte>) const override {
        if (offset >= page_size) return fail(Errno::eio);
        return {};
    }
};

}  // namespace

TEST_CASE("fault: a page that cannot be read is SIGBUS; around a page that can it is left out") {
    Machine machine;
    const auto file = machine.files.open(std::make_unique<UnreadableSource>(), FileIdentity{.path = "/bad"});
    REQUIRE(machine.map(page(0), 4, read_write, file_private, file).has_value());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::file_major});
    CHECK(present(machine, 4) == interval(0, 1));
    CHECK(machine.read(page(1)) == Kinds{FaultKind::sigbus});
    CHECK(machine.write(page(2)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a private write copies the file's page, before or after it was read") {
    Machine machine;
    const auto file = machine.open(numbered_pages(3 * page_size));
    REQUIRE(machine.map(page(0), 3, read_write, file_private, file).has_value());
    // Written first: one fault, which reads and copies.
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    CHECK(machine.last_event().major);
    CHECK(machine.byte(page(0)) == std::byte{1});
    CHECK(machine.mm->rss() == RssCounters{PageCount(1), PageCount(0), PageCount(0)});
    machine.byte(page(0)) = std::byte{77};
    CHECK(machine.ram.frame(*file->cached(0))[0] == std::byte{1});
    // Read, then written.
    CHECK(machine.read(page(1)) == Kinds{FaultKind::file_major});
    CHECK(machine.mm->rss() == RssCounters{PageCount(1), PageCount(2), PageCount(0)});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::cow});
    CHECK_FALSE(machine.last_event().major);
    CHECK(machine.byte(page(1)) == std::byte{2});
    CHECK(machine.mm->rss() == RssCounters{PageCount(2), PageCount(1), PageCount(0)});
    CHECK(machine.write(page(1)) == Kinds{});
    CHECK(machine.memory.frames()[*file->cached(1)].map_count == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a copy keeps the tail of the file zero") {
    Machine machine;
    const auto file = machine.open(numbered_pages(100));
    REQUIRE(machine.map(page(0), 1, read_write, file_private, file).has_value());
    machine.write(page(0));
    CHECK(machine.byte(page(0) + 99) == std::byte{1});
    CHECK(machine.byte(page(0) + 100) == std::byte{0});
    CHECK(machine.byte(page(0) + 4095) == std::byte{0});
}

TEST_CASE("fault: two mappings of one file share its pages until one writes") {
    Machine machine;
    const auto file = machine.open(numbered_pages(page_size));
    REQUIRE(machine.map(page(0), 1, read_write, file_private, file).has_value());
    REQUIRE(machine.map(page(10), 1, prot_read, file_private, file).has_value());
    machine.read(page(0));
    CHECK(machine.read(page(10)) == Kinds{FaultKind::file_minor});
    CHECK(machine.pte(page(0)).pfn() == machine.pte(page(10)).pfn());
    CHECK(machine.memory.frames()[*file->cached(0)].map_count == 2);
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{9};
    CHECK(machine.byte(page(10)) == std::byte{1});
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a write to shared memory brings one page, writable at once, seen through every mapping") {
    Machine machine;
    const auto file = machine.open(numbered_pages(20 * page_size));
    fill_cache(*file);
    REQUIRE(machine.map(page(0), 20, read_write, file_shared, file).has_value());
    CHECK(machine.write(page(3)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 20) == interval(3, 4));
    CHECK(machine.last_event().pages_around == 0);
    CHECK(machine.read(page(4)) == Kinds{FaultKind::file_minor});
    CHECK(present(machine, 20) == interval(0, 16));
    machine.byte(page(3)) = std::byte{88};
    REQUIRE(machine.map(page(100), 1, prot_read, file_private, file, 3).has_value());
    machine.read(page(100));
    CHECK(machine.byte(page(100)) == std::byte{88});
    CHECK(machine.broken() == "");

    REQUIRE(machine.map(page(200), 4, read_write, anonymous_shared).has_value());
    CHECK(machine.write(page(200)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.read(page(201)) == Kinds{FaultKind::demand_zero});
    CHECK(machine.write(page(201)) == Kinds{});
    CHECK(machine.mm->rss().shared_memory == PageCount(2));
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a writable page that lost its right is given it back when it is nobody else's") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    const Pfn pfn = machine.pte(page(0)).pfn();
    emu::Pte* slot = machine.mm->page_table().find(page(0));
    *slot = slot->without_writable();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow_reuse});
    CHECK(machine.pte(page(0)).pfn() == pfn);
    CHECK(machine.pte(page(0)).writable());
    CHECK(machine.broken() == "");
}

TEST_CASE("fault: a page that somebody else refers to is copied") {
    Machine machine;
    REQUIRE(machine.map(page(0), 1).has_value());
    machine.write(page(0));
    machine.byte(page(0)) = std::byte{3};
    const Pfn pfn = machine.pte(page(0)).pfn();
    machine.memory.add_reference(pfn);
    emu::Pte* slot = machine.mm->page_table().find(page(0));
    *slot = slot->without_writable();
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow});
    CHECK(machine.pte(page(0)).pfn() != pfn);
    CHECK(machine.byte(page(0)) == std::byte{3});
    CHECK(machine.memory.frames()[pfn].reference_count == 1);
    CHECK(machine.memory.frames()[pfn].map_count == 0);
    machine.memory.release(pfn);
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
