#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_heap.hpp"

#include <vector>

namespace fl::replacement {

namespace {

// Each tick takes the accessed bits: aging shifts them into a counter from the left, NFU adds them up. Between ticks
// the counters stand still, and a heap finds the least.
class NfuAging final : public Policy {
public:
    explicit NfuAging(const Setup& setup)
        : pages_(setup.pages),
          ages_(setup.parameters[0] == 0),
          top_bit_(std::uint64_t{1} << (static_cast<unsigned>(setup.parameters[1]) - 1)),
          interval_(static_cast<std::uint64_t>(setup.parameters[2])),
          counts_load_(setup.parameters[3] != 0) {}

    void admit(PageId page, Access /*access*/) override {
        const std::uint64_t counter = counts_load_ ? increment() : 0;
        counters_[page] = {counter, ++admitted_};
        heap_.push(page, {counter, admitted_});
        places_[page] = static_cast<std::uint32_t>(resident_.size());
        resident_.push_back(page);
    }
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = heap_.take_least([&](PageId page) { return counters_.get(page); },
                                               [&](PageId page) { return pages_.evictable(page); });
        if (victim != no_page) drop(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (!heap_.holds(page)) return;
        heap_.erase(page);
        drop(page);
    }
    std::uint64_t tick_interval() const override { return interval_; }
    void tick() override {
        for (const PageId page : resident_) {
            std::uint64_t& counter = counters_[page].first;
            if (ages_) counter >>= 1;
            if (pages_.test_and_clear_accessed(page)) counter += increment();
        }
        heap_.rebuild([&](PageId page) { return counters_.get(page); });
    }
    std::string state() const override { return std::to_string(heap_.size()) + " pages"; }
    std::string describe(PageId page) const override {
        const std::uint64_t counter = counters_.get(page).first;
        if (!ages_) return "counter " + std::to_string(counter);
        std::string bits;
        for (std::uint64_t bit = top_bit_; bit != 0; bit >>= 1) bits += (counter & bit) != 0 ? '1' : '0';
        return "counter " + bits;
    }

private:
    std::uint64_t increment() const { return ages_ ? top_bit_ : 1; }
    void drop(PageId page) {
        const std::uint32_t place = places_[page];
        resident_[place] = resident_.back();
        places_[resident_.back()] = place;
        resident_.pop_back();
        counters_[page] = {};
    }

    Pages& pages_;
    bool ages_;
    std::uint64_t top_bit_;
    std::uint64_t interval_;
    bool counts_load_;
    std::uint64_t admitted_ = 0;
    PerPage<PageHeap::Key> counters_;  // the counter; among equal ones the page that came first leaves
    PageHeap heap_;
    std::vector<PageId> resident_;
    PerPage<std::uint32_t> places_;  // index in resident_
};

}  // namespace

const PolicyInfo& built_in::nfu_aging() {
    static const PolicyInfo info{
        "nfu-aging",
        "the page with the least counter leaves; ticks feed the counters with accessed bits",
        "A. S. Tanenbaum, Modern Operating Systems, simulating LRU in software",
        Needs::accessed_bits,
        {{"form",
          "the counter is shifted right at each tick (aging) or only counts (nfu)",
          0,
          0,
          1,
          true,
          {"aging", "nfu"}},
         {"bits", "bits of the counter that ages", 8, 1, 63},
         {"interval", "time between ticks: references in a replay, nanoseconds in the machine", 100'000, 1, 1e15},
         {"load", "whether the access that faulted counts at once, as if a tick had seen it", 1, 0, 1}},
        make<NfuAging>};
    return info;
}

}  // namespace fl::replacement
