#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

// One digit for each page, as far as the answer goes.
std::string residency(const Machine& machine, std::uint64_t first, std::uint64_t pages) {
    std::vector<std::byte> answer(pages);
    const auto count = machine.mm->mincore(page(first), answer);
    if (!count) return outcome(count);
    std::string text;
    for (std::uint64_t i = 0; i < count->value(); ++i) text += answer[i] == std::byte{0} ? '0' : '1';
    return text;
}

}  // namespace

TEST_CASE(
    "mincore: one VMA at a time; anonymous pages count once they were touched, pages of files once they were read") {
    Machine machine;
    const auto file = machine.open(numbered_pages(3 * page_size));
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.map(page(4), 4, read_write, map_private | map_fixed, file).has_value());
    CHECK(residency(machine, 0, 8) == "0000");
    machine.read(page(1));
    machine.write(page(2));
    CHECK(residency(machine, 0, 3) == "011");
    CHECK(residency(machine, 4, 8) == "0000");
    REQUIRE(file->read_page(1).has_value());
    CHECK(residency(machine, 4, 4) == "0100");
    machine.write(page(4));
    CHECK(residency(machine, 4, 4).substr(0, 1) == "1");
    CHECK(residency(machine, 8, 1) == "ENOMEM");
    // A guard is no page; behind one in a file mapping is the file's.
    REQUIRE(machine.mm->advise(page(2), page_size, 102).has_value());
    REQUIRE(machine.mm->advise(page(5), 2 * page_size, 102).has_value());
    CHECK(residency(machine, 0, 4) == "0100");
    CHECK(residency(machine, 5, 1) == "1");
    CHECK(machine.broken() == "");
}

TEST_CASE("msync: each errno, in order") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 2).has_value());
    REQUIRE(machine.map(page(3), 2).has_value());
    CHECK(outcome(mm.sync(page(0), page_size, 8)) == "EINVAL");
    CHECK(outcome(mm.sync(page(0) + 1, page_size, ms_sync)) == "EINVAL");
    CHECK(outcome(mm.sync(page(0), page_size, ms_sync | ms_async)) == "EINVAL");
    CHECK(outcome(mm.sync(page(0), ~page_mask, ms_sync)) == "ENOMEM");
    CHECK(outcome(mm.sync(page(0), ~std::uint64_t{0}, ms_sync)) == "ok");  // rounds to nothing
    CHECK(outcome(mm.sync(page(50), 0, ms_sync)) == "ok");
    CHECK(outcome(mm.sync(page(0), 2 * page_size, ms_sync)) == "ok");
    CHECK(outcome(mm.sync(page(0), 2 * page_size, 0)) == "ok");
    CHECK(outcome(mm.sync(page(2), page_size, ms_sync)) == "ENOMEM");
    CHECK(outcome(mm.sync(page(50), page_size, ms_sync)) == "ENOMEM");
    REQUIRE(mm.lock(page(3), page_size, VmFlags()).has_value());
    // A hole is reported at the end, unless all that is asked for is to begin writing.
    CHECK(outcome(mm.sync(page(0), 5 * page_size, ms_sync)) == "ENOMEM");
    CHECK(outcome(mm.sync(page(0), 5 * page_size, ms_sync | ms_invalidate)) == "EBUSY");
    CHECK(outcome(mm.sync(page(0), 5 * page_size, ms_async | ms_invalidate)) == "EBUSY");
    CHECK(outcome(mm.sync(page(0), 5 * page_size, ms_async)) == "ENOMEM");
    CHECK(outcome(mm.sync(page(3), page_size, ms_invalidate)) == "EBUSY");
    CHECK(outcome(mm.sync(page(4), page_size, ms_invalidate)) == "ok");
}

}  // namespace fl::mm
