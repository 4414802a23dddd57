// What khugepaged finds worth it: the limits that it goes by, and who uses the pages.
#include "tests/unit/mm/huge_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

using Collapse = MmStruct::Collapse;

// One place of 2 MiB that came in 4 KiB, where large pages may be now.
class OnePlace : public HugeMachine {
public:
    explicit OnePlace(std::uint64_t pages = 512) : OnePlace(pages, std::nullopt) {}
    OnePlace(std::uint64_t pages, const std::optional<Pressure>& pressure) {
        if (pressure) reclaim_under(*pressure);
        memory.huge_pages().mode = ThpMode::never;
        REQUIRE(map(huge(0), 512).has_value());
        number_pages(huge(0), pages);
        memory.huge_pages().mode = ThpMode::always;
    }
    Vma& vma() const { return *mm->vmas().find(huge(0)); }
    Collapse gather() const { return mm->khugepaged_collapse(vma(), huge(0)); }
    Khugepaged& settings() { return memory.huge_pages().khugepaged; }
    void give_up(std::uint64_t first, std::uint64_t count) const {
        REQUIRE(mm->advise(huge(0) + first * page_size, count * page_size, madv_dontneed).has_value());
    }
};

Pressure clock_with_swap() {
    Pressure pressure;
    pressure.reclaim.policy = policy_named("clock");
    pressure.reclaim.checks = PolicyChecks::on;
    pressure.swap.slots = PageCount(2048);
    return pressure;
}

}  // namespace

TEST_CASE("khugepaged: a place whose pages are used becomes one large page") {
    OnePlace place;
    CHECK(place.mm->is_khugepaged_candidate(place.vma()));
    CHECK(place.gather() == Collapse::done);
    CHECK(place.is_large(huge(0)));
    CHECK(place.numbers_are(huge(0), 512));
    CHECK(place.broken() == "");
    CHECK(place.memory.huge_pages().counters.collapse_alloc == 1);
    CHECK(place.gather() == Collapse::is_large);
}

TEST_CASE("khugepaged: which mappings it looks at") {
    OnePlace place;
    REQUIRE(place.map(huge(2), 512).has_value());
    CHECK_FALSE(place.mm->is_khugepaged_candidate(*place.mm->vmas().find(huge(2))));  // nothing was written there yet
    CHECK(place.gather() == Collapse::done);
    REQUIRE(place.mm->advise(huge(0), huge_page_bytes, madv_nohugepage).has_value());
    CHECK_FALSE(place.mm->is_khugepaged_candidate(place.vma()));
    REQUIRE(place.mm->advise(huge(0), huge_page_bytes, madv_hugepage).has_value());
    CHECK(place.mm->is_khugepaged_candidate(place.vma()));
    place.memory.huge_pages().mode = ThpMode::never;
    CHECK_FALSE(place.mm->is_khugepaged_candidate(place.vma()));
}

TEST_CASE("khugepaged: pages that nobody has used for long stay as they are") {
    OnePlace place;
    place.mm->clear_references(MmStruct::Pages::all);
    CHECK(place.gather() == Collapse::unfit);
    place.read(huge(0) + 9 * page_size);
    CHECK(place.gather() == Collapse::done);
    CHECK(place.broken() == "");
}

TEST_CASE("khugepaged: what a sample of the working set has taken over still counts as used") {
    std::uint64_t now = 0;
    Pressure pressure = clock_with_swap();
    pressure.reclaim.time_ns = [&now] { return now; };
    OnePlace place(512, pressure);
    place.reclaimer->sample_working_set();
    now = 1'000'000;
    place.reclaimer->run_due_work();
    CHECK_FALSE(place.pte(huge(0)).accessed());
    CHECK(place.gather() == Collapse::done);
    CHECK(place.broken() == "");
}

TEST_CASE("khugepaged: how many pages may be missing") {
    OnePlace place(300);
    place.read(huge(0) + 400 * page_size);  // a page of zeroes is as good as none
    place.settings().max_ptes_none = 211;
    CHECK(place.gather() == Collapse::unfit);
    CHECK(place.settings().scan_exceed_none == 1);
    place.settings().max_ptes_none = 212;
    CHECK(place.gather() == Collapse::done);
    CHECK(place.settings().scan_exceed_none == 1);
    CHECK(place.numbers_are(huge(0), 300));
    CHECK(place.get(huge(0) + 400 * page_size) == 0);
}

TEST_CASE("khugepaged: how many pages may be shared") {
    OnePlace place(300);
    auto child = place.mm->fork();
    REQUIRE(child.has_value());
    place.settings().max_ptes_shared = 299;
    CHECK(place.gather() == Collapse::unfit);
    CHECK(place.settings().scan_exceed_shared == 1);
    place.put(huge(0), HugeMachine::number_of(0));  // its own now
    CHECK(place.gather() == Collapse::done);
    CHECK(place.broken({child->get()}) == "");
    CHECK(place.numbers_are(huge(0), 300));
}

TEST_CASE("khugepaged: how many pages may be in swap, and that enough of the others are used") {
    OnePlace place(512, clock_with_swap());
    const auto page_out = [&place](std::uint64_t first, std::uint64_t count) {
        REQUIRE(place.mm->advise(huge(0) + first * page_size, count * page_size, madv_pageout).has_value());
    };
    page_out(0, 65);
    REQUIRE(place.mm->swap_entries() == PageCount(65));
    CHECK(place.gather() == Collapse::unfit);
    CHECK(place.settings().scan_exceed_swap == 1);
    place.get(huge(0));
    place.mm->clear_references(MmStruct::Pages::all);
    for (std::uint64_t i = 100; i < 355; ++i) place.read(huge(0) + i * page_size);
    CHECK(place.gather() == Collapse::unfit);
    CHECK(place.settings().scan_exceed_swap == 1);
    place.read(huge(0) + 355 * page_size);
    CHECK(place.gather() == Collapse::done);
    CHECK(place.mm->swap_entries() == PageCount(0));
    CHECK(place.numbers_are(huge(0), 512));
    CHECK(place.broken() == "");
}

TEST_CASE("khugepaged: advice knows no limits, but a page that somebody holds on to is in the way of both") {
    OnePlace place(1);
    place.settings().max_ptes_none = 0;
    place.mm->clear_references(MmStruct::Pages::all);
    const Pfn held = place.pte(huge(0)).pfn();
    place.memory.add_reference(held);
    place.settings().max_ptes_none = 511;
    CHECK(place.gather() == Collapse::busy);
    CHECK(outcome(place.mm->advise(huge(0), huge_page_bytes, madv_collapse)) == "EAGAIN");
    CHECK(place.pte(huge(0)).pfn() == held);
    place.memory.release(held);
    place.settings().max_ptes_none = 0;
    CHECK(place.gather() == Collapse::unfit);
    CHECK(outcome(place.mm->advise(huge(0), huge_page_bytes, madv_collapse)) == "ok");
    CHECK(place.broken() == "");
}

TEST_CASE("khugepaged: guards, protected pages, places without a table") {
    OnePlace place(300);
    REQUIRE(place.map(huge(3), 512).has_value());
    CHECK(place.mm->khugepaged_collapse(*place.mm->vmas().find(huge(3)), huge(3)) == Collapse::nothing_there);
    REQUIRE(place.mm->advise(huge(0) + 500 * page_size, page_size, madv_guard_install).has_value());
    CHECK(place.gather() == Collapse::refused);
    REQUIRE(place.mm->advise(huge(0) + 500 * page_size, page_size, madv_guard_remove).has_value());
    CHECK(place.gather() == Collapse::done);
}

}  // namespace fl::mm
