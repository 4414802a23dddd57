// RecencyPolicy: pages in the order of their last use. Which end leaves is all that LRU and MRU differ in.
#pragma once

#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

#include <string>

namespace fl::replacement {

// `find_victim` is first_evictable (not used for longest) or last_evictable (used last).
template <auto find_victim>
class RecencyPolicy final : public Policy, public LateHits {
public:
    explicit RecencyPolicy(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access /*access*/) override { by_use_.push_back(page); }
    void reference(PageId page, Access /*access*/, std::uint32_t /*count*/) override { by_use_.move_to_back(page); }
    PageId choose_victim(PageId /*incoming*/) override {
        const PageId victim = find_victim(by_use_, pages_);
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

}  // namespace fl::replacement
