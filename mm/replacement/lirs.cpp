#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

#include <algorithm>

namespace fl::replacement {

namespace {

// Stack S holds pages by recency, its bottom always LIR; queue Q holds the resident HIR pages, from which victims come.
// A HIR page that is used again while it is in S had a small reuse distance: it becomes LIR, and the LIR page at the
// bottom becomes HIR. A HIR page that leaves stays in S, non-resident, until the bottom passes it.
class Lirs final : public Policy, public LateHits {
public:
    explicit Lirs(const Setup& setup)
        : pages_(setup.pages),
          lir_at_most_(setup.frames -
                       std::clamp<std::uint32_t>(static_cast<std::uint32_t>(setup.frames * setup.parameters[0] / 100),
                                                 1, setup.frames)) {}

    void admit(PageId page, Access /*access*/) override {
        if (stack_links_.linked(page)) {
            stack_.erase(page);
            become_lir(page);
        } else if (lir_ < lir_at_most_) {
            become_lir(page);
        } else {
            kinds_[page] = Kind::hir;
            stack_.push_back(page);
            queue_.push_back(page);
        }
        prune();
    }
    void reference(PageId page, Access /*access*/, std::uint32_t count) override {
        // The first may bring it to the top of S, the second finds it there; a third changes nothing.
        for (std::uint32_t i = std::min<std::uint32_t>(count, 2); i > 0; --i) use(page);
    }
    // A LIR page only goes to the top of S, and what is pruned below is the same in the end. A HIR page may become LIR,
    // which depends on what S held when it was used.
    bool all_may_be_late() const override { return false; }
    bool may_be_late(PageId page) const override { return kinds_.get(page) == Kind::lir; }
    PageId choose_victim(PageId /*incoming*/) override {
        PageId victim = first_evictable(queue_, pages_);
        if (victim != no_page) {
            queue_.erase(victim);
            kinds_[victim] = stack_links_.linked(victim) ? Kind::ghost : Kind::unknown;
            return victim;
        }
        // All HIR pages are pinned or gone: the LIR page deepest in S.
        victim = stack_.front();
        while (victim != no_page && !(kinds_[victim] == Kind::lir && pages_.evictable(victim)))
            victim = stack_.next(victim);
        if (victim == no_page) return no_page;
        --lir_;
        kinds_[victim] = Kind::ghost;
        prune();
        return victim;
    }
    void forget(PageId page) override {
        if (kinds_.get(page) == Kind::unknown) return;
        if (kinds_[page] == Kind::lir) --lir_;
        if (stack_links_.linked(page)) stack_.erase(page);
        if (queue_links_.linked(page)) queue_.erase(page);
        kinds_[page] = Kind::unknown;
        prune();
    }
    std::string state() const override {
        return "LIR " + std::to_string(lir_) + " of " + std::to_string(lir_at_most_) + ", resident HIR " +
               std::to_string(queue_.size()) + ", stack " + std::to_string(stack_.size());
    }
    std::string describe(PageId page) const override {
        switch (kinds_.get(page)) {
            case Kind::lir: return "LIR";
            case Kind::hir: return stack_links_.linked(page) ? "HIR, in the stack" : "HIR";
            case Kind::ghost: return "HIR, remembered";
            case Kind::unknown: break;
        }
        return {};
    }

private:
    enum class Kind : std::uint8_t { unknown, lir, hir, ghost };

    void use(PageId page) {
        const bool in_stack = stack_links_.linked(page);
        if (in_stack) stack_.erase(page);
        if (kinds_[page] == Kind::lir) {
            stack_.push_back(page);
        } else if (in_stack) {
            queue_.erase(page);
            become_lir(page);
        } else {
            stack_.push_back(page);
            queue_.move_to_back(page);
        }
        prune();
    }
    void become_lir(PageId page) {
        kinds_[page] = Kind::lir;
        stack_.push_back(page);
        if (++lir_ > lir_at_most_) demote_bottom();
    }
    void demote_bottom() {
        prune();
        const PageId bottom = stack_.pop_front();
        kinds_[bottom] = Kind::hir;
        queue_.push_back(bottom);
        --lir_;
    }
    // HIR pages at the bottom leave S.
    void prune() {
        while (!stack_.empty() && kinds_[stack_.front()] != Kind::lir) {
            const PageId page = stack_.pop_front();
            if (kinds_[page] == Kind::ghost) kinds_[page] = Kind::unknown;
        }
    }

    Pages& pages_;
    std::uint32_t lir_at_most_;
    std::uint32_t lir_ = 0;
    PerPage<Kind> kinds_;
    Links stack_links_;
    PageList stack_{stack_links_};  // used last at the back
    Links queue_links_;
    PageList queue_{queue_links_};
};

}  // namespace

const PolicyInfo& built_in::lirs() {
    static const PolicyInfo info{
        "lirs",
        "pages with a large distance between their last two uses leave first",
        "S. Jiang, X. Zhang, LIRS: an efficient low inter-reference recency set replacement policy, SIGMETRICS 2002",
        Needs::every_reference,
        {{"hir", "per cent of the frames for pages with a large distance, at least one frame", 1, 0, 100, false}},
        make<Lirs>};
    return info;
}

}  // namespace fl::replacement
