#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

// A hand goes from old to new over a queue that nothing is moved in: a page that was visited stays where it is.
class Sieve final : public Policy {
public:
    explicit Sieve(const Setup& setup) : pages_(setup.pages), counts_load_(setup.parameters[0] != 0) {}

    void admit(PageId page, Access /*access*/) override {
        queue_.push_back(page);
        if (!counts_load_) pages_.clear_accessed(page);
    }
    PageId choose_victim(PageId /*incoming*/) override {
        PageId page = hand_ == no_page ? queue_.front() : hand_;
        for (std::uint64_t step = 0; step < 2 * std::uint64_t{queue_.size()}; ++step) {
            if (pages_.evictable(page) && !pages_.test_and_clear_accessed(page)) {
                hand_ = queue_.next(page);
                queue_.erase(page);
                return page;
            }
            page = queue_.next_around(page);
        }
        return no_page;
    }
    void forget(PageId page) override {
        if (!links_.linked(page)) return;
        if (hand_ == page) hand_ = queue_.next(page);
        queue_.erase(page);
    }
    std::string state() const override {
        if (queue_.empty()) return "queue empty";
        return "queue of " + std::to_string(queue_.size()) + ", hand at " +
               std::to_string(hand_ == no_page ? queue_.front() : hand_);
    }

private:
    Pages& pages_;
    bool counts_load_;
    PageId hand_ = no_page;  // no_page: at the front
    Links links_;
    PageList queue_{links_};
};

}  // namespace

const PolicyInfo& built_in::sieve() {
    static const PolicyInfo info{
        "sieve",
        "a hand over a queue takes the first page not used since it came by; no page is moved",
        "Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson, K. V. Rashmi, SIEVE is simpler than LRU, NSDI 2024",
        Needs::accessed_bits,
        {accessed_on_load(0)},
        make<Sieve>};
    return info;
}

}  // namespace fl::replacement
