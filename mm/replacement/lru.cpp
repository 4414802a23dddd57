#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

class Lru final : public Policy {
public:
    explicit Lru(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access /*access*/) override { by_use_.push_back(page); }
    void reference(PageId page, Access /*access*/, std::uint32_t /*count*/) override { by_use_.move_to_back(page); }
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = first_evictable(by_use_, pages_);
        if (victim != no_page) by_use_.erase(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (links_.linked(page)) by_use_.erase(page);
    }
    std::string state() const override {
        if (by_use_.empty()) return "list empty";
        return "list of " + std::to_string(by_use_.size()) + ", used last " + std::to_string(by_use_.back()) +
               ", not used for longest " + std::to_string(by_use_.front());
    }

private:
    Pages& pages_;
    Links links_;
    PageList by_use_{links_};  // used last at the back
};

}  // namespace

const PolicyInfo& built_in::lru() {
    static const PolicyInfo info{
        "lru",
        "the page not used for longest leaves; exact, not an approximation",
        "R. L. Mattson, J. Gecsei, D. R. Slutz, I. L. Traiger, Evaluation techniques for storage "
        "hierarchies, IBM Systems Journal 9(2), 1970",
        Needs::every_reference,
        {},
        make<Lru>};
    return info;
}

}  // namespace fl::replacement
