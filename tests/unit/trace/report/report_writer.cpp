#include "trace/report/report_writer.hpp"

#include "mm/file_identity.hpp"
#include "payload_support.hpp"
#include "tests/unit/trace/event_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace fl;
using namespace fl::trace;
using namespace fl::trace::report;
using fl::trace::test::ReadPayload;
using Numbers = std::vector<std::uint64_t>;
using Texts = std::vector<std::string>;

namespace {

// A report in the making, and what its page has.
class Made {
public:
    explicit Made(ReportLimits limits = {}) : writer(captured_.output(), limits) {}

    std::string page() {
        writer.finish();
        return captured_.text();
    }
    ReadPayload payload() { return ReadPayload(test::payload_of(page())); }

private:
    test::CapturedOutput captured_;

public:
    ReportWriter writer;
};

bool has_note(const ReadPayload& read, const std::string& part) {
    for (const std::string note : read.head()["notes"]) {
        if (note.find(part) != std::string::npos) return true;
    }
    return false;
}

mm::PageWalk walk_of(std::uint64_t root, std::uint64_t address, emu::Pte leaf) {
    const auto upper = [](std::uint64_t frame) {
        return emu::Pte::present(Pfn(frame), {.writable = true, .user = true, .executable = true}).with_accessed();
    };
    const VirtAddr at(address);
    mm::PageWalk walk;
    walk.count = 4;
    walk.steps = {{{Pfn(root), static_cast<std::uint16_t>(at.table_index(4)), upper(root + 1)},
                   {Pfn(root + 1), static_cast<std::uint16_t>(at.table_index(3)), upper(root + 2)},
                   {Pfn(root + 2), static_cast<std::uint16_t>(at.table_index(2)), upper(root + 3)},
                   {Pfn(root + 3), static_cast<std::uint16_t>(at.table_index(1)), leaf}}};
    return walk;
}

}  // namespace

TEST_CASE("a fault comes back field by field") {
    Made made;
    mm::FaultEvent event = test::heap_refault();
    event.pages_around = 15;
    event.walk = walk_of(100, event.address.value(), event.pte_after);
    const Instruction instruction{3, "main+0x1f", "hello.c:12", "mov byte ptr [rdi], 1"};
    made.writer.write_eviction(test::stack_eviction());
    made.writer.write({event, instruction});
    const ReadPayload read = made.payload();

    CHECK(read.column("faults", "sequence") == Numbers{7});
    CHECK(read.column("faults", "time") == Numbers{12345});
    CHECK(read.column("faults", "page") == Numbers{0x4c9});
    CHECK(read.column("faults", "offset") == Numbers{8});
    CHECK(read.column("faults", "before") == Numbers{3});
    CHECK(read.column("faults", "before_bits") == Numbers{2});
    CHECK(read.column("faults", "after") == Numbers{0x2a1});
    CHECK(read.column("faults", "after_bits") == Numbers{0x800067});
    CHECK(read.column("faults", "evicted") == Numbers{1});
    CHECK(read.column("faults", "written") == Numbers{1});
    CHECK(read.column("faults", "looked") == Numbers{5});
    CHECK(read.column("faults", "slot") == Numbers{0});  // the one in the entry before
    CHECK(read.column("faults", "refault") == Numbers{24});
    CHECK(read.column("faults", "tables") == Numbers{2});
    CHECK(read.column("faults", "around") == Numbers{15});

    const std::uint64_t task = read.column("faults", "task")[0];
    CHECK(read.column("tasks", "pid")[task] == 1000);
    CHECK(read.column("tasks", "tid")[task] == 1001);
    const std::uint64_t shape = read.column("faults", "shape")[0];
    CHECK(read.column("shapes", "access")[shape] == 1);
    CHECK(read.column("shapes", "mode")[shape] == 0);
    CHECK(read.column("shapes", "error")[shape] == 6);
    CHECK(read.column("shapes", "major")[shape] == 1);
    CHECK(read.head()["kinds"][read.column("shapes", "kind")[shape]] == "swap_in");

    const std::uint64_t at = read.column("faults", "instruction")[0];
    CHECK(read.column("instructions", "page")[at] == 0x401);
    CHECK(read.column("instructions", "offset")[at] == 0x234);
    CHECK(read.texts("instructions", "symbol")[at] == "main+0x1f");
    CHECK(read.texts("instructions", "source")[at] == "hello.c:12");
    CHECK(read.texts("instructions", "text")[at] == "mov byte ptr [rdi], 1");
    const std::uint64_t function = read.column("instructions", "function")[at];
    CHECK(read.texts("by_function", "name")[function] == "main");
    CHECK(read.column("by_function", "kind8")[function] == 1);

    const std::uint64_t vma = read.column("faults", "vma")[0];
    CHECK(read.column("vmas", "page")[vma] == 0x4c9);
    CHECK(read.column("vmas", "pages")[vma] == 2);
    const std::uint64_t area = read.column("vmas", "area")[vma];
    CHECK(read.texts("by_vma", "name")[area] == "[heap]");
    CHECK(read.texts("by_vma", "protection")[area] == "rw-p");
    CHECK(read.column("by_vma", "kind8")[area] == 1);

    const std::uint64_t walk = read.column("faults", "walk")[0];
    CHECK(walk != 0);
    CHECK(read.column("walks", "root")[walk] == 100);
    CHECK(read.column("walks", "count")[walk] == 4);
    for (const std::uint64_t level : {0U, 1U, 2U}) {
        CHECK(read.column("walks", "frame" + std::to_string(level))[walk] == 101 + level);
        CHECK(read.column("walks", "bits" + std::to_string(level))[walk] == 0x27);
    }
}

