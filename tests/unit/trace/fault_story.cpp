#include "trace/fault_story.hpp"

#include "tests/unit/trace/event_support.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::trace;
using emu::Pte;
using mm::FaultKind;

namespace {

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

const Pte writable = Pte::present(Pfn(0x55), {.writable = true, .user = true});
const Pte read_only = Pte::present(Pfn(0x44), {.user = true});

FaultStory story_of(FaultKind kind) {
    FaultStory story;
    story.event = test::heap_write();
    story.event.kind = kind;
    story.event.major = false;
    story.event.pfn = Pfn(0x55);
    story.event.pte_before = Pte::none();
    story.event.pte_after = writable;
    story.process = "example";
    story.instruction = {.id = 0, .symbol = "main+0x1f", .source = "example.c:12", .text = "mov byte ptr [rbx], al"};
    const auto table = [](std::uint64_t pfn) {
        return Pte::present(Pfn(pfn), {.writable = true, .user = true, .executable = true});
    };
    story.walk_before = {{{Pfn(2), 0, table(3)}, 4},
                         {{Pfn(3), 0, table(4)}, 3},
                         {{Pfn(4), 2, table(5)}, 2},
                         {{Pfn(5), 9, Pte::none()}, 1}};
    story.cost_ns = 500;
    return story;
}

FaultStory story_of_file(FaultKind kind, test::Files& files) {
    FaultStory story = story_of(kind);
    story.event.vma = mm::VmaSnapshot{
        .range = {story.event.address.page_floor() - 2 * page_size, story.event.address.page_floor() + page_size},
        .flags = mm::vm_read | mm::vm_write,
        .name = "/bin/data",
        .file = files.named("/bin/data"),
        .pgoff = 5};
    return story;
}

}  // namespace

TEST_CASE("story: the instruction, the access and the error code") {
    FaultStory story = story_of(FaultKind::demand_zero);
    story.event.error_code = 6;
    const std::string text = tell(story);
    CHECK(contains(text, "main+0x1f (0x401234), example.c:12\n    mov byte ptr [rbx], al\n  wanted to write at 0x"));
    CHECK(contains(text, "Error code 0x6: no page is there, a write access in user mode.\n"));
    story.event.error_code = 0x15;
    CHECK(contains(tell(story),
                   "Error code 0x15: the page is there and does not allow it, a fetch access in user mode."));
    story.event.error_code = 0;
    CHECK(contains(tell(story), "Error code 0x0: no page is there, a read access in kernel mode."));
}

TEST_CASE("story: in kernel mode, for a system call and in exec") {
    FaultStory story = story_of(FaultKind::demand_zero);
    story.event.mode = emu::Mode::kernel;
    CHECK(contains(tell(story), "The kernel wanted to write at 0x"));
    story.event = test::wild_read();
    story.event.origin.instruction = VirtAddr();
    CHECK(contains(tell(story), "exec, which was building the program's address space, wanted to read at 0x10.\n"));
}

TEST_CASE("story: the walk, and where it ended") {
    FaultStory story = story_of(FaultKind::demand_zero);
    CHECK(contains(tell(story),
                   "  pmd  table 0x4, entry 2: P W U -> table 0x5\n  pte  table 0x5, entry 9: none\n"
                   "  It ended at the last level: the entry is empty.\n"));
    story.walk_before.pop_back();
    story.walk_before.back().entry = Pte::none();
    CHECK(contains(tell(story), "  It ended at the pmd: there is no pte table for these 2 MiB.\n"));
    story.walk_before.resize(1);
    story.walk_before.back().entry = Pte::none();
    CHECK(contains(tell(story), "  It ended at the pgd: there is no pud table for these 512 GiB.\n"));
    story = story_of(FaultKind::cow);
    story.walk_before.back().entry = read_only;
    CHECK(contains(tell(story), "  It reached a page, whose entry does not allow the write.\n"));
    story.walk_before.back().entry = Pte::swapped(emu::SwapSlot(3));
    CHECK(contains(tell(story), "  It ended at the last level: the page is in swap, slot 3.\n"));
    story.walk_before.clear();
    CHECK(contains(tell(story), "not one that page tables can hold"));
}

TEST_CASE("story: what the kernel did, with the event's numbers") {
    test::Files files;
    CHECK(contains(tell(story_of(FaultKind::demand_zero)), "It took frame 0x55, full of zeroes"));
    CHECK(contains(tell(story_of(FaultKind::zero_page)), "the shared page of zeroes, frame 0x55."));
    FaultStory story = story_of(FaultKind::zero_upgrade);
    story.event.pte_before = read_only;
    CHECK(contains(tell(story), "It put frame 0x55 in the place of the page of zeroes, frame 0x44."));
    story.event.kind = FaultKind::cow;
    CHECK(contains(tell(story), "It copied frame 0x44 to frame 0x55,"));
    CHECK(contains(tell(story_of_file(FaultKind::cow, files)), "It copied page 7 of data to frame 0x55,"));
    CHECK(contains(tell(story_of(FaultKind::cow_reuse)), "It made frame 0x55 writable, which has one owner."));
    CHECK(
        contains(tell(story_of_file(FaultKind::file_minor, files)), "It mapped page 7 of data, found in frame 0x55."));
    CHECK(contains(tell(story_of_file(FaultKind::file_major, files)), "It read page 7 of data into frame 0x55."));
    CHECK(contains(tell(story_of_file(FaultKind::write_notify, files)),
                   "It made page 7 of data, in frame 0x55, writable"));
    story = story_of(FaultKind::swap_in);
    story.event.slot = emu::SwapSlot(3);
    CHECK(contains(tell(story), "from slot 3 back without a read: it was still in frame 0x55."));
    story.event.major = true;
    CHECK(contains(tell(story), "from slot 3 into frame 0x55."));
    story = story_of(FaultKind::stack_grow);
    REQUIRE(story.event.vma.has_value());
    story.event.vma->range.start = VirtAddr(0x7ffffffc0000);
    CHECK(contains(tell(story), "The stack begins at 0x7ffffffc0000 now, and the page is frame 0x55."));
    CHECK(
        contains(tell(story_of(FaultKind::userfault)), "The task waits until the userfaultfd's reader has answered."));
}

