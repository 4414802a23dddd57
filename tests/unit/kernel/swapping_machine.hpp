// The machine of mm's tests with swap and a policy, for the views that speak of them.
#pragma once

#include "mm/reclaimer.hpp"
#include "tests/unit/mm/machine.hpp"

namespace fl::mm::test {

class SwappingMachine {
public:
    explicit SwappingMachine(PageCount slots = PageCount(32), ReclaimOptions options = {}) {
        auto device = SwapDevice::create({.slots = slots, .file = ""});
        REQUIRE(device.has_value());
        swap_ = *std::move(device);
        const replacement::PolicyInfo* fifo = replacement::find_policy("fifo");
        REQUIRE(fifo != nullptr);
        options.policy.info = fifo;
        auto made = Reclaimer::create(machine_.memory, swap_.get(), options);
        REQUIRE(made.has_value());
        reclaimer_ = *std::move(made);
    }
    SwappingMachine(const SwappingMachine&) = delete;
    SwappingMachine& operator=(const SwappingMachine&) = delete;
    ~SwappingMachine() {
        CHECK(machine_.broken() == "");
        machine_.handler.set_mm(nullptr);
        machine_.observer.events.clear();
        machine_.mm.reset();
        CHECK(swap_->used_slot_count() == PageCount(0));
    }

    Machine* operator->() { return &machine_; }
    Machine& operator*() { return machine_; }
    SwapDevice& swap() { return *swap_; }
    Reclaimer& reclaimer() { return *reclaimer_; }
    void page_out(VirtAddr address, std::uint64_t pages = 1) {
        REQUIRE(machine_.mm->advise(address, pages * page_size, madv_pageout).has_value());
    }

private:
    Machine machine_;
    std::unique_ptr<SwapDevice> swap_;
    std::unique_ptr<Reclaimer> reclaimer_;
};

}  // namespace fl::mm::test
