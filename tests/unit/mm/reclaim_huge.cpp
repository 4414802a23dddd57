// Large pages under pressure: each is one page to the policy and leaves as a whole; what splits it makes 512 of it.
#include "tests/unit/mm/huge_support.hpp"

#include <random>

namespace fl::mm {

using namespace test;

namespace {

Pressure short_of(std::uint64_t user_frames, std::uint64_t slots, std::string_view policy) {
    Pressure pressure;
    pressure.reclaim.frames = PageCount(user_frames);
    pressure.reclaim.policy = policy_named(policy);
    pressure.reclaim.checks = PolicyChecks::on;
    pressure.swap.slots = PageCount(slots);
    return pressure;
}

// Every place of every mapping, as khugepaged goes over them; returns how many it gathered.
unsigned gather_all(MmStruct& mm) {
    unsigned gathered = 0;
    for (Vma* vma = mm.vmas().find(VirtAddr(0)); vma != nullptr; vma = vma->next()) {
        if (!mm.is_khugepaged_candidate(*vma)) continue;
        VirtAddr place = huge_page_floor(vma->start() + (huge_page_bytes - 1));
        for (; place + huge_page_bytes <= vma->end(); place = place + huge_page_bytes) {
            if (mm.khugepaged_collapse(*vma, place) == MmStruct::Collapse::done) ++gathered;
        }
    }
    return gathered;
}

}  // namespace

TEST_CASE("reclaim, huge: a large page is one to the policy until it is split") {
    HugeMachine machine;
    machine.reclaim_under(short_of(2000, 2048, "clock"));
    REQUIRE(machine.map(huge(0), 1024).has_value());
    machine.write(huge(0) + 5 * page_size);
    machine.write(huge(1));
    CHECK(machine.known_pages() == 2);
    CHECK(machine.reclaimer->frames() == PageCount(1024));
    CHECK(machine.reclaimer->peak_frames() == PageCount(1024));
    CHECK(machine.reclaimer->counters().admitted == 1024);
    CHECK(machine.resident_pages() == 1024);
    REQUIRE(machine.mm->protect(huge(0), page_size, prot_read).has_value());
    CHECK_FALSE(machine.is_large(huge(0)));
    CHECK(machine.known_pages() == 513);
    CHECK(machine.resident_pages() == 1024);
    CHECK(machine.reclaimer->counters().admitted == 1024);
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(huge(0), 2 * huge_page_bytes).has_value());
    CHECK(machine.known_pages() == 0);
    CHECK(machine.resident_pages() == 0);
    CHECK(machine.reclaimer->frames() == PageCount(0));
    CHECK(machine.broken() == "");
}

// Of two large pages one has to leave for a small one: all of it does, and the hand that passed over the other has
// cleared its A bit and left it large.
TEST_CASE("reclaim, huge: a large page leaves as a whole") {
    HugeMachine machine;
    machine.reclaim_under(short_of(1030, 2048, "clock"));
    REQUIRE(machine.map(huge(0), 1024).has_value());
    machine.number_pages(huge(0), 1024);
    REQUIRE(machine.is_large(huge(1)));
    const VirtAddr small = huge(8) + page_size;
    REQUIRE(machine.map(small, 7).has_value());
    machine.number_pages(small, 7);
    const ReclaimCounters& counters = machine.reclaimer->counters();
    CHECK(counters.evicted() == 512);
    CHECK(counters.dirty == 512);
    CHECK(machine.memory.huge_pages().counters.split_page == 1);
    CHECK(machine.mm->swap_entries() == PageCount(512));
    CHECK(machine.is_large(huge(0)) != machine.is_large(huge(1)));
    const VirtAddr stayed = machine.is_large(huge(0)) ? huge(0) : huge(1);
    CHECK_FALSE(machine.pte(stayed).accessed());
    CHECK(machine.known_pages() == 1 + 7);
    CHECK(machine.broken() == "");
    CHECK(machine.numbers_are(huge(0), 1024));
    CHECK(machine.numbers_are(small, 7));
    CHECK(machine.broken() == "");
    CHECK(machine.reclaimer->policy_error() == "");
}

TEST_CASE("reclaim, huge: what swap has no room for stays, page by page") {
    HugeMachine machine;
    machine.reclaim_under(short_of(600, 100, "fifo"));
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    const VirtAddr small = huge(8) + page_size;
    REQUIRE(machine.map(small, 300).has_value());
    machine.number_pages(small, 188);
    CHECK(machine.reclaimer->counters().evicted() == 100);
    CHECK(machine.reclaimer->frames() == PageCount(600));
    CHECK(machine.known_pages() == 600);
    CHECK_FALSE(machine.is_large(huge(0)));
    CHECK(machine.broken() == "");
    CHECK(machine.write(small + 200 * page_size) == Kinds{FaultKind::oom});
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(small, 300).has_value());
    CHECK(machine.numbers_are(huge(0), 512));
    CHECK(machine.reclaimer->policy_error() == "");
}

