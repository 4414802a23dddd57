#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

#include <algorithm>

namespace fl::replacement {

namespace {

std::uint32_t share(std::uint32_t frames, double per_cent) {
    return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(frames * per_cent / 100));
}

// The full version: A1in, a FIFO of pages seen once; A1out, what left A1in; Am, an LRU list of pages that came back
// from A1out.
class TwoQueues final : public Policy, public LateHits {
public:
    explicit TwoQueues(const Setup& setup)
        : pages_(setup.pages),
          in_at_most_(share(setup.frames, setup.parameters[0])),
          out_at_most_(share(setup.frames, setup.parameters[1])) {}

    void admit(PageId page, Access /*access*/) override {
        const bool returns = where_[page] == Where::out || returning_ == page;
        if (where_[page] == Where::out) out_.erase(page);
        returning_ = no_page;
        where_[page] = returns ? Where::main : Where::in;
        (returns ? main_ : in_).push_back(page);
    }
    void reference(PageId page, Access /*access*/, std::uint32_t /*count*/) override {
        if (where_[page] == Where::main) main_.move_to_back(page);
    }
    PageId choose_victim(PageId incoming) override {
        // What is asked before room is made: making it may push `incoming` out of A1out.
        if (where_.get(incoming) == Where::out) returning_ = incoming;
        const bool prefers_in = in_.size() > in_at_most_;
        PageId victim = first_evictable(prefers_in ? in_ : main_, pages_);
        if (victim == no_page) victim = first_evictable(prefers_in ? main_ : in_, pages_);
        if (victim == no_page) return no_page;
        if (where_[victim] == Where::in) {
            in_.erase(victim);
            remember(victim);
        } else {
            main_.erase(victim);
            where_[victim] = Where::nowhere;
        }
        return victim;
    }
    void forget(PageId page) override {
        if (returning_ == page) returning_ = no_page;
        const Where where = where_.get(page);
        if (where == Where::nowhere) return;
        (where == Where::in ? in_ : where == Where::out ? out_ : main_).erase(page);
        where_[page] = Where::nowhere;
    }
    std::string state() const override {
        return "A1in " + std::to_string(in_.size()) + " of " + std::to_string(in_at_most_) + ", A1out " +
               std::to_string(out_.size()) + " of " + std::to_string(out_at_most_) + ", Am " +
               std::to_string(main_.size());
    }
    std::string describe(PageId page) const override {
        switch (where_.get(page)) {
            case Where::in: return "in A1in";
            case Where::out: return "in A1out";
            case Where::main: return "in Am";
            case Where::nowhere: break;
        }
        return {};
    }

private:
    enum class Where : std::uint8_t { nowhere, in, out, main };

    void remember(PageId page) {
        where_[page] = Where::out;
        out_.push_back(page);
        if (out_.size() > out_at_most_) where_[out_.pop_front()] = Where::nowhere;
    }

    Pages& pages_;
    std::uint32_t in_at_most_;
    std::uint32_t out_at_most_;
    PageId returning_ = no_page;  // was in A1out when room was made for it
    PerPage<Where> where_;
    Links links_;
    PageList in_{links_};
    PageList out_{links_};
    PageList main_{links_};
};

}  // namespace

const PolicyInfo& built_in::two_queues() {
    static const PolicyInfo info{
        "2q",
        "pages seen once pass through a FIFO; those that come back soon after go to an LRU list",
        "T. Johnson, D. Shasha, 2Q: a low overhead high performance buffer management replacement algorithm, VLDB 1994",
        Needs::every_reference,
        {{"in", "per cent of the frames for A1in, pages seen once", 25, 0, 100},
         {"out", "per cent of the frames for A1out, pages remembered after they left A1in", 50, 0, 1000}},
        make<TwoQueues>};
    return info;
}

}  // namespace fl::replacement
