#include "mm/replacement/adaptive.hpp"
#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"

namespace fl::replacement {

namespace {

using Where = AdaptiveLists::Where;

class Arc final : public Policy, public LateHits {
public:
    explicit Arc(const Setup& setup) : pages_(setup.pages), lists_(setup.frames) {}

    void admit(PageId page, Access /*access*/) override {
        prepare_for(page);
        prepared_for_ = no_page;
        lists_.move(page, lists_.where(page) == Where::nowhere ? Where::once : Where::often);
    }
    void reference(PageId page, Access /*access*/, std::uint32_t /*count*/) override {
        lists_.move(page, Where::often);
    }
    PageId choose_victim(PageId incoming) override {
        // The paper's case IV A with an empty B1: what leaves T1 is not remembered.
        const bool is_full_of_new = lists_.where(incoming) == Where::nowhere && lists_.once.size() >= lists_.frames() &&
                                    lists_.once_ghosts.empty();
        prepare_for(incoming);
        const bool from_once = is_full_of_new || takes_from_once(incoming);
        PageId victim = first_evictable(from_once ? lists_.once : lists_.often, pages_);
        if (victim == no_page) victim = first_evictable(from_once ? lists_.often : lists_.once, pages_);
        if (victim == no_page) return no_page;
        const bool was_once = lists_.where(victim) == Where::once;
        if (is_full_of_new && was_once) {
            lists_.move(victim, Where::nowhere);
        } else {
            lists_.move(victim, was_once ? Where::once_ghost : Where::often_ghost);
        }
        return victim;
    }
    void forget(PageId page) override {
        if (prepared_for_ == page) prepared_for_ = no_page;
        if (lists_.where(page) != Where::nowhere) lists_.move(page, Where::nowhere);
    }
    std::string state() const override { return lists_.state(); }
    std::string describe(PageId page) const override { return lists_.describe(page); }

private:
    // Once for each fault: the target follows, and a page that is new makes room in what is remembered.
    void prepare_for(PageId incoming) {
        if (prepared_for_ == incoming) return;
        prepared_for_ = incoming;
        lists_.adapt(incoming);
        if (lists_.where(incoming) != Where::nowhere) return;
        const std::uint32_t frames = lists_.frames();
        if (lists_.once.size() + lists_.once_ghosts.size() >= frames) {
            lists_.drop_front(Where::once_ghost);
        } else if (lists_.all() >= 2 * frames) {
            lists_.drop_front(Where::often_ghost);
        }
    }
    bool takes_from_once(PageId incoming) {
        const double once = lists_.once.size();
        if (lists_.once.empty()) return false;
        return once > lists_.target() || (lists_.where(incoming) == Where::often_ghost && once == lists_.target());
    }

    Pages& pages_;
    AdaptiveLists lists_;
    PageId prepared_for_ = no_page;
};

}  // namespace

const PolicyInfo& built_in::arc() {
    static const PolicyInfo info{
        "arc",
        "two LRU lists, seen once and seen more often, whose sizes follow what is missed",
        "N. Megiddo, D. S. Modha, ARC: a self-tuning, low overhead replacement cache, FAST 2003",
        Needs::every_reference,
        {},
        make<Arc>};
    return info;
}

}  // namespace fl::replacement
