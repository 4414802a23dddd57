// What the background reclaimer keeps back is for who would not get any further without it.
#include "tests/unit/mm/reclaim_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

class OneTry final : public emu::FaultLocator {
public:
    VirtAddr locate(const emu::PageFault& fault) const override { return fault.address; }
    emu::InstructionAttempt attempt() const override { return {VirtAddr(0x401000), 1}; }
};

}  // namespace

TEST_CASE("reclaim: one try at an instruction takes from the reserve before it takes its own pages") {
    constexpr std::uint64_t frames = 8, locked = 6;
    Pressure with_kswapd = pressure(frames);
    with_kswapd.reclaim.kswapd = true;
    REQUIRE(watermarks_for(PageCount(frames)).min == PageCount(1));
    ShortMachine machine(with_kswapd);
    REQUIRE(machine.map(page(0), 16).has_value());
    for (std::uint64_t i = 0; i < locked; ++i) machine.put(i, 1);
    REQUIRE(machine.mm->lock(page(0), locked * page_size, VmFlags()).has_value());
    // The one frame that is left beside the reserve.
    machine.put(locked, 1);
    CHECK(machine.reclaimer->frames() == PageCount(frames - 1));

    const OneTry one_try;
    for (const std::uint64_t index : {locked + 1, locked + 2}) {
        const auto found =
            machine.mmu.translate(machine.mm->page_table().root(), page(index), emu::Access::write, emu::Mode::user);
        REQUIRE_FALSE(found.has_value());
        const emu::PageFault fault{page(index), emu::Access::write, emu::Mode::user, found.error(), &one_try};
        CHECK(machine.handler.handle_page_fault(fault) != emu::FaultOutcome::fatal);
    }
    CHECK(machine.swapped(locked));
    CHECK(machine.resident(locked + 1));
    CHECK(machine.resident(locked + 2));
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
