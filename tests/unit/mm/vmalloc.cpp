#include "mm/vmalloc.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

#include <algorithm>
#include <functional>
#include <random>
#include <set>

namespace fl::mm {

using namespace test;

namespace {

VirtAddr at(std::uint64_t page) { return vmalloc_start + page * page_size; }

// Where areas are, as the simplest of models has it: a page is taken or not, and the lowest place is the one.
class Model {
public:
    std::uint64_t allocate(std::uint64_t pages, std::uint64_t align_pages) {
        std::uint64_t start = 0;
        while (std::any_of(taken_.begin() + static_cast<std::ptrdiff_t>(start),
                           taken_.begin() + static_cast<std::ptrdiff_t>(start + pages + 1), [](bool is) { return is; }))
            start += align_pages;
        mark(start, pages, true);
        return start;
    }
    void free(std::uint64_t start, std::uint64_t pages) { mark(start, pages, false); }

private:
    void mark(std::uint64_t start, std::uint64_t pages, bool is_taken) {
        for (std::uint64_t i = 0; i <= pages; ++i) taken_.at(start + i) = is_taken;
    }
    std::vector<bool> taken_ = std::vector<bool>(4096);
};

// The allocator, its model, and what is allocated in it; everything is checked after each step.
class Checked {
public:
    explicit Checked(std::uint64_t frames = 96) : machine(frames), frames_(machine.free_frames()) {}
    ~Checked() {
        while (!areas.empty()) free(0);
        CHECK(machine.free_frames() + machine.space.later_table_count() == frames_);
    }
    Checked(const Checked&) = delete;
    Checked& operator=(const Checked&) = delete;

    void allocate(std::uint64_t pages, std::uint64_t align_pages = 1) {
        const VirtAddr wanted = at(model_.allocate(pages, align_pages));
        const auto start = machine.vmalloc().allocate(
            {.size_bytes = pages * page_size, .caller = "test", .align_bytes = align_pages * page_size});
        REQUIRE(start.has_value());
        CHECK(*start == wanted);
        areas.emplace_back(*start, pages);
        pages_ += pages;
        check();
    }
    void free(std::size_t index) {
        const auto [start, pages] = areas.at(index);
        machine.vmalloc().free(start);
        model_.free((start - vmalloc_start) >> page_shift, pages);
        areas.erase(areas.begin() + static_cast<std::ptrdiff_t>(index));
        pages_ -= pages;
        check();
    }

    KernelMachine machine;
    std::vector<std::pair<VirtAddr, std::uint64_t>> areas;

private:
    void check() const {
        CHECK(machine.broken() == "");
        CHECK(machine.space.vmalloc().page_count() == PageCount(pages_));
        CHECK(frames_ - machine.free_frames() == PageCount(pages_) + machine.space.later_table_count());
    }
    Model model_;
    PageCount frames_;
    std::uint64_t pages_ = 0;
};

// What a call that failed must not have changed.
struct State {
    PageCount free_frames, tables, pages;
    std::vector<VirtAddr> areas;
    friend bool operator==(const State&, const State&) = default;
};
State state_of(KernelMachine& machine) {
    State state{machine.free_frames(), machine.space.table_count(), machine.vmalloc().page_count(), {}};
    for (const auto& [start, area] : machine.vmalloc().areas()) state.areas.push_back(start);
    return state;
}

}  // namespace

TEST_CASE("vmalloc: scattered frames become a range, with a page behind it that is not mapped") {
    KernelMachine machine;
    // Every second frame is taken: no two that are free lie side by side.
    std::vector<Pfn> taken;
    while (const auto frame = machine.memory.allocate(FrameState::reserved, Fill::caller)) taken.push_back(*frame);
    for (std::size_t i = 0; i < taken.size(); i += 2) machine.memory.release(taken[i]);
    CHECK_FALSE(machine.memory.allocate_block(1, FrameState::reserved, Fill::caller).has_value());

    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 5 * page_size - 1, .caller = "somebody"}).value();
    CHECK(area == vmalloc_start);
    std::set<Pfn> frames;
    for (std::uint64_t i = 0; i < 5; ++i) {
        const Pfn pfn = machine.space.translate(area + i * page_size).value().pfn();
        CHECK(machine.memory.frames()[pfn].state == FrameState::vmalloc);
        CHECK_FALSE(frames.contains(Pfn(pfn.value() - 1)));
        CHECK_FALSE(frames.contains(pfn + 1));
        frames.insert(pfn);
    }
    CHECK(frames.size() == 5);
    CHECK_FALSE(machine.space.translate(area + 5 * page_size).has_value());
    CHECK(machine.broken() == "");

    const VmallocArea* found = machine.vmalloc().find(area + 5 * page_size);
    REQUIRE(found != nullptr);
    CHECK(found->pages == PageCount(5));
    CHECK(found->caller == "somebody");
    CHECK(found->range() == VirtRange{area, area + 6 * page_size});
    CHECK(machine.vmalloc().find(area + 6 * page_size) == nullptr);
    CHECK(machine.vmalloc().find(area - page_size) == nullptr);
    machine.vmalloc().free(area);
    CHECK(machine.vmalloc().areas().empty());
    for (std::size_t i = 1; i < taken.size(); i += 2) machine.memory.release(taken[i]);
    CHECK(machine.broken() == "");
}