TEST_CASE("reclaim, huge: with --kswapd the background reclaimer counts what a large page frees") {
    HugeMachine machine;
    Pressure pressure = short_of(1100, 2048, "fifo");
    pressure.reclaim.kswapd = true;
    machine.reclaim_under(pressure);
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    const VirtAddr small = huge(8) + page_size;
    REQUIRE(machine.map(small, 900).has_value());
    for (std::uint64_t i = 0; !machine.reclaimer->kswapd_is_awake(); ++i) machine.put(small + i * page_size, 1);
    CHECK(machine.reclaimer->run_kswapd(PageCount(1)) == PageCount(512));
    CHECK(machine.reclaimer->counters().evicted() == 512);
    CHECK(machine.broken() == "");
}

// What is between two stores nobody has to clear again.
TEST_CASE("reclaim, huge: a large page is zeroes again for its next owner") {
    HugeMachine machine(1024);
    for (unsigned round = 1; round < 4; ++round) {
        REQUIRE(machine.map(huge(0), 512).has_value());
        machine.put(huge(0) + 7 * page_size * round, 0x55);
        REQUIRE(machine.is_large(huge(0)));
        for (std::uint64_t i = 0; i < 512; ++i)
            CHECK(machine.peek(huge(0) + i * page_size) == (i == 7 * round ? 0x55 : 0));
        CHECK(machine.broken() == "");
        REQUIRE(machine.mm->unmap(huge(0), huge_page_bytes).has_value());
    }
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.read(huge(0));
    // A store that nobody notes is what verify() is there for.
    machine.ram.frame(machine.pte(huge(0) + 9 * page_size).pfn())[1] = std::byte{1};
    CHECK(machine.broken() != "");
}

TEST_CASE("reclaim, huge: pages of a large page leave and come back as they were, under each policy") {
    for (const char* policy : {"fifo", "lru", "clock", "sieve", "mglru", "linux-2list", "nru", "wsclock"}) {
        CAPTURE(policy);
        HugeMachine machine;
        machine.reclaim_under(short_of(700, 2048, policy));
        REQUIRE(machine.map(huge(0), 512).has_value());
        CHECK(machine.write(huge(0)) == Kinds{FaultKind::demand_zero});
        REQUIRE(machine.is_large(huge(0)));
        CHECK(machine.reclaimer->frames() == PageCount(512));
        machine.number_pages(huge(0), 512);
        CHECK(machine.broken() == "");
        // There is room for 188 pages more, and for no large one.
        REQUIRE(machine.map(huge(2), 512).has_value());
        machine.number_pages(huge(2), 512);
        CHECK(machine.memory.huge_pages().counters.fault_fallback > 0);
        CHECK(machine.memory.huge_pages().counters.split_page > 0);
        CHECK_FALSE(machine.is_large(huge(0)));
        CHECK(machine.reclaimer->counters().evicted() >= 324);
        CHECK(machine.broken() == "");
        CHECK(machine.numbers_are(huge(0), 512));
        CHECK(machine.numbers_are(huge(2), 512));
        CHECK(machine.broken() == "");
        CHECK(machine.reclaimer->policy_error() == "");
    }
}

TEST_CASE("reclaim, huge: what fork shares leaves both sides") {
    HugeMachine parent;
    parent.reclaim_under(short_of(700, 2048, "fifo"));
    REQUIRE(parent.map(huge(0), 512).has_value());
    parent.number_pages(huge(0), 512);
    auto forked = parent.mm->fork();
    REQUIRE(forked.has_value());
    MmStruct& child = **forked;
    REQUIRE(parent.map(huge(2), 512).has_value());
    parent.number_pages(huge(2), 512);
    CHECK(parent.broken({&child}) == "");
    CHECK_FALSE(child.page_table().find(huge(0))->is_large());
    CHECK(parent.numbers_are(huge(0), 512));
    std::swap(parent.mm, *forked);
    parent.handler.set_mm(parent.mm.get());
    CHECK(parent.numbers_are(huge(0), 512));
    CHECK(parent.broken({forked->get()}) == "");
    forked->reset();
    CHECK(parent.broken() == "");
    CHECK(parent.numbers_are(huge(0), 512));
}

TEST_CASE("reclaim, huge: MADV_PAGEOUT takes a part, MADV_COLLAPSE brings it back") {
    HugeMachine machine;
    machine.reclaim_under(short_of(2000, 2048, "clock"));
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.number_pages(huge(0), 512);
    REQUIRE(machine.mm->advise(huge(0) + 10 * page_size, 100 * page_size, madv_pageout).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.mm->swap_entries() == PageCount(100));
    CHECK(machine.mm->rss().anonymous == PageCount(412));
    REQUIRE(machine.mm->advise(huge(0), huge_page_bytes, madv_collapse).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.is_large(huge(0)));
    CHECK(machine.mm->swap_entries() == PageCount(0));
    CHECK(machine.numbers_are(huge(0), 512));
}