TEST_CASE("story: every kind is named and explained") {
    for (std::size_t i = 0; i < mm::fault_kind_count; ++i) {
        const auto kind = static_cast<FaultKind>(i);
        const std::string text = tell(story_of(kind));
        CHECK(contains(text, std::string("Page fault 7 of this run: ") + mm::fault_kind_name(kind)));
        CHECK(contains(text, mm::is_fatal(kind) ? "It failed, and counts neither" : "A minor fault: "));
    }
}

TEST_CASE("story: what it cost") {
    FaultStory story = story_of(FaultKind::demand_zero);
    story.event.tables_allocated = 0;
    CHECK(contains(tell(story),
                   "A minor fault: nothing had to be read; 500 ns under the cost model.\n  No frame was allocated"));
    story.event.tables_allocated = 1;
    CHECK(contains(tell(story), "  1 frame was allocated for page tables.\n"));
    story.event.tables_allocated = 3;
    story.event.major = true;
    story.costs_count = false;
    CHECK(contains(tell(story),
                   "A major fault: something had to be read, or somebody asked.\n  3 frames were allocated"));
    CHECK(!contains(tell(story), "evicted before"));
    story.event.refault_distance = 1;
    CHECK(contains(tell(story), "The page had been evicted before, and 1 other page has left since.\n"));
}

TEST_CASE("story: pages around, and the entry") {
    FaultStory story = story_of(FaultKind::file_minor);
    CHECK(!contains(tell(story), "around it"));
    story.event.pages_around = 3;
    CHECK(contains(tell(story), "  3 pages of the file around it, which were in memory, were mapped as well.\n"));
    CHECK(contains(tell(story), "  The entry became: P W U NX.\n"));
    story.event.pte_after = story.event.pte_before;
    CHECK(contains(tell(story), "  The entry stayed as it was: none.\n"));
}

TEST_CASE("story: where the mapping comes from") {
    FaultStory story = story_of(FaultKind::demand_zero);
    CHECK(contains(tell(story), "No system call that is remembered made it"));
    story.origin = mm::MappingChange{.effect = mm::MappingChange::Effect::mapped,
                                     .call = "brk",
                                     .range = {VirtAddr(0x409000), VirtAddr(0x40b000)},
                                     .time_ns = 1234};
    story.origin_place = "brk+0x12";
    CHECK(contains(tell(story), "is brk, called at brk+0x12 after 1234 ns: it mapped 0x409000-0x40b000.\n"));
    story.event.vma.reset();
    story.origin->effect = mm::MappingChange::Effect::unmapped;
    story.below =
        mm::VmaSnapshot{.range = {VirtAddr(0x1000), VirtAddr(0x2000)}, .flags = {}, .name = "low", .file = {}};
    CHECK(contains(tell(story), "  None. The nearest below is 0x1000-0x2000 ---p low, "));
    CHECK(contains(tell(story), "it unmapped 0x409000-0x40b000.\n"));
}

TEST_CASE("story: who left for it, and what the policy had said") {
    FaultStory story = story_of(FaultKind::swap_in);
    CHECK(contains(tell(story), "Who left for it\n  Nobody.\n"));
    story.event = test::heap_refault();
    story.policy = "clock: second chance";
    story.policy_state = "hand at 5";
    story.evictions = {{test::stack_eviction(), "accessed"}};
    const std::string text = tell(story);
    CHECK(contains(text,
                   "  Page 12, at 0x7fffffffe000, dirty: -> slot 17, age 1.234 ms, of pid 2, for fault 7, frame 2a1.\n"
                   "    Before the fault the policy said of it: accessed.\n"));
    CHECK(contains(text, "  1 page was evicted and 1 written; the policy looked at 5 pages.\n"));
    CHECK(contains(text, "  The policy is clock: second chance.\n  Before the fault it said: hand at 5.\n"));
    story.write_backs = {test::stack_write_back()};
    CHECK(!contains(tell(story), "was written, and stays"));
    story.write_backs.front().page.id = 13;
    CHECK(contains(tell(story), "  Page 13 was written, and stays: -> slot 17, of pid 2, at fault 7, frame 2a1.\n"));
    story.write_backs.front().failed = true;
    CHECK(contains(tell(story), "  Page 13 could not be written: "));
    story.evictions.front().described.clear();
    CHECK(!contains(tell(story), "the policy said of it"));
}

TEST_CASE("story: names that would move the cursor are made harmless") {
    FaultStory story = story_of(FaultKind::demand_zero);
    story.process = "bad\nname\x1b[1m";
    CHECK(contains(tell(story), "(bad?name?[1m)\n"));
}
