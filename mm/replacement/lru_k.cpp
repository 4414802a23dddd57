#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_heap.hpp"

#include <algorithm>
#include <vector>

namespace fl::replacement {

namespace {

// Time is the number of references that this policy was told of.
class LruK final : public Policy {
public:
    explicit LruK(const Setup& setup)
        : pages_(setup.pages),
          depth_(static_cast<std::size_t>(setup.parameters[0])),
          correlated_(static_cast<std::uint64_t>(setup.parameters[1])),
          keeps_history_(setup.parameters[2] != 0) {}

    void admit(PageId page, Access /*access*/) override {
        grow(page);
        ++now_;
        std::uint64_t* history = history_of(page);
        if (!keeps_history_) std::fill_n(history, depth_, 0);
        std::copy_backward(history, history + depth_ - 1, history + depth_);
        history[0] = last_[page] = now_;
        heap_.push(page, key(page));
    }
    // References within the correlated period are one: they move the history of the page along and add nothing to it.
    void reference(PageId page, Access /*access*/, std::uint32_t count) override {
        std::uint64_t* history = history_of(page);
        std::uint32_t left = count;
        // Beyond as many as are remembered all but the last are forgotten again.
        if (correlated_ == 0 && left > depth_) {
            now_ += left - depth_;
            left = static_cast<std::uint32_t>(depth_);
        }
        for (; left > 0; --left) {
            ++now_;
            if (now_ - last_[page] > correlated_) {
                const std::uint64_t period = correlated_ == 0 ? 0 : last_[page] - history[0];
                for (std::size_t i = depth_ - 1; i > 0; --i)
                    history[i] = history[i - 1] == 0 ? 0 : history[i - 1] + period;
                history[0] = now_;
            } else {
                now_ += left - 1;
                left = 1;
            }
            last_[page] = now_;
        }
    }
    PageId choose_victim(PageId /*incoming*/) override {
        const auto key_of = [&](PageId page) { return key(page); };
        const auto eligible = [&](PageId page) {
            return pages_.evictable(page) && (correlated_ == 0 || now_ + 1 - last_[page] > correlated_);
        };
        const PageId victim = heap_.take_least(key_of, eligible);
        if (victim != no_page || correlated_ == 0) return victim;
        return heap_.take_least(key_of, [&](PageId page) { return pages_.evictable(page); });
    }
    void forget(PageId page) override {
        if (heap_.holds(page)) heap_.erase(page);
        if (last_.get(page) == 0) return;
        std::fill_n(history_of(page), depth_, 0);
        last_[page] = 0;
    }
    std::string state() const override {
        return std::to_string(heap_.size()) + " pages at reference " + std::to_string(now_);
    }
    std::string describe(PageId page) const override {
        if (last_.get(page) == 0) return {};
        const std::uint64_t since = history_[page * depth_ + depth_ - 1];
        const std::string nth = "reference " + std::to_string(depth_) + " from the last ";
        return since == 0 ? nth + "is not known" : nth + "was " + std::to_string(now_ - since) + " ago";
    }

private:
    void grow(PageId page) {
        if (history_.size() < (std::size_t{page} + 1) * depth_) history_.resize((std::size_t{page} + 1) * depth_);
    }
    std::uint64_t* history_of(PageId page) { return history_.data() + page * depth_; }
    // Pages with fewer than `depth_` references come first, in LRU order.
    PageHeap::Key key(PageId page) const { return {history_[page * depth_ + depth_ - 1], last_.get(page)}; }

    Pages& pages_;
    std::size_t depth_;
    std::uint64_t correlated_;
    bool keeps_history_;
    std::uint64_t now_ = 0;
    std::vector<std::uint64_t> history_;  // for each page the times of its last `depth_` references; 0: fewer
    PerPage<std::uint64_t> last_;         // the last reference, correlated or not
    PageHeap heap_;
};

}  // namespace

const PolicyInfo& built_in::lru_k() {
    static const PolicyInfo info{
        "lru-k",
        "the page whose K-th last reference is the longest ago leaves",
        "E. J. O'Neil, P. E. O'Neil, G. Weikum, The LRU-K page replacement algorithm for database disk buffering, "
        "SIGMOD "
        "1993",
        Needs::every_reference,
        {{"k", "references looked back", 2, 1, 8},
         {"correlated", "references within so many of a page's last one belong to it; 0: none", 0, 0, 1e15},
         {"history", "whether references of pages that left count when they come back", 1, 0, 1}},
        make<LruK>};
    return info;
}

}  // namespace fl::replacement
