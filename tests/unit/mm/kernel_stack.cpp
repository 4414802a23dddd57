#include "mm/kernel_stack.hpp"

#include "tests/unit/mm/kernel_machine.hpp"

namespace fl::mm {

using namespace test;

TEST_CASE("kernel stack: four frames and a guard page, aligned to its size") {
    KernelMachine machine;
    const PageCount before = machine.free_frames();
    const VirtAddr other = machine.vmalloc().allocate({.size_bytes = page_size}).value();
    const PageCount tables = machine.space.later_table_count();
    {
        const auto stack = KernelStack::create(machine.memory);
        REQUIRE(stack.has_value());
        CHECK(stack->start() == vmalloc_start + 4 * page_size);
        for (std::uint64_t i = 0; i < 4; ++i) {
            const auto at = machine.space.translate(*stack->start() + i * page_size);
            REQUIRE(at.has_value());
            CHECK(machine.memory.frames()[at->pfn()].state == FrameState::kernel_stack);
        }
        CHECK_FALSE(machine.space.translate(*stack->start() + 4 * page_size).has_value());
        CHECK(before - machine.free_frames() == PageCount(1 + 4) + tables);
        CHECK(machine.vmalloc().page_count() == PageCount(1 + 4));
        CHECK(machine.broken() == "");
    }
    CHECK(before - machine.free_frames() == PageCount(1) + tables);
    machine.vmalloc().free(other);
    CHECK(before - machine.free_frames() == tables);
    CHECK(machine.broken() == "");
}

TEST_CASE("kernel stack: every allocation fails in turn, and nothing is changed") {
    KernelMachine machine;
    const PageCount before = machine.free_frames();
    // Two tables, and its frames.
    for (std::uint64_t successes = 0; successes < 2 + 4; ++successes) {
        CAPTURE(successes);
        machine.memory.buddy().fail_after(successes);
        CHECK(outcome(KernelStack::create(machine.memory)) == "ENOMEM");
        machine.memory.buddy().fail_after(std::nullopt);
        CHECK(machine.free_frames() == before);
        CHECK(machine.vmalloc().areas().empty());
        CHECK(machine.broken() == "");
    }
    CHECK(outcome(KernelStack::create(machine.memory)) == "ok");
}

TEST_CASE("kernel stack: it goes once, with whoever holds it last") {
    KernelMachine machine;
    KernelStack first = KernelStack::create(machine.memory).value();
    KernelStack second = KernelStack::create(machine.memory).value();
    const auto start = second.start();
    first = std::move(second);
    CHECK(first.start() == start);
    KernelStack third(std::move(first));
    CHECK(third.start() == start);
    second = KernelStack();
    CHECK(machine.vmalloc().areas().size() == 1);
    third = KernelStack();
    CHECK(machine.vmalloc().areas().empty());
    CHECK(machine.broken() == "");
}

TEST_CASE("kernel stack: none in a machine without a kernel half") {
    Machine machine;
    const PageCount before = machine.free_frames();
    const auto stack = KernelStack::create(machine.memory);
    REQUIRE(stack.has_value());
    CHECK_FALSE(stack->start().has_value());
    CHECK(machine.free_frames() == before);
}

}  // namespace fl::mm