TEST_CASE("the victim of a fault is told of once, also where its eviction was not") {
    for (const bool has_event : {true, false}) {
        Made made;
        if (has_event) made.writer.write_eviction(test::stack_eviction());
        made.writer.write({test::heap_refault(), {}});
        const ReadPayload read = made.payload();
        REQUIRE(read.row_count("reclaim") == 1);
        CHECK(read.column("reclaim", "fault") == Numbers{7});
        CHECK(read.column("reclaim", "flags") == Numbers{ReclaimRow::dirty | ReclaimRow::for_fault});
        CHECK(read.column("reclaim", "page") == Numbers{0x7fffffffe + 1});
        CHECK(read.column("reclaim", "pid") == Numbers{2});
        CHECK(read.column("reclaim", "age") == Numbers{1'234'567});
        CHECK(read.column("reclaim", "slot") == Numbers{18});
        CHECK(read.head()["reclaim_reasons"][read.column("reclaim", "reason")[0]] == "fault");
    }
}

TEST_CASE("pages of files have their names; write-backs count, and have rows of their own where they say more") {
    Made made;
    mm::EvictionEvent eviction = test::stack_eviction();
    eviction.page.file = std::make_shared<const mm::FileIdentity>(mm::FileIdentity{.path = "/bin/a"});
    eviction.page.file_page = 9;
    eviction.page.address.reset();
    eviction.slot.reset();
    made.writer.write_write_back(test::stack_write_back());
    mm::WriteBackEvent ordinary = test::stack_write_back();
    ordinary.reason = mm::ReclaimReason::fault;
    made.writer.write_write_back(ordinary);
    ordinary.failed = true;
    made.writer.write_write_back(ordinary);
    made.writer.write_eviction(eviction);
    made.writer.write({test::heap_write(), {}});
    const ReadPayload read = made.payload();
    CHECK(read.texts("reclaim", "file") == Texts{"", "", "/bin/a"});
    CHECK(read.column("reclaim", "file_page")[2] == 9);
    CHECK(read.column("reclaim", "page")[2] == 0);
    CHECK(read.column("reclaim", "slot")[2] == 0);
    CHECK((read.column("reclaim", "flags")[0] & ReclaimRow::write_back) != 0);
    CHECK((read.column("reclaim", "flags")[1] & ReclaimRow::failed) != 0);
    bool counted = false;
    for (const auto& fact : read.head()["facts"]) counted |= fact[0] == "Pages written out" && fact[1] == "3";
    CHECK(counted);
}

