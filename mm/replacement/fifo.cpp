#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

class Fifo final : public Policy {
public:
    explicit Fifo(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access /*access*/) override { queue_.push_back(page); }
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = first_evictable(queue_, pages_);
        if (victim != no_page) queue_.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) queue_.erase(page);
    }
    std::string state() const override {
        if (queue_.empty()) return "queue empty";
        return "queue of " + std::to_string(queue_.size()) + ", next out " + std::to_string(queue_.front());
    }

private:
    Pages& pages_;
    Links links_;
    PageList queue_{links_};
};

}  // namespace

const PolicyInfo& built_in::fifo() {
    static const PolicyInfo info{"fifo",
                                 "the page that came first leaves first",
                                 "L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM "
                                 "Systems Journal 5(2), 1966",
                                 Needs::faults_only,
                                 {},
                                 make<Fifo>};
    return info;
}

}  // namespace fl::replacement
