#include "mm/replacement/adaptive.hpp"
#include "mm/replacement/built_in.hpp"

namespace fl::replacement {

namespace {

using Where = AdaptiveLists::Where;

// ARC with clocks in place of LRU lists: the front of T1 and of T2 is where their hands stand.
class Car final : public Policy {
public:
    explicit Car(const Setup& setup)
        : pages_(setup.pages), counts_load_(setup.parameters[0] != 0), lists_(setup.frames) {}

    void admit(PageId page, Access /*access*/) override {
        if (lists_.where(page) == Where::nowhere) {
            make_room_for_new();
            lists_.move(page, Where::once);
        } else {
            lists_.adapt(page);
            lists_.move(page, Where::often);
        }
        if (!counts_load_) pages_.clear_accessed(page);
    }
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = sweep();
        if (victim != no_page)
            lists_.move(victim, lists_.where(victim) == Where::once ? Where::once_ghost : Where::often_ghost);
        return victim;
    }
    void forget(PageId page) override {
        if (lists_.where(page) != Where::nowhere) lists_.move(page, Where::nowhere);
    }
    std::string state() const override { return lists_.state(); }
    std::string describe(PageId page) const override { return lists_.describe(page); }

private:
    // Pages of T1 that were accessed go to T2, those of T2 go round. Each is met three times at most.
    PageId sweep() {
        std::uint64_t steps = 3 * std::uint64_t{lists_.once.size() + lists_.often.size()};
        for (; steps > 0; --steps) {
            const bool prefers_once = lists_.once.size() >= std::max(1.0, lists_.target());
            PageId page = first_evictable(prefers_once ? lists_.once : lists_.often, pages_);
            if (page == no_page) page = first_evictable(prefers_once ? lists_.often : lists_.once, pages_);
            if (page == no_page || !pages_.test_and_clear_accessed(page)) return page;
            lists_.move(page, Where::often);
        }
        return no_page;
    }
    void make_room_for_new() {
        const std::uint32_t frames = lists_.frames();
        if (lists_.once.size() + lists_.once_ghosts.size() >= frames && !lists_.once_ghosts.empty()) {
            lists_.drop_front(Where::once_ghost);
        } else if (lists_.all() >= 2 * frames) {
            lists_.drop_front(Where::often_ghost);
        }
    }

    Pages& pages_;
    bool counts_load_;
    AdaptiveLists lists_;
};

}  // namespace

const PolicyInfo& built_in::car() {
    static const PolicyInfo info{"car",
                                 "ARC with two clocks in place of its LRU lists",
                                 "S. Bansal, D. S. Modha, CAR: clock with adaptive replacement, FAST 2004",
                                 Needs::accessed_bits,
                                 {accessed_on_load(0)},
                                 make<Car>};
    return info;
}

}  // namespace fl::replacement