TEST_CASE("many faults come back as they were") {
    std::mt19937_64 random(5);
    Made made;
    Numbers times, pages, frames, ips;
    std::uint64_t time = 0;
    for (std::uint64_t i = 1; i <= 3000; ++i) {
        mm::FaultEvent event = test::heap_write();
        event.sequence = i;
        event.origin.time_ns = time += random() % 5000;
        event.origin.instruction = VirtAddr(0x400000 + random() % 50);
        event.address = VirtAddr(random() >> (random() % 60));
        event.pte_after = emu::Pte::present(Pfn(random() % 100000), {true, true, false});
        made.writer.write({event, Instruction{0, "f" + std::to_string(random() % 7) + "+0x1", "", ""}});
        times.push_back(event.origin.time_ns);
        pages.push_back(event.address.value() >> page_shift);
        frames.push_back(event.pte_after.pfn().value());
        ips.push_back(event.origin.instruction.value() & 0xfffU);
    }
    const ReadPayload read = made.payload();
    CHECK(read.column("faults", "time") == times);
    CHECK(read.column("faults", "page") == pages);
    CHECK(read.column("faults", "after") == frames);
    const Numbers at = read.column("faults", "instruction");
    const Numbers offsets = read.column("instructions", "offset");
    for (std::size_t i = 0; i < at.size(); ++i) CHECK(offsets[at[i]] == ips[i]);
    // Each page lies in a part of the axis.
    const Numbers starts = read.column("axis", "page"), sizes = read.column("axis", "pages");
    for (const std::uint64_t page : pages) {
        std::size_t holders = 0;
        for (std::size_t i = 0; i < starts.size(); ++i) holders += page - starts[i] < sizes[i] ? 1 : 0;
        CHECK(holders == 1);
    }
}

namespace {

// A program that touches one of 300 pages after the other by chance, with 200 frames: what it did, event by event.
class Thrashing {
public:
    explicit Thrashing(Made& made) : made_(made) {}

    void run(std::uint64_t faults) {
        for (std::uint64_t number = 1; number <= faults;) {
            const std::uint64_t page = random_() % 300;
            const auto holds_it = [page](const Resident& resident) { return resident.page == page; };
            if (std::ranges::none_of(residents_, holds_it)) touch(number++, page);
        }
    }

    Numbers befores, afters, refaults, slots;                                    // of faults
    Numbers left_pages, left_frames, left_times, left_ages, left_slots, owners;  // of pages that left

private:
    struct Resident {
        std::uint64_t page, frame, since;
    };

    void touch(std::uint64_t number, std::uint64_t page) {
        time_ += 500 + random_() % 100;
        std::uint64_t frame = 1000 + residents_.size();
        if (residents_.size() == 200) frame = evict(number);
        mm::FaultEvent event = test::heap_write();
        event.sequence = number;
        event.origin.time_ns = time_ + 100;
        event.address = VirtAddr((0x4c9 + page) << page_shift);
        const auto slot = slot_of_.find(page);
        if (slot != slot_of_.end()) {
            event.pte_before = emu::Pte::swapped(emu::SwapSlot(slot->second));
            event.slot = emu::SwapSlot(slot->second);
            event.refault_distance = left_pages.size() - left_at_[page];
        }
        event.pte_after = emu::Pte::present(Pfn(frame), {true, true, false});
        event.pfn = Pfn(frame);
        made_.writer.write({event, {}});
        befores.push_back(slot != slot_of_.end() ? slot->second : 0);
        slots.push_back(slot != slot_of_.end() ? slot->second + 1 : 0);
        refaults.push_back(event.refault_distance ? *event.refault_distance + 1 : 0);
        afters.push_back(frame);
        residents_.push_back({page, frame, time_});
    }

