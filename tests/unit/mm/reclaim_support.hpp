// A machine that is short of frames for user pages, and what its tests say of pages.
#pragma once

#include "tests/unit/mm/machine.hpp"

#include <algorithm>

namespace fl::mm::test {

// First in, first out; at each tick it has every page written before it has to leave.
class WritesAhead final : public replacement::Policy {
public:
    static constexpr std::uint64_t interval_ns = 1000;
    static replacement::PolicyChoice choice() {
        using namespace replacement;
        static const PolicyInfo info{"writes-ahead",
                                     "",
                                     "",
                                     Needs::accessed_bits,
                                     {},
                                     [](const Setup& setup) {
                                         return std::unique_ptr<Policy>(new WritesAhead(setup)); }};
        return {&info, {}};
    }

    void admit(replacement::PageId page, replacement::Access) override { queue_.push_back(page); }
    replacement::PageId choose_victim(replacement::PageId) override {
        const auto victim = std::ranges::find_if(queue_, [&](auto page) { return pages_.evictable(page); });
        if (victim == queue_.end()) return replacement::no_page;
        const replacement::PageId page = *victim;
        queue_.erase(victim);
        return page;
    }
    void forget(replacement::PageId page) override { std::erase(queue_, page); }
    std::uint64_t tick_interval() const override { return interval_ns; }
    void tick() override {
        for (const replacement::PageId page : queue_) pages_.write_back(page);
    }

private:
    explicit WritesAhead(const replacement::Setup& setup) : pages_(setup.pages) {}

    replacement::Pages& pages_;
    std::vector<replacement::PageId> queue_;
};

// First in, first out, so that it is known who leaves; `user_frames` for user pages, RAM enough for all else.
inline Pressure pressure(std::uint64_t user_frames, std::uint64_t slots = 64, std::string_view policy = "fifo") {
    Pressure pressure;
    pressure.reclaim.frames = PageCount(user_frames);
    pressure.reclaim.policy = policy_named(policy);
    pressure.reclaim.checks = PolicyChecks::on;
    pressure.swap.slots = PageCount(slots);
    return pressure;
}

class ShortMachine : public Machine {
public:
    explicit ShortMachine(const Pressure& pressure) : Machine(64) { reclaim_under(pressure); }

    Kinds put(std::uint64_t index, unsigned value) {
        Kinds kinds = write(page(index));
        REQUIRE(pte(page(index)).is_present());
        byte(page(index)) = static_cast<std::byte>(value);
        return kinds;
    }
    // What a read finds; -1 where it is refused.
    int get(std::uint64_t index) {
        const Kinds kinds = read(page(index));
        if (!kinds.empty() && is_fatal(kinds.back())) return -1;
        return std::to_integer<int>(Machine::byte(page(index)));
    }
    bool resident(std::uint64_t index) const { return pte(page(index)).is_resident(); }
    bool swapped(std::uint64_t index) const { return pte(page(index)).is_swapped(); }
    SwapSlot slot(std::uint64_t index) const { return pte(page(index)).slot(); }
    std::string advise(std::uint64_t index, std::uint64_t count, int advice) const {
        return outcome(mm->advise(page(index), count * page_size, advice));
    }
    // Touches so many fresh pages that all that may leave has left. They are mapped from page 100.
    void push_out(std::uint64_t count) {
        if (pte(page(100)).is_none() && mm->vmas().find_intersection({page(100), page(101)}) == nullptr) {
            REQUIRE(map(page(100), 32).has_value());
            REQUIRE(map(page(132), 32).has_value());
        }
        for (std::uint64_t i = 0; i < count; ++i) put(100 + next_++, 250);
    }
    const ReclaimCounters& counted() const { return reclaimer->counters(); }

private:
    std::uint64_t next_ = 0;
};

}  // namespace fl::mm::test
