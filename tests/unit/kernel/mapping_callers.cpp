#include "kernel/mapping_callers.hpp"

#include "tests/unit/mm/machine.hpp"

using namespace fl;
using namespace fl::mm;
using namespace fl::mm::test;
using kernel::CallSite;
using kernel::MappingCallers;

namespace {

constexpr std::uint64_t instruction = 0x401000;
constexpr std::uint64_t syscall_bytes = 2;

struct Meter final : kernel::WorkMeter {
    kernel::WorkDone work_done() const override { return {.instructions = instructions}; }
    std::uint64_t instructions = 0;
};

struct Example {
    Machine machine;
    Meter meter;
    kernel::Clock clock{kernel::ClockMode::virtual_time, meter};
    MappingCallers callers{machine.ram, clock};
    emu::Registers registers;

    Example() {
        REQUIRE(machine.map(page(0), 2).has_value());
        machine.write(page(0));
        machine.byte(page(0)) = std::byte{0x5a};
        registers.rip = instruction + syscall_bytes;
        registers.rsp = page(0).value();
        callers.set_registers(registers);
    }

    // A call, told of at its end; the change as the history has it.
    MappingChange call(std::uint64_t rbx) {
        registers.rbx = rbx;
        meter.instructions += 10;
        MappingChange change{.range = {}, .instruction = VirtAddr(instruction), .time_ns = clock.elapsed_ns()};
        meter.instructions += 10;
        callers.on_mappings(2, *machine.mm, {page(10), page(11)});
        return change;
    }
};

}  // namespace

TEST_CASE("mapping callers: each change leads to its own call, with registers and stack") {
    Example example;
    const MappingChange first = example.call(1), second = example.call(2);
    REQUIRE(example.callers.find(first) != nullptr);
    REQUIRE(example.callers.find(second) != nullptr);
    const CallSite& site = *example.callers.find(first);
    CHECK(site.registers.rbx == 1);
    CHECK(site.stack.size() == MappingCallers::stack_bytes);
    CHECK(site.stack[0] == std::byte{0x5a});
    CHECK(example.callers.find(second)->registers.rbx == 2);
    MappingChange elsewhere = first;
    elsewhere.instruction = VirtAddr(instruction + 1);
    CHECK(example.callers.find(elsewhere) == nullptr);
    // Of a call after which the mappings are what they were nothing is kept, and no later one stands in for it.
    example.meter.instructions += 10;
    const MappingChange nothing{
        .range = {}, .instruction = VirtAddr(instruction), .time_ns = example.clock.elapsed_ns()};
    example.callers.on_mappings(2, *example.machine.mm, {});
    (void)example.call(3);
    CHECK(example.callers.find(nothing) == nullptr);
}

TEST_CASE("mapping callers: the stack is kept as far as it is in memory") {
    Example example;
    example.registers.rsp = page(1).value() - 16;
    const MappingChange cut = example.call(1);
    CHECK(example.callers.find(cut)->stack.size() == 16);
    for (const std::uint64_t nowhere : {std::uint64_t{0}, std::uint64_t{0xffff'8000'0000'0000}, ~std::uint64_t{0}}) {
        example.registers.rsp = nowhere;
        const MappingChange change = example.call(2);
        CHECK(example.callers.find(change)->stack.empty());
    }
}

TEST_CASE("mapping callers: the oldest are forgotten") {
    Example example;
    const MappingChange first = example.call(0);
    MappingChange last{};
    for (std::uint64_t i = 1; i <= MappingCallers::capacity; ++i) last = example.call(i);
    CHECK(example.callers.find(first) == nullptr);
    CHECK(example.callers.find(last)->registers.rbx == MappingCallers::capacity);
}
