#include "simple_replay_support.hpp"

#include "mm/replacement/checked_policy.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace fl::lab {

namespace {

using replacement::Needs;
using replacement::no_page;

class SimpleReplay final : public replacement::Pages {
public:
    SimpleReplay(const ReferenceString& string, const replacement::PolicyChoice& choice, const ReplayOptions& options)
        : string_(string), options_(options) {
        is_opt_ = choice.info->needs == Needs::future;
        if (is_opt_) return;
        is_told_of_hits_ = choice.info->needs == Needs::every_reference;
        auto checked = replacement::CheckedPolicy::create(
            *choice.info, replacement::Setup{options.frames, *this, options.seed, choice.parameters});
        REQUIRE(checked.has_value());
        policy_ = *std::move(checked);
    }

    bool accessed(PageId page) const override { return resident_.at(page).accessed; }
    void clear_accessed(PageId page) override { resident_.at(page).accessed = false; }
    bool dirty(PageId page) const override { return resident_.at(page).dirty; }
    bool evictable(PageId page) const override { return resident_.count(page) != 0 && page != held_; }
    void write_back(PageId page) override {
        if (resident_.at(page).dirty) ++counts_.write_backs;
        resident_.at(page).dirty = false;
    }
    std::uint64_t time() const override { return time_; }

    ReplayStory run() {
        for (index_ = 0; index_ < string_.size(); ++index_) {
            const Run& run = string_[index_];
            if (run.is_gone()) {
                if (policy_) policy_->forget(run.page);
                resident_.erase(run.page);
                seen_.erase(run.page);
            } else if (run.is_needed()) {
                time_ = counts_.references + 1;
                if (resident_.count(run.page) == 0) fault(run.page, Access::read);
            } else {
                for (std::uint32_t i = 0; i < run.count; ++i) reference(run.page, run.access);
            }
            if (policy_) REQUIRE_MESSAGE(policy_->error().empty(), policy_->error());
        }
        return {counts_, teller_.events};
    }

private:
    struct Bits {
        bool accessed = false;
        bool dirty = false;
    };

    void reference(PageId page, Access access) {
        time_ = counts_.references + 1;
        if (is_told_of_hits_ && policy_->variable_allocation()) shrink(page);
        if (resident_.count(page) == 0) {
            fault(page, access);
        } else {
            resident_[page].accessed = true;
            if (access == Access::write) resident_[page].dirty = true;
            if (is_told_of_hits_) policy_->reference(page, access, 1);
        }
        ++counts_.references;
        counts_.resident_sum += resident_.size();
        if (policy_ && policy_->tick_interval() != 0 && counts_.references % policy_->tick_interval() == 0)
            policy_->tick();
    }
    void fault(PageId page, Access access) {
        teller_.on_fault(time_, page);
        ++counts_.faults;
        if (!seen_.insert(page).second) ++counts_.refaults;
        if (policy_ && !(is_told_of_hits_ && policy_->variable_allocation())) shrink(page);
        if (resident_.size() >= options_.frames) evict(policy_ ? choose_victim(page) : farthest());
        resident_[page] = {true, access == Access::write};
        if (policy_) policy_->admit(page, access);
    }
    // Not the page that is being copied, unless it is the only one.
    PageId choose_victim(PageId incoming) {
        if (index_ > 0 && string_[index_ - 1].is_needed()) held_ = string_[index_ - 1].page;
        PageId victim = policy_->choose_victim(incoming);
        held_ = no_page;
        if (victim == no_page) victim = policy_->choose_victim(incoming);
        return victim;
    }
    void shrink(PageId incoming) {
        std::vector<PageId> leaving;
        policy_->shrink(incoming, leaving);
        for (const PageId page : leaving) evict(page);
    }
    void evict(PageId page) {
        REQUIRE(resident_.count(page) != 0);
        const bool was_dirty = resident_[page].dirty;
        ++(was_dirty ? counts_.dirty_evictions : counts_.clean_evictions);
        resident_.erase(page);
        teller_.on_eviction(time_, page, was_dirty);
    }
    // Of several that are not used again the one with the highest number, as it is looked at last.
    PageId farthest() const {
        PageId best = no_page;
        std::size_t best_use = 0;
        for (const auto& [page, bits] : resident_) {
            std::size_t use = index_ + 1;
            while (use < string_.size() && string_[use].page != page) ++use;
            if (use < string_.size() && string_[use].is_gone()) use = string_.size();
            if (use < best_use) continue;
            best = page;
            best_use = use;
        }
        return best;
    }

    const ReferenceString& string_;
    ReplayOptions options_;
    std::unique_ptr<replacement::CheckedPolicy> policy_;
    bool is_opt_ = false;
    bool is_told_of_hits_ = false;
    std::size_t index_ = 0;
    PageId held_ = no_page;
    std::uint64_t time_ = 0;
    ReplayCounts counts_;
    std::map<PageId, Bits> resident_;
    std::set<PageId> seen_;
    StoryTeller teller_;
};

}  // namespace

void StoryTeller::on_fault(std::uint64_t time, PageId page) {
    events.push_back("fault " + std::to_string(time) + " page " + std::to_string(page));
}

void StoryTeller::on_eviction(std::uint64_t time, PageId page, bool dirty) {
    events.push_back("evict " + std::to_string(time) + " page " + std::to_string(page) + (dirty ? " dirty" : ""));
}

ReplayStory simple_replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                          const ReplayOptions& options) {
    return SimpleReplay(string, policy, options).run();
}

}  // namespace fl::lab