    // The frame that it frees. Now and then it was no fault that asked for it.
    std::uint64_t evict(std::uint64_t number) {
        const std::size_t at = random_() % residents_.size();
        const Resident victim = residents_[at];
        residents_.erase(residents_.begin() + static_cast<std::ptrdiff_t>(at));
        mm::EvictionEvent event = test::stack_eviction();
        event.time_ns = time_;
        event.for_fault = number % 7 == 0 ? 0 : number;
        event.page.owner = 1000;
        event.page.address = VirtAddr((0x4c9 + victim.page) << page_shift);
        event.pfn = Pfn(victim.frame);
        event.age_ns = time_ - victim.since;
        slot_of_.try_emplace(victim.page, slot_of_.size() + 5);
        event.slot = emu::SwapSlot(slot_of_[victim.page]);
        made_.writer.write_eviction(event);
        left_pages.push_back(0x4c9 + victim.page + 1);
        left_frames.push_back(victim.frame);
        left_times.push_back(time_);
        left_ages.push_back(event.age_ns);
        left_slots.push_back(slot_of_[victim.page] + 1);
        owners.push_back(1000);
        left_at_[victim.page] = left_pages.size();
        return victim.frame;
    }

    Made& made_;
    std::mt19937_64 random_{11};
    std::uint64_t time_ = 0;
    std::vector<Resident> residents_;
    std::map<std::uint64_t, std::uint64_t> slot_of_, left_at_;
};

}  // namespace

TEST_CASE("what follows from the events before comes back as it was, and takes little room") {
    Made made;
    Thrashing thrashing(made);
    thrashing.run(20000);
    const std::string page = made.page();
    const ReadPayload read(test::payload_of(page));
    CHECK(read.column("faults", "before") == thrashing.befores);
    CHECK(read.column("faults", "after") == thrashing.afters);
    CHECK(read.column("faults", "refault") == thrashing.refaults);
    CHECK(read.column("reclaim", "page") == thrashing.left_pages);
    CHECK(read.column("reclaim", "frame") == thrashing.left_frames);
    CHECK(read.column("reclaim", "time") == thrashing.left_times);
    CHECK(read.column("reclaim", "age") == thrashing.left_ages);
    CHECK(read.column("reclaim", "slot") == thrashing.left_slots);
    CHECK(read.column("reclaim", "pid") == thrashing.owners);
    CHECK(read.head()["background_evictions"].get<std::uint64_t>() > 1000);
    // Of a fault its page and its time are news, of a page that left which one it was: some 4 bytes for both
    // in base64.
    CHECK(test::payload_of(page).size() < 20000U * 6);
}

TEST_CASE("what a hostile trace claims comes back, as far as numbers go") {
    std::mt19937_64 random(13);
    Made made;
    Numbers ages, slots, refaults, times;
    const auto huge = [&random] { return random() >> (random() % 64); };
    const auto clamped = [](std::uint64_t value) { return std::min(value, Column::max_value); };
    for (int i = 0; i < 2000; ++i) {
        mm::EvictionEvent eviction = test::stack_eviction();
        eviction.for_fault = huge();
        eviction.time_ns = huge();
        eviction.age_ns = huge();
        eviction.pfn = Pfn(random() % 5);
        eviction.slot = emu::SwapSlot(huge());
        eviction.page.address = VirtAddr((random() % 5) << page_shift);
        made.writer.write_eviction(eviction);
        times.push_back(clamped(eviction.time_ns));
        ages.push_back(clamped(eviction.age_ns));
        slots.push_back(std::min(eviction.slot->value(), Column::max_value - 2) + 1);
        mm::FaultEvent event = test::heap_refault();
        event.victim.reset();
        event.sequence = huge();
        event.origin.time_ns = huge();
        event.address = VirtAddr((random() % 5) << page_shift);
        event.slot = emu::SwapSlot(huge());
        event.refault_distance = huge();
        event.pte_before = emu::Pte::from_raw(huge());
        event.pte_after = emu::Pte::from_raw(random() % 5 << page_shift | 1U);
        made.writer.write({event, {}});
        refaults.push_back(std::min(*event.refault_distance, Column::max_value - 2) + 1);
    }
    const ReadPayload read = made.payload();
    CHECK(read.column("reclaim", "time") == times);
    CHECK(read.column("reclaim", "age") == ages);
    CHECK(read.column("reclaim", "slot") == slots);
    CHECK(read.column("faults", "refault") == refaults);
}

