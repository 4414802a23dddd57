// What the best policies would do that know the future: bounds for all others.
#pragma once

#include "lab/prepared_string.hpp"
#include "lab/reference_string.hpp"
#include "lab/replay.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace fl::lab {

// For each run of the string the index of the next run of the same page, or the length of the string: none.
std::vector<std::uint32_t> next_runs(const ReferenceString& string);

// Belady's OPT, or MIN: the page whose next use is the farthest away leaves; of several that are not used again, the
// one with the highest number. (L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM
// Systems Journal 5(2), 1966.)
//
// A hit costs nothing: which pages were used since the last fault is seen at the next, as their next uses have passed.
// O(log frames) for each of those.
class Opt final : public replacement::Policy {
public:
    // `run` is the run that is being played. Both outlive it.
    Opt(const PreparedString& string, const std::size_t& run);

    void admit(PageId page, Access access) override;
    PageId choose_victim(PageId incoming) override;
    void forget(PageId page) override;
    std::string state() const override;
    std::string describe(PageId page) const override;
    // The run of its next use after the present run; the length of the string: none. Of a resident page.
    std::uint32_t next_use(PageId page) const;

private:
    // A next use above, the page below: ordered by next use.
    using Key = std::uint64_t;
    static Key key_of(std::uint32_t next_use, PageId page) { return Key{next_use} << 32U | page; }

    void enter(PageId page);
    void refresh();
    void sweep();

    const PreparedString& string_;
    const std::size_t& run_;
    std::uint32_t none_;
    std::uint64_t resident_ = 0;
    std::vector<std::uint32_t> next_uses_;       // by page, as the heaps have it; not_resident
    mutable std::vector<std::uint32_t> places_;  // by page: how many of its occurrences are over
    // Entries whose next use is not that of next_uses_ are void.
    std::priority_queue<Key> farthest_;
    std::priority_queue<Key, std::vector<Key>, std::greater<>> nearest_;
};

// VMIN: a page stays after a reference where its next one is at most `window` references away, else it leaves at once.
// As many faults as the working set of this window, with the least memory. (B. G. Prieve, R. S. Fabry, VMIN: an optimal
// variable-space page replacement algorithm, Communications of the ACM 19(5), 1976.)
struct VminOptions {
    std::uint64_t window = 1;
};
ReplayCounts replay_vmin(const ReferenceString& string, const VminOptions& options);

}  // namespace fl::lab
