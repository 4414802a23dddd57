#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

class SecondChance final : public Policy {
public:
    explicit SecondChance(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access /*access*/) override { queue_.push_back(page); }
    // Each page is met twice at most: the second time its bit is clear.
    PageId choose_victim(PageId /*incoming*/) override {
        PageId page = queue_.front();
        while (page != no_page) {
            const PageId following = queue_.next(page);
            if (pages_.evictable(page)) {
                if (!pages_.test_and_clear_accessed(page)) {
                    queue_.erase(page);
                    return page;
                }
                queue_.move_to_back(page);
                // The last of the queue went nowhere: it is met again.
                page = following == no_page ? page : following;
            } else {
                page = following;
            }
        }
        return no_page;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) queue_.erase(page);
    }
    std::string state() const override {
        if (queue_.empty()) return "queue empty";
        return "queue of " + std::to_string(queue_.size()) + ", looked at next " + std::to_string(queue_.front());
    }

private:
    Pages& pages_;
    Links links_;
    PageList queue_{links_};
};

}  // namespace

const PolicyInfo& built_in::second_chance() {
    static const PolicyInfo info{"second-chance",
                                 "the page that came first leaves, unless it was used since: then it queues up again",
                                 "A. S. Tanenbaum, Modern Operating Systems; after F. J. Corbato, A paging experiment "
                                 "with the Multics system, 1968",
                                 Needs::accessed_bits,
                                 {},
                                 make<SecondChance>};
    return info;
}

}  // namespace fl::replacement
