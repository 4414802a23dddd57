#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_heap.hpp"

namespace fl::replacement {

namespace {

class Lfu final : public Policy, public LateHits {
public:
    explicit Lfu(const Setup& setup)
        : pages_(setup.pages), keeps_history_(setup.parameters[0] == forever), by_age_(setup.parameters[1] == oldest) {}

    void admit(PageId page, Access /*access*/) override {
        Use& use = uses_[page];
        if (!keeps_history_) use.count = 0;
        ++use.count;
        use.order = ++clock_;
        heap_.push(page, key(page));
    }
    void reference(PageId page, Access /*access*/, std::uint32_t count) override {
        Use& use = uses_[page];
        use.count += count;
        if (!by_age_) use.order = ++clock_;
    }
    PageId choose_victim(PageId /*incoming*/) override {
        return heap_.take_least([&](PageId page) { return key(page); },
                                [&](PageId page) { return pages_.evictable(page); });
    }
    void forget(PageId page) override {
        if (heap_.holds(page)) heap_.erase(page);
        if (uses_.get(page).count != 0) uses_[page] = {};
    }
    std::string state() const override { return std::to_string(heap_.size()) + " pages"; }
    std::string describe(PageId page) const override { return std::to_string(uses_.get(page).count) + " references"; }

private:
    static constexpr double forever = 1;
    static constexpr double oldest = 1;

    struct Use {
        std::uint64_t count = 0;
        std::uint64_t order = 0;  // when it was used last, or entered: decides among equal counts
    };
    PageHeap::Key key(PageId page) const {
        const Use use = uses_.get(page);
        return {use.count, use.order};
    }

    Pages& pages_;
    bool keeps_history_;
    bool by_age_;
    std::uint64_t clock_ = 0;
    PerPage<Use> uses_;
    PageHeap heap_;
};

}  // namespace

const PolicyInfo& built_in::lfu() {
    static const PolicyInfo info{
        "lfu",
        "the page with the fewest references leaves",
        "R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, Evaluation techniques for storage hierarchies, IBM "
        "Systems Journal 9(2), 1970",
        Needs::every_reference,
        {{"history",
          "references count while the page is resident, or for ever",
          0,
          0,
          1,
          true,
          {"resident", "forever"}},
         {"ties",
          "among equal counts leaves the one not used for longest (lru) or the one that came first (fifo)",
          0,
          0,
          1,
          true,
          {"lru", "fifo"}}},
        make<Lfu>};
    return info;
}

}  // namespace fl::replacement
