// What leaves for swap and comes back: private memory of one process. Files are in reclaim_files.cpp, what fork shares
// in reclaim_fork.cpp.
#include "mm/reclaimer.hpp"

#include "tests/unit/mm/reclaim_support.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("reclaim: a dirty page is written once, and leaves without a write for as long as nobody wrote to it") {
    ShortMachine machine(pressure(2));
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    CHECK(machine.put(2, 12) == Kinds{FaultKind::demand_zero});
    CHECK(machine.swapped(0));
    CHECK(machine.mm->swap_entries() == PageCount(1));
    CHECK(machine.broken() == "");
    REQUIRE(machine.observer.evictions.size() == 1);
    const EvictionEvent gone = machine.observer.evictions.front();
    CHECK(gone.dirty);
    CHECK_FALSE(gone.dropped);
    CHECK(gone.for_fault == 3);
    CHECK(gone.page.address == page(0));
    CHECK(machine.last_event().victim->page.id == gone.page.id);

    CHECK(machine.get(0) == 10);
    CHECK(machine.last_event().kind == FaultKind::swap_in);
    CHECK(machine.last_event().major);
    CHECK(machine.last_event().slot == gone.slot);
    CHECK(machine.last_event().refault_distance == 1);
    CHECK(machine.mm->swap_entries() == PageCount(1));
    CHECK(machine.broken() == "");
    // Its slot has the bytes still.
    const std::uint64_t writes = machine.swap->counters().writes;
    CHECK(machine.advise(0, 1, test::madv_pageout) == "ok");
    CHECK(machine.swapped(0));
    CHECK(machine.slot(0) == gone.slot);
    CHECK(machine.swap->counters().writes == writes);
    CHECK_FALSE(machine.observer.evictions.back().dirty);
    CHECK(machine.broken() == "");
    // A page that was read and then written to differs from its slot.
    CHECK(machine.get(0) == 10);
    CHECK(machine.put(0, 20) == Kinds{});
    CHECK(machine.advise(0, 1, test::madv_pageout) == "ok");
    CHECK(machine.swap->counters().writes == writes + 1);
    CHECK(machine.get(0) == 20);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a write to a page in swap takes one fault and gives the slot up") {
    ShortMachine machine(pressure(2));
    REQUIRE(machine.map(page(0), 3).has_value());
    machine.put(0, 10);
    machine.push_out(2);
    REQUIRE(machine.swapped(0));
    CHECK(machine.put(0, 20) == Kinds{FaultKind::swap_in});
    CHECK(machine.pte(page(0)).writable());
    CHECK_FALSE(machine.memory.frames()[machine.pte(page(0)).pfn()].swap_slot().has_value());
    CHECK(machine.get(0) == 20);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: what nobody may take stays: locked pages, and pages that somebody holds") {
    ShortMachine machine(pressure(3));
    REQUIRE(machine.map(page(0), 3).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    REQUIRE(machine.mm->lock(page(0), page_size, VmFlags()).has_value());
    const Pfn held = machine.pte(page(1)).pfn();
    machine.memory.add_reference(held);
    machine.push_out(6);
    CHECK(machine.resident(0));
    CHECK(machine.resident(1));
    CHECK(machine.advise(1, 1, test::madv_pageout) == "ok");
    CHECK(machine.resident(1));
    machine.memory.release(held);
    CHECK(machine.broken() == "");
    machine.push_out(1);
    machine.push_out(1);
    CHECK(machine.swapped(1));
    CHECK(machine.resident(0));
    CHECK(machine.get(1) == 11);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: without swap private pages stay, and who needs a frame fails with all as it was") {
    for (const std::uint64_t slots : {0, 1}) {
        CAPTURE(slots);
        ShortMachine machine(pressure(3, slots));
        REQUIRE(machine.map(page(0), 8).has_value());
        for (std::uint64_t i = 0; i < 3 + slots; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
        const RssCounters rss = machine.mm->rss();
        const PageCount free = machine.free_frames();
        CHECK(machine.write(page(6)) == Kinds{FaultKind::oom});
        CHECK(machine.handler.take_oom());
        CHECK(machine.mm->rss() == rss);
        CHECK(machine.free_frames() == free);
        CHECK(machine.broken() == "");
        REQUIRE(machine.mm->unmap(page(2), page_size).has_value());
        CHECK(machine.write(page(6)) == Kinds{FaultKind::demand_zero});
        // The one that is in swap comes back for one that leaves: its slot is free then.
        CHECK(machine.get(0) == (slots == 0 ? 10 : -1));
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("reclaim: a slot that only a frame refers to is taken where all are in use, and its page is dirty again") {
    ShortMachine machine(pressure(2, 4));
    REQUIRE(machine.map(page(0), 6).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    machine.put(2, 12);
    // Half of the slots are free, so that it keeps its own.
    CHECK(machine.get(0) == 10);
    REQUIRE(machine.memory.frames()[machine.pte(page(0)).pfn()].swap_slot().has_value());
    for (std::uint64_t i = 1; i < 5; ++i) {
        machine.put(i, 10 + static_cast<unsigned>(i));
        CHECK(machine.broken() == "");
    }
    for (std::uint64_t i = 0; i < 5; ++i) CHECK(machine.get(i) == 10 + static_cast<int>(i));
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: MADV_FREE pages are dropped, but not once they were written to again") {
    ShortMachine machine(pressure(4));
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    CHECK(machine.advise(0, 2, test::madv_free) == "ok");
    CHECK(machine.put(1, 21) == Kinds{});
    machine.push_out(4);
    CHECK(machine.pte(page(0)).is_none());
    CHECK(machine.swapped(1));
    CHECK(machine.counted().lazily_freed == 1);
    CHECK(machine.broken() == "");
    CHECK(machine.get(0) == 0);
    CHECK(machine.get(1) == 21);
    // Read back and clean, it is no page of MADV_FREE's any more.
    machine.push_out(4);
    CHECK(machine.swapped(1));
    CHECK(machine.get(1) == 21);
    // What is in swap goes at once.
    machine.push_out(4);
    CHECK(machine.advise(1, 1, test::madv_free) == "ok");
    CHECK(machine.pte(page(1)).is_none());
    CHECK(machine.get(1) == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: MAP_DROPPABLE pages are dropped, written to or not, and never go to swap") {
    ShortMachine machine(pressure(4));
    REQUIRE(machine.map(page(0), 2, read_write, map_droppable | map_anonymous | map_fixed).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    machine.push_out(4);
    CHECK(machine.pte(page(0)).is_none());
    CHECK(machine.get(0) == 0);
    CHECK(machine.counted().lazily_freed == 2);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: pages that are written ahead leave clean, and the processor tells of writes after that") {
    std::uint64_t now = 0;
    Pressure ahead = pressure(4);
    ahead.reclaim.policy = WritesAhead::choice();
    ahead.reclaim.time_ns = [&] { return now; };
    ShortMachine machine(ahead);
    REQUIRE(machine.map(page(0), 4).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
    // Written to after MADV_FREE, and written out: it is not to be dropped.
    CHECK(machine.advise(0, 1, test::madv_free) == "ok");
    machine.put(0, 20);
    (void)machine.mm->take_effects();
    now += WritesAhead::interval_ns;
    machine.reclaimer->run_due_work();
    CHECK(machine.mm->take_effects().tlb_stale);
    CHECK(machine.counted().ahead == 3);
    CHECK(machine.observer.write_backs.size() == 3);
    CHECK_FALSE(machine.pte(page(0)).dirty());
    CHECK(machine.broken() == "");
    CHECK(machine.put(1, 21) == Kinds{});
    CHECK(machine.pte(page(1)).dirty());
    const std::uint64_t writes = machine.swap->counters().writes;
    machine.push_out(4);
    CHECK(machine.swap->counters().writes == writes + 1);
    CHECK(machine.get(0) == 20);
    CHECK(machine.get(1) == 21);
    CHECK(machine.get(2) == 12);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: pages in swap are unmapped, moved and protected as others are") {
    ShortMachine machine(pressure(4));
    REQUIRE(machine.map(page(0), 4).has_value());
    for (std::uint64_t i = 0; i < 4; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
    machine.push_out(4);
    for (std::uint64_t i = 0; i < 4; ++i) REQUIRE(machine.swapped(i));

    REQUIRE(machine.mm->unmap(page(3), page_size).has_value());
    CHECK(machine.swap->used_slot_count() == PageCount(3));
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm
                ->remap({.address = page(0),
                         .old_bytes = page_size,
                         .new_bytes = page_size,
                         .flags = mremap_maymove | mremap_fixed,
                         .new_address = page(40)})
                .has_value());
    CHECK(machine.swapped(40));
    CHECK(machine.broken() == "");
    CHECK(machine.get(40) == 10);
    REQUIRE(machine.mm->protect(page(1), page_size, prot_read).has_value());
    CHECK(machine.write(page(1)) == Kinds{FaultKind::segv_accerr});
    CHECK(machine.get(1) == 11);
    CHECK_FALSE(machine.pte(page(1)).writable());
    REQUIRE(machine.mm->protect(page(2), page_size, 0).has_value());
    CHECK(machine.get(2) == -1);
    CHECK(machine.broken() == "");
    // By force, without anybody seeing it.
    std::array<std::byte, 1> bytes{};
    CHECK(machine.user().copy_from_remote(page(2), bytes, Rights::overridden) == 1);
    CHECK(bytes[0] == std::byte{12});
    CHECK_FALSE(machine.pte(page(2)).is_present());
    CHECK(machine.broken() == "");
    machine.push_out(5);
    CHECK(machine.swapped(2));
    const std::array<std::byte, 1> written{std::byte{77}};
    CHECK(machine.user().copy_to_remote(page(2), written, Rights::overridden) == 1);
    machine.push_out(5);
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->protect(page(2), page_size, read_write).has_value());
    CHECK(machine.get(2) == 77);
    CHECK(machine.advise(2, 1, test::madv_dontneed) == "ok");
    CHECK(machine.get(2) == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: MADV_WILLNEED brings pages back before they are touched, and mincore knows") {
    ShortMachine machine(pressure(4));
    REQUIRE(machine.map(page(0), 3).has_value());
    for (std::uint64_t i = 0; i < 3; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
    const auto in_core = [&] {
        std::array<std::byte, 3> pages{};
        REQUIRE(machine.mm->mincore(page(0), pages).has_value());
        return std::to_integer<int>(pages[0]) + std::to_integer<int>(pages[1]) * 10 +
               std::to_integer<int>(pages[2]) * 100;
    };
    CHECK(in_core() == 111);
    CHECK(machine.advise(0, 3, test::madv_pageout) == "ok");
    CHECK(in_core() == 0);
    CHECK(machine.advise(0, 2, test::madv_willneed) == "ok");
    CHECK(in_core() == 11);
    CHECK(machine.swapped(0));
    CHECK(machine.broken() == "");
    CHECK(machine.get(0) == 10);
    CHECK_FALSE(machine.last_event().major);
    // The other one leaves again without having been mapped.
    machine.push_out(5);
    CHECK(in_core() == 0);
    CHECK(machine.broken() == "");
    CHECK(machine.get(1) == 11);
    // Nobody has to leave for it.
    machine.push_out(4);
    CHECK(machine.advise(0, 3, test::madv_willneed) == "ok");
    CHECK(in_core() == 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a page that cannot be read is SIGBUS; its entry stays and the next read may work") {
    Pressure every_second = pressure(2);
    every_second.swap.errors.every_read = 2;
    ShortMachine machine(every_second);
    REQUIRE(machine.map(page(0), 3).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    machine.push_out(2);
    CHECK(machine.get(0) == 10);
    CHECK(machine.read(page(1)) == Kinds{FaultKind::sigbus});
    CHECK(machine.swapped(1));
    CHECK(machine.broken() == "");
    CHECK(machine.get(1) == 11);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: a page that cannot be written stays, another one leaves, and nothing is lost") {
    for (const std::uint64_t every : {1, 2, 3}) {
        CAPTURE(every);
        Pressure failing = pressure(3);
        failing.swap.errors.every_write = every;
        ShortMachine machine(failing);
        REQUIRE(machine.map(page(0), 12).has_value());
        for (std::uint64_t i = 0; i < 3; ++i) machine.put(i, 10 + static_cast<unsigned>(i));
        for (std::uint64_t i = 3; i < 12; ++i) {
            if (every == 1) {
                CHECK(machine.write(page(i)) == Kinds{FaultKind::oom});
            } else {
                machine.put(i, 10 + static_cast<unsigned>(i));
            }
            CHECK(machine.broken() == "");
        }
        CHECK(machine.counted().failed_writes > 0);
        for (std::uint64_t i = 0; i < (every == 1 ? 3 : 12); ++i) CHECK(machine.get(i) == 10 + static_cast<int>(i));
        CHECK(machine.broken() == "");
    }
}

TEST_CASE("reclaim: MADV_PAGEOUT tries a page again that could not be written") {
    Pressure failing = pressure(4);
    failing.swap.errors.every_write = 2;
    ShortMachine machine(failing);
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    CHECK(machine.advise(0, 2, test::madv_pageout) == "ok");
    CHECK(machine.swapped(0));
    CHECK(machine.resident(1));
    CHECK(machine.advise(1, 1, test::madv_pageout) == "ok");
    CHECK(machine.swapped(1));
    CHECK(machine.broken() == "");
    CHECK(machine.get(1) == 11);
}

TEST_CASE("reclaim: a write-protected page is told of after it came back from swap, to whoever makes the write") {
    struct Context final : UserfaultContext {
        Context() : UserfaultContext(false) {}
        std::shared_ptr<UserfaultContext> for_child() const override { return std::make_shared<Context>(); }
    };
    ShortMachine machine(pressure(4));
    REQUIRE(machine.map(page(0), 2).has_value());
    machine.put(0, 10);
    machine.put(1, 11);
    const VirtRange both{page(0), page(2)};
    REQUIRE(machine.mm->register_userfault(both, vm_uffd_wp, std::make_shared<Context>()).has_value());
    REQUIRE(machine.mm->write_protect({page(0), page(1)}, WriteProtection::on).has_value());
    machine.push_out(4);
    REQUIRE(machine.swapped(0));
    REQUIRE(machine.mm->write_protect({page(1), page(2)}, WriteProtection::on).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.get(0) == 10);
    CHECK_FALSE(machine.pte(page(0)).writable());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::userfault});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::swap_in, FaultKind::userfault});
    CHECK(machine.broken() == "");
    machine.push_out(4);
    const std::array<std::byte, 1> bytes{std::byte{99}};
    CHECK(machine.user().copy_to_remote(page(0), bytes, Rights::obeyed) == 0);
    CHECK(machine.handler.has_userfault() == false);
    CHECK(machine.get(0) == 10);
    CHECK(machine.broken() == "");
    machine.push_out(4);
    REQUIRE(machine.mm->write_protect(both, WriteProtection::none).has_value());
    CHECK(machine.put(0, 30) == Kinds{FaultKind::swap_in});
    CHECK(machine.get(1) == 11);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: numbers come to mean other pages only once theirs are gone") {
    ShortMachine machine(pressure(3));
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.put(0, 10);
    const auto number = [&](std::uint64_t at) { return machine.memory.frames()[machine.pte(page(at)).pfn()].page - 1; };
    const PageId first = number(0);
    machine.push_out(3);
    REQUIRE(machine.swapped(0));
    // It has a number while it is away, and the same one when it is back.
    machine.put(1, 11);
    CHECK(number(1) != first);
    CHECK(machine.get(0) == 10);
    CHECK(number(0) == first);
    CHECK(machine.last_event().refault_distance.has_value());
    machine.push_out(3);
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    machine.put(2, 12);
    CHECK(number(2) == first);
    CHECK(machine.last_event().refault_distance == std::nullopt);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: page tables and what is for the kernel alone push user pages out of RAM") {
    Pressure all_of_ram = pressure(1);
    all_of_ram.reclaim.frames = std::nullopt;
    Machine machine(16);
    machine.reclaim_under(all_of_ram);
    REQUIRE(machine.map(page(0), 16).has_value());
    for (std::uint64_t i = 0; i < 16; ++i) {
        machine.write(page(i));
        machine.byte(page(i)) = static_cast<std::byte>(i + 1);
        CHECK(machine.broken() == "");
    }
    // Tables far away: two each.
    for (std::uint64_t i = 1; i <= 3; ++i) {
        const VirtAddr far = page(0) + (i << 30);
        REQUIRE(machine.map(far, 1).has_value());
        CHECK(machine.read(far) == Kinds{FaultKind::zero_page});
        CHECK(machine.broken() == "");
    }
    for (std::uint64_t i = 0; i < 16; ++i) {
        machine.read(page(i));
        CHECK(machine.byte(page(i)) == static_cast<std::byte>(i + 1));
    }
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: kswapd is woken below the low watermark and works up to the high one") {
    const Watermarks marks = watermarks_for(PageCount(16));
    CHECK(marks.min < marks.low);
    CHECK(marks.low < marks.high);
    unsigned woken = 0;
    Pressure with_kswapd = pressure(16);
    with_kswapd.reclaim.kswapd = true;
    with_kswapd.reclaim.wake_kswapd = [&] { ++woken; };
    ShortMachine machine(with_kswapd);
    REQUIRE(machine.map(page(0), 32).has_value());
    std::uint64_t touched = 0;
    while (!machine.reclaimer->kswapd_is_awake()) machine.put(touched++, 1);
    CHECK(woken == 1);
    CHECK(machine.counted().evicted() == 0);
    machine.put(touched++, 1);
    CHECK(woken == 1);
    CHECK(machine.reclaimer->run_kswapd(PageCount(1)) == PageCount(1));
    CHECK(machine.reclaimer->kswapd_is_awake());
    CHECK(machine.counted().kswapd_runs == 0);
    CHECK(machine.reclaimer->run_kswapd() > PageCount(0));
    CHECK_FALSE(machine.reclaimer->kswapd_is_awake());
    CHECK(machine.counted().kswapd_runs == 1);
    CHECK(PageCount(16) - machine.reclaimer->frames() == marks.high);
    CHECK(machine.observer.evictions.back().reason == ReclaimReason::kswapd);
    CHECK(machine.observer.evictions.back().for_fault == 0);
    CHECK(machine.broken() == "");
    // Nobody runs it: whoever needs a frame keeps `min` free himself.
    for (std::uint64_t i = 0; i < 16; ++i) machine.put(touched++, 1);
    CHECK(PageCount(16) - machine.reclaimer->frames() >= marks.min);
    CHECK(machine.counted().direct_reclaims > 0);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: the working set is counted once for each stretch of time") {
    std::uint64_t now = 0;
    Pressure timed = pressure(4);
    timed.reclaim.time_ns = [&] { return now; };
    ShortMachine machine(timed);
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.reclaimer->sample_working_set();
    const auto sample = [&] {
        now = machine.reclaimer->next_due_ns();
        machine.reclaimer->run_due_work();
        return machine.reclaimer->working_set().pages.back();
    };
    machine.put(0, 10);
    machine.put(1, 11);
    CHECK(sample() == 2);
    CHECK(sample() == 0);
    CHECK(machine.get(1) == 11);
    CHECK(sample() == 1);
    // Pages that leave count where they were touched since, and else not.
    machine.push_out(4);
    CHECK(sample() == 4);
    machine.push_out(2);
    CHECK(sample() == 2);
    // Who sleeps touches nothing.
    const std::size_t before = machine.reclaimer->working_set().pages.size();
    now += 10 * machine.reclaimer->working_set().interval_ns;
    machine.reclaimer->run_due_work();
    CHECK(machine.reclaimer->working_set().pages.size() == before + 10);
    CHECK(machine.broken() == "");
}

TEST_CASE("reclaim: ticks come as the policy asks for them, and what was slept through is over") {
    std::uint64_t now = 5;
    Pressure timed = pressure(4, 8, "nfu-aging");
    timed.reclaim.time_ns = [&] { return now; };
    ShortMachine machine(timed);
    const std::uint64_t first = machine.reclaimer->next_due_ns();
    REQUIRE(first > now);
    const std::uint64_t interval = first - now;
    machine.reclaimer->run_due_work();
    CHECK(machine.reclaimer->next_due_ns() == first);
    now = first + 3 * interval + 1;
    machine.reclaimer->run_due_work();
    CHECK(machine.reclaimer->next_due_ns() == first + 4 * interval);
}

TEST_CASE("reclaim: a policy that lies is not asked again, and nothing is corrupted") {
    for (int lie = 1; lie <= 9; ++lie) {
        CAPTURE(lie);
        Pressure lying = pressure(2);
        lying.reclaim.policy = policy_named(FAULTLINE_PLUGIN_FOLDER "/liar.so,lie=" + std::to_string(lie));
        ShortMachine machine(lying);
        REQUIRE(machine.map(page(0), 8).has_value());
        std::uint64_t there = 0;
        for (; there < 8; ++there) {
            if (machine.write(page(there)).back() == FaultKind::oom) break;
            machine.byte(page(there)) = static_cast<std::byte>(10 + there);
            if (there == 0) REQUIRE(machine.mm->lock(page(0), page_size, VmFlags()).has_value());
            CHECK(machine.broken() == "");
        }
        CHECK(machine.reclaimer->has_policy_error());
        CHECK(machine.reclaimer->policy_error().starts_with("policy liar "));
        CHECK(machine.broken() == "");
        for (std::uint64_t i = 0; i < there; ++i) {
            if (machine.resident(i)) CHECK(machine.get(i) == 10 + static_cast<int>(i));
        }
        CHECK(machine.broken() == "");
    }
}

}  // namespace fl::mm
