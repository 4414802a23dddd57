#include "mm/kernel_memory.hpp"

#include "mm/physical_memory.hpp"
#include "tests/unit/mm/machine.hpp"

#include <utility>
#include <vector>

namespace fl::mm {

TEST_CASE("kernel memory: frames stand for the bytes that are charged") {
    emu::Ram ram = test::make_ram(64);
    PhysicalMemory memory(ram);
    const PageCount before = memory.used_page_count();
    {
        auto small = memory.kernel_memory().charge(100);
        REQUIRE(small.has_value());
        CHECK(memory.used_page_count() == before + PageCount(1));
        auto other = memory.kernel_memory().charge(page_size - 100);
        REQUIRE(other.has_value());
        CHECK(memory.used_page_count() == before + PageCount(1));
        auto third = memory.kernel_memory().charge(1);
        REQUIRE(third.has_value());
        CHECK(memory.used_page_count() == before + PageCount(2));
        const KernelCharge moved = std::move(*other);
        CHECK(moved.bytes() == page_size - 100);
        CHECK(memory.kernel_memory().charged_bytes() == page_size + 1);
        *small = KernelCharge();
    }
    CHECK(memory.kernel_memory().charged_bytes() == 0);
    CHECK(memory.used_page_count() == before);
}

TEST_CASE("kernel memory: a sixteenth of RAM is left to others, and what is refused takes nothing") {
    emu::Ram ram = test::make_ram(64);
    PhysicalMemory memory(ram);
    std::vector<KernelCharge> charges;
    for (;;) {
        auto charge = memory.kernel_memory().charge(page_size);
        if (!charge) {
            CHECK(charge.error() == Errno::enomem);
            break;
        }
        charges.push_back(std::move(*charge));
    }
    CHECK(memory.buddy().free_page_count() == PageCount(4));
    CHECK(memory.kernel_memory().charged_bytes() == charges.size() * page_size);
    CHECK_FALSE(memory.kernel_memory().charge(~std::uint64_t{0}).has_value());
    charges.pop_back();
    CHECK(memory.kernel_memory().charge(page_size).has_value());
}

}  // namespace fl::mm