TEST_CASE("of too many faults a part is kept; totals count all, and the page says so") {
    Made made({.faults = 100, .reclaims = 100, .samples = 10, .task_events = 3});
    for (std::uint64_t i = 1; i <= 5000; ++i) {
        mm::FaultEvent event = test::heap_refault();
        event.sequence = i;
        made.writer.write({event, Instruction{1, "main+0x1", "", ""}});
        made.writer.write_sample({.time_ns = i, .processes = {{.pid = 2, .anonymous = i}}});
        made.writer.write_task({.kind = TaskEvent::Kind::exec, .time_ns = i, .pid = 2, .path = "/bin/x"});
    }
    const ReadPayload read = made.payload();
    CHECK(read.row_count("faults") <= 100);
    CHECK(read.row_count("faults") > 30);
    CHECK(read.row_count("reclaim") <= 100);
    CHECK(read.row_count("samples") <= 10);
    CHECK(read.row_count("samples") >= 5);
    CHECK(read.row_count("process_events") == 3);
    CHECK(read.column("by_function", "kind8")[1] == 5000);
    CHECK(read.head()["kind_totals"][8] == 5000);
    CHECK(read.head()["fault_share"] == 1.0 / 64);
    CHECK(has_note(read, "Of 5,000 faults"));
    CHECK(has_note(read, "Of 5,000 pages that left memory"));
    CHECK(has_note(read, "Of 5,000 samples"));
    CHECK(has_note(read, "Of 5,000 forks"));
    // Samples are evenly spaced, and each process's belong to theirs.
    const Numbers times = read.column("samples", "time");
    const Numbers of = read.column("sample_processes", "sample");
    const Numbers anonymous = read.column("sample_processes", "anonymous");
    for (std::size_t i = 1; i < times.size(); ++i) CHECK(times[i] - times[i - 1] == times[1] - times[0]);
    for (std::size_t i = 0; i < of.size(); ++i) CHECK(times[of[i]] == anonymous[i]);
}

TEST_CASE("a page that would be too large loses faults until it fits") {
    std::mt19937_64 random(9);
    Made made({.payload_bytes = 40000});
    for (std::uint64_t i = 1; i <= 20000; ++i) {
        mm::FaultEvent event = test::heap_write();
        event.sequence = i;
        event.origin.time_ns = i * 1000 + random() % 1000;
        event.address = VirtAddr(random() >> 20U);
        made.writer.write({event, {}});
    }
    const std::string page = made.page();
    CHECK(test::payload_of(page).size() <= 40000);
    CHECK(test::payload_of(page).size() > 30000);
    const ReadPayload read(test::payload_of(page));
    CHECK(read.row_count("faults") > 1000);
    CHECK(read.row_count("faults") < 10000);
    CHECK(has_note(read, "Of 20,000 faults"));
    CHECK(read.head()["kind_totals"][0] == 20000);
}

