#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

#include <random>
#include <vector>

namespace fl::replacement {

namespace {

class Random final : public Policy {
public:
    explicit Random(const Setup& setup) : pages_(setup.pages), generator_(setup.seed) {}

    void admit(PageId page, Access /*access*/) override {
        resident_.push_back(page);
        places_[page] = static_cast<std::uint32_t>(resident_.size());
    }
    // Drawn until one is evictable; where that takes too long, drawn from a list of those that are.
    PageId choose_victim(PageId /*incoming*/) override {
        constexpr int draws_at_most = 8;
        for (int draw = 0; draw < draws_at_most && !resident_.empty(); ++draw) {
            const PageId page = draw_from(resident_);
            if (pages_.evictable(page)) return take(page);
        }
        std::vector<PageId> evictable;
        for (const PageId page : resident_)
            if (pages_.evictable(page)) evictable.push_back(page);
        return evictable.empty() ? no_page : take(draw_from(evictable));
    }
    void forget(PageId page) override {
        if (places_.get(page) != 0) take(page);
    }
    std::string state() const override { return std::to_string(resident_.size()) + " pages, all alike"; }

private:
    PageId draw_from(const std::vector<PageId>& from) {
        // The high half of a product: the same on every host, unlike std::uniform_int_distribution.
        const std::uint64_t number = generator_() >> 32;
        return from[static_cast<std::size_t>((number * from.size()) >> 32)];
    }
    PageId take(PageId page) {
        const std::uint32_t place = places_[page];
        resident_[place - 1] = resident_.back();
        places_[resident_.back()] = place;
        resident_.pop_back();
        places_[page] = 0;
        return page;
    }

    Pages& pages_;
    std::mt19937_64 generator_;
    std::vector<PageId> resident_;
    PerPage<std::uint32_t> places_;  // index in resident_ plus one; 0: not resident
};

}  // namespace

const PolicyInfo& built_in::random() {
    static const PolicyInfo info{"random",
                                 "any page, all with the same chance",
                                 "L. A. Belady, A study of replacement algorithms for a virtual-storage computer, IBM "
                                 "Systems Journal 5(2), 1966",
                                 Needs::faults_only,
                                 {},
                                 make<Random>};
    return info;
}

}  // namespace fl::replacement