TEST_CASE("vmalloc: what is there no longer cannot be freed") {
    KernelMachine machine;
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 2 * page_size}).value();
    CHECK(asserts([&] { machine.vmalloc().free(area + page_size); }));
    machine.vmalloc().free(area);
    CHECK(asserts([&] { machine.vmalloc().free(area); }));
}

TEST_CASE("vmalloc: all short sequences, beside the model") {
    // A digit for each step: 1, 2, 3: so many pages; 4 to 7: the first to the fourth area goes.
    constexpr unsigned steps = 5, choices = 7;
    unsigned sequences = 0;
    std::vector<unsigned> sequence;
    const std::function<void(std::size_t)> extend = [&](std::size_t areas) {
        if (sequence.size() == steps) {
            ++sequences;
            Checked checked;
            for (const unsigned step : sequence) {
                if (step <= 3) {
                    checked.allocate(step);
                } else {
                    checked.free(step - 4);
                }
            }
            return;
        }
        for (unsigned step = 1; step <= choices; ++step) {
            if (step > 3 && step - 4 >= areas) continue;
            sequence.push_back(step);
            extend(step <= 3 ? areas + 1 : areas - 1);
            sequence.pop_back();
        }
    };
    extend(0);
    CHECK(sequences > 500);
}

TEST_CASE("vmalloc: long random sequences, beside the model") {
    for (unsigned seed = 1; seed <= 3; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        Checked checked(1024);
        std::uint64_t pages = 0;
        for (unsigned step = 0; step < 300; ++step) {
            // Kernel stacks among them, which are aligned.
            const bool is_stack = random() % 3 == 0;
            const std::uint64_t wanted = is_stack ? 4 : 1 + random() % 40;
            if (random() % 2 == 0 && pages + wanted < 900) {
                checked.allocate(wanted, is_stack ? 4 : 1);
                pages += wanted;
            } else if (!checked.areas.empty()) {
                const std::size_t index = random() % checked.areas.size();
                pages -= checked.areas[index].second;
                checked.free(index);
            }
        }
    }
}

TEST_CASE("vmalloc: every allocation fails in turn, and nothing is changed") {
    KernelMachine machine(2048);
    // The second area lies across the end of what one table covers, so that it needs two.
    const VirtAddr first = machine.vmalloc().allocate({.size_bytes = 500 * page_size}).value();
    const VmallocRequest request{.size_bytes = 20 * page_size};
    const State before = state_of(machine);
    std::uint64_t successes = 0;
    for (;; ++successes) {
        CAPTURE(successes);
        machine.memory.buddy().fail_after(successes);
        const auto area = machine.vmalloc().allocate(request);
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.broken() == "");
        if (area) break;
        CHECK(area.error() == Errno::enomem);
        CHECK(state_of(machine) == before);
    }
    CHECK(successes == 20 + 1);
    CHECK(machine.vmalloc().find(first + 501 * page_size) != nullptr);
    CHECK(machine.space.table_count() == before.tables + PageCount(1));
}