TEST_CASE("mappings, samples and processes") {
    Made made;
    made.writer.write_task({.kind = TaskEvent::Kind::exec, .time_ns = 1, .pid = 2, .path = "/bin/\xff<b>"});
    made.writer.write_task({.kind = TaskEvent::Kind::fork, .time_ns = 2, .pid = 3, .parent = 2, .path = {}});
    made.writer.write_mappings({.time_ns = 3,
                                .pid = 2,
                                .all = true,
                                .gone = {},
                                .mapped = {{{VirtAddr(0x1000), VirtAddr(0x4000)}, "r-xp", "/bin/a"}}});
    made.writer.write_task(
        {.kind = TaskEvent::Kind::exit, .time_ns = 9, .pid = 2, .path = {}, .status = 139, .signal = 11});
    mm::MemorySample sample;
    sample.time_ns = 4;
    sample.free_frames = 50;
    sample.user_frames = 6;
    sample.used_swap_slots = 7;
    sample.free_blocks[10] = 12;
    sample.processes = {{.pid = 2, .anonymous = 1, .file = 2, .shared_memory = 3, .swap = 4, .page_tables = 5}};
    made.writer.write_sample(sample);
    const ReadPayload read = made.payload();
    CHECK(read.column("areas", "page") == Numbers{1});
    CHECK(read.column("areas", "pages") == Numbers{3});
    CHECK(read.column("areas", "from") == Numbers{3});
    CHECK(read.column("areas", "to") == Numbers{10});
    CHECK(read.texts("areas", "name") == Texts{"/bin/a"});
    CHECK(read.column("samples", "free") == Numbers{50});
    CHECK(read.column("samples", "order10") == Numbers{12});
    CHECK(read.column("sample_processes", "swap") == Numbers{4});
    CHECK(read.column("sample_processes", "page_tables") == Numbers{5});
    CHECK(read.column("process_events", "pid") == Numbers{2, 3, 2});
    CHECK(read.column("process_events", "other") == Numbers{0, 2, 139});
    CHECK(read.column("process_events", "signal") == Numbers{0, 0, 11});
    CHECK(read.texts("process_events", "path")[0] == "/bin/\xef\xbf\xbd<b>");
    CHECK(read.head()["end_time"] == 9);
}

TEST_CASE("the page tables are the first process's, at its end") {
    Made made;
    const auto tree_of = [](std::uint32_t pid, std::size_t rows) {
        TableTree tree{.time_ns = 1, .pid = pid, .root = Pfn(7), .table_count = 4};
        for (std::size_t row = 0; row < rows; ++row) tree.rows.push_back({1, row, 1, emu::Pte::from_raw(0x1067)});
        return tree;
    };
    made.writer.write({test::heap_write(), {}});
    made.writer.write_tables(tree_of(1001, 3));
    made.writer.write_tables(tree_of(1000, max_table_rows + 5));
    made.writer.write_tables(tree_of(1002, 3));
    const ReadPayload read = made.payload();
    CHECK(read.head()["tree"]["pid"] == 1000);
    CHECK(read.head()["tree"]["root"] == 7);
    CHECK(read.head()["tree"]["note"] == "5 more runs of entries are left out.");
    CHECK(read.row_count("tree") == max_table_rows);
    CHECK(read.column("tree", "bits")[0] == 0x67);
    CHECK_FALSE(has_note(read, "page tables at the end are left out"));
}

TEST_CASE("without mappings in the trace the bands are those that faults saw") {
    Made made;
    for (const std::uint64_t time : {100U, 200U, 300U}) {
        mm::FaultEvent event = test::heap_write();
        event.sequence = time / 100;
        event.origin.time_ns = time;
        made.writer.write({event, {}});
    }
    made.writer.write({test::wild_read(), {}});
    const ReadPayload read = made.payload();
    CHECK(read.column("areas", "from") == Numbers{100});
    CHECK(read.column("areas", "to") == Numbers{301});
    CHECK(read.texts("areas", "name") == Texts{"[heap]"});
    CHECK(has_note(read, "does not tell when mappings came and went"));
    CHECK(has_note(read, "no samples"));
    CHECK(has_note(read, "page tables at the end are left out"));
}

TEST_CASE("a report of nothing is a page") {
    Made made;
    made.writer.set_head({.title = "nothing", .facts = {{"a", "b"}}, .notes = {"n"}});
    const ReadPayload read = made.payload();
    CHECK(read.row_count("faults") == 0);
    CHECK(read.head()["title"] == "nothing");
    CHECK(read.head()["facts"].dump() == R"([["a","b"]])");
    CHECK(read.head()["notes"].dump() == R"(["n"])");
}
