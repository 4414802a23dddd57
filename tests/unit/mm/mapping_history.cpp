#include "mm/mapping_history.hpp"

#include "tests/unit/mm/machine.hpp"

namespace fl::mm {

using namespace test;

namespace {

using Effect = MappingChange::Effect;

MappingChange change(Effect effect, std::uint64_t first, std::uint64_t end, std::uint64_t instruction) {
    return {.effect = effect,
            .call = "call",
            .range = VirtRange{page(first), page(end)},
            .instruction = VirtAddr(instruction)};
}

// 0: there is none.
std::uint64_t last(const MappingHistory& history, std::uint64_t index) {
    const auto found = history.last_at(page(index));
    return found ? found->instruction.value() : 0;
}

}  // namespace

TEST_CASE("mapping history: the newest change of an address is the one that counts") {
    MappingHistory history;
    CHECK(last(history, 0) == 0);
    history.note(change(Effect::mapped, 0, 4, 1));
    history.note(change(Effect::unmapped, 1, 2, 2));
    CHECK(last(history, 0) == 1);
    CHECK(last(history, 1) == 2);
    CHECK(last(history, 2) == 1);
    CHECK(last(history, 4) == 0);
    const auto mapped = history.last_at(page(1), [](const MappingChange& one) { return one.effect == Effect::mapped; });
    REQUIRE(mapped.has_value());
    CHECK(mapped->instruction == VirtAddr(1));
}

TEST_CASE("mapping history: the oldest changes are forgotten") {
    MappingHistory history;
    for (std::uint64_t i = 0; i < MappingHistory::capacity; ++i) history.note(change(Effect::mapped, i, i + 1, i + 1));
    CHECK(last(history, 0) == 1);
    history.note(change(Effect::mapped, 1000, 1001, 1000));
    CHECK(history.size() == MappingHistory::capacity);
    CHECK(last(history, 0) == 0);
    CHECK(last(history, 1) == 2);
    CHECK(last(history, 1000) == 1000);
    // Once round, the newest still comes first.
    history.note(change(Effect::unmapped, 1000, 1001, 1001));
    CHECK(last(history, 1000) == 1001);
}

TEST_CASE("mapping history: a fork has its parent's") {
    Machine machine;
    machine.mm->history().note(change(Effect::mapped, 0, 1, 1));
    auto child = machine.mm->fork();
    REQUIRE(child.has_value());
    CHECK(last((*child)->history(), 0) == 1);
    machine.mm->history().note(change(Effect::unmapped, 0, 1, 2));
    CHECK(last((*child)->history(), 0) == 1);
}

}  // namespace fl::mm