TEST_CASE("vmalloc: nothing, more than RAM, and more than is free are refused") {
    KernelMachine machine;
    const State before = state_of(machine);
    const std::uint64_t managed = machine.memory.buddy().managed_page_count().bytes();
    for (const std::uint64_t bytes :
         {std::uint64_t{0}, managed, managed + 1, std::uint64_t{1} << 50, ~std::uint64_t{0}}) {
        CAPTURE(bytes);
        CHECK(outcome(machine.vmalloc().allocate({.size_bytes = bytes})) == "ENOMEM");
        CHECK(state_of(machine) == before);
    }
    CHECK(machine.broken() == "");
}

TEST_CASE("vmalloc: the range of addresses ends") {
    KernelMachine machine;
    // Three pages and the guards of two areas.
    Vmalloc narrow(machine.space, machine.memory, VirtRange{at(100), at(105)});
    const auto one = narrow.allocate({.size_bytes = page_size});
    const auto two = narrow.allocate({.size_bytes = 2 * page_size});
    REQUIRE(one.has_value());
    REQUIRE(two.has_value());
    CHECK(*one == at(100));
    CHECK(*two == at(102));
    CHECK(outcome(narrow.allocate({.size_bytes = 1})) == "ENOMEM");
    narrow.free(*one);
    CHECK(outcome(narrow.allocate({.size_bytes = 2 * page_size})) == "ENOMEM");
    CHECK(narrow.allocate({.size_bytes = 1}) == at(100));
    CHECK(narrow.inconsistency().value_or("") == "");
}

TEST_CASE("vmalloc: alignment") {
    KernelMachine machine;
    CHECK(machine.vmalloc().allocate({.size_bytes = page_size}) == at(0));
    // As kernel stacks are: what is skipped stays free.
    const VmallocRequest stack{.size_bytes = 4 * page_size, .align_bytes = 4 * page_size};
    CHECK(machine.vmalloc().allocate(stack) == at(4));
    CHECK(machine.vmalloc().allocate(stack) == at(12));
    CHECK(machine.vmalloc().allocate({.size_bytes = page_size}) == at(2));
    CHECK(machine.vmalloc().allocate({.size_bytes = 2 * page_size}) == at(9));
    CHECK(machine.broken() == "");
    CHECK(asserts([&] { (void)machine.vmalloc().allocate({.size_bytes = 1, .align_bytes = 3 * page_size}); }));
}

TEST_CASE("vmalloc: bytes are zeroes where that was asked for, poison otherwise, and poison once they are free") {
    KernelMachine machine;
    machine.vmalloc().set_poisoning(Poisoning::on);
    const auto all_are = [&](Pfn frame, std::byte value) {
        return std::ranges::all_of(machine.ram.frame(frame), [value](std::byte byte) { return byte == value; });
    };
    const VirtAddr dirty = machine.vmalloc().allocate({.size_bytes = page_size}).value();
    const Pfn frame = machine.space.translate(dirty).value().pfn();
    CHECK(all_are(frame, poison_in_use));
    machine.vmalloc().free(dirty);
    CHECK(all_are(frame, page_poison));
    const VirtAddr zeroed = machine.vmalloc().allocate({.size_bytes = page_size, .fill = Fill::zeroed}).value();
    CHECK(machine.space.translate(zeroed).value().pfn() == frame);
    CHECK(all_are(frame, std::byte{0}));
}

TEST_CASE("vmalloc: who may have walked there is told when the mapping goes") {
    KernelMachine machine;
    const VirtAddr area = machine.vmalloc().allocate({.size_bytes = 2 * page_size}).value();
    machine.vmalloc().free(area);
    CHECK_FALSE(machine.memory.take_tlb_stale());
    const VirtAddr again = machine.vmalloc().allocate({.size_bytes = 2 * page_size}).value();
    REQUIRE(machine.mmu.translate(machine.space.root(), again, emu::Access::read, emu::Mode::kernel));
    machine.vmalloc().free(again);
    CHECK(machine.memory.take_tlb_stale());
}

}  // namespace fl::mm