TEST_CASE("reclaim, huge: a sample of the working set counts all pages and splits none") {
    std::uint64_t now = 0;
    Pressure pressure = short_of(2000, 2048, "fifo");
    pressure.reclaim.time_ns = [&now] { return now; };
    HugeMachine machine;
    machine.reclaim_under(pressure);
    machine.reclaimer->sample_working_set();
    REQUIRE(machine.map(huge(0), 512).has_value());
    machine.write(huge(0));
    now = 1'000'000;
    machine.reclaimer->run_due_work();
    CHECK(machine.reclaimer->working_set().pages == std::vector<std::uint32_t>{512});
    CHECK(machine.is_large(huge(0)));
    CHECK_FALSE(machine.pte(huge(0)).accessed());
    now = 2'000'000;
    machine.reclaimer->run_due_work();
    CHECK(machine.reclaimer->working_set().pages == std::vector<std::uint32_t>{512, 0});
    CHECK(machine.broken() == "");
}

// The same calls on two machines, one with large pages and one without: what programs find is the same.
TEST_CASE("reclaim, huge: random sequences with large pages and without find the same content") {
    constexpr std::uint64_t window_pages = 3 * 512;
    unsigned gathered = 0;
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        HugeMachine large, small;
        small.memory.huge_pages().mode = ThpMode::never;
        HugeMachine* const machines[] = {&large, &small};
        std::unique_ptr<MmStruct> children[2];
        const bool is_short = seed % 2 == 0;
        for (HugeMachine* machine : machines) {
            if (is_short) machine->reclaim_under(short_of(900, 4096, seed % 4 == 0 ? "clock" : "lru"));
            REQUIRE(machine->map(huge(0), window_pages).has_value());
        }
        for (unsigned step = 0; step < 50; ++step) {
            CAPTURE(step);
            const std::uint64_t whole = random() % 3 == 0 ? 511 : 0;
            const std::uint64_t first = random() % window_pages & ~whole;
            const std::uint64_t count =
                whole != 0 ? 512 : 1 + random() % std::min<std::uint64_t>(200, window_pages - first);
            const VirtAddr at = huge(0) + first * page_size;
            const std::uint64_t bytes = count * page_size;
            const std::uint64_t what = random() % 12;
            const int value = static_cast<int>(1 + random() % 255);
            const std::uint64_t stride = 1 + random() % 60;
            const std::uint64_t prot = random() % 3 == 0 ? prot_read : read_write;
            const std::uint64_t probed = random() % 97;
            if (random() % 2 == 0) gathered += gather_all(*large.mm);
            std::string answers[2];
            std::vector<int> found[2];
            for (std::size_t i = 0; i < 2; ++i) {
                HugeMachine& machine = *machines[i];
                MmStruct& mm = *machine.mm;
                switch (what) {
                    case 0: answers[i] = outcome(mm.unmap(at, bytes)); break;
                    case 1: answers[i] = outcome(machine.map(at, count)); break;
                    case 2: answers[i] = outcome(mm.protect(at, bytes, prot)); break;
                    case 3: answers[i] = outcome(mm.advise(at, bytes, madv_dontneed)); break;
                    case 4:
                        answers[i] = outcome(mm.remap({.address = at,
                                                       .old_bytes = bytes,
                                                       .new_bytes = bytes,
                                                       .flags = mremap_maymove | mremap_fixed,
                                                       .new_address = huge(8) + first * page_size}));
                        if (answers[i] == "ok") answers[i] += outcome(machine.map(at, count));
                        break;
                    case 5: (void)mm.advise(at, bytes, madv_collapse); break;
                    case 6:
                        if (is_short) (void)mm.advise(at, bytes, madv_pageout);
                        break;
                    case 7: {
                        auto child = mm.fork();
                        if (child) children[i] = std::move(*child);
                        answers[i] = outcome(child);
                        break;
                    }
                    case 8: children[i].reset(); break;
                    default:
                        for (std::uint64_t page = first; page < first + count; page += stride) {
                            const VirtAddr here = huge(0) + page * page_size;
                            const Kinds kinds = machine.write(here);
                            if (kinds.empty() || !is_fatal(kinds.back())) {
                                machine.byte(here) = static_cast<std::byte>(value);
                            }
                        }
                }
                for (std::uint64_t page = probed; page < window_pages; page += 97) {
                    found[i].push_back(machine.get(huge(0) + page * page_size));
                    found[i].push_back(machine.get(huge(8) + page * page_size));
                }
                std::vector<const MmStruct*> others;
                if (children[i]) others.push_back(children[i].get());
                REQUIRE(machine.broken(others) == "");
            }
            REQUIRE(answers[0] == answers[1]);
            REQUIRE(found[0] == found[1]);
        }
    }
    CHECK(gathered > 10);
}

}  // namespace fl::mm
