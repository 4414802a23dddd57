#include "lab/replay.hpp"

#include "lab/hardware.hpp"
#include "lab/opt.hpp"
#include "mm/replacement/checked_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace fl::lab {

namespace {

using replacement::CheckedPolicy;
using replacement::Needs;
using replacement::no_page;
using replacement::Policy;

class Replay {
public:
    Replay(const ReferenceString& string, const ReplayOptions& options)
        : string_(string), options_(options), hardware_(page_limit(string), counts_) {}

    tl::expected<ReplayCounts, std::string> run(const replacement::PolicyChoice& choice) {
        if (std::string error = make(choice); !error.empty()) return tl::unexpected(std::move(error));
        is_told_of_hits_ = choice.info->needs == Needs::every_reference;
        shrinks_always_ = is_told_of_hits_ && policy_->variable_allocation();
        interval_ = policy_->tick_interval();
        next_tick_ = interval_;
        for (const Run& run : string_) {
            if (!play(run)) return tl::unexpected(error_);
        }
        return counts_;
    }

private:
    // The error, or empty.
    std::string make(const replacement::PolicyChoice& choice) {
        const replacement::Setup setup{options_.frames, hardware_, options_.seed, choice.parameters};
        if (options_.checks == Checks::off) {
            policy_ = choice.info->make(setup);
            return {};
        }
        auto checked = CheckedPolicy::create(*choice.info, setup);
        if (!checked) return checked.error();
        checked_ = checked->get();
        policy_ = *std::move(checked);
        return {};
    }
    bool is_well() {
        if (checked_ != nullptr) error_ = checked_->error();
        return error_.empty();
    }

    bool play(const Run& run) {
        if (!run.is_reference()) return run.is_gone() ? lose(run.page) : bring_in(run.page);
        std::uint32_t left = run.count;
        while (left > 0) {
            // The references up to the next tick at once; one alone where it may be a fault.
            hardware_.set_time(counts_.references + 1);
            if (shrinks_always_ && !shrink(run.page)) return false;
            if (!hardware_.resident(run.page)) {
                if (!fault(run)) return false;
                --left;
                count(1);
            } else {
                left -= hit(run, left);
            }
            tick();
            if (!is_well()) return false;
        }
        return true;
    }

    bool lose(PageId page) {
        policy_->forget(page);
        hardware_.forget(page);
        return is_well();
    }
    bool bring_in(PageId page) {
        if (hardware_.resident(page)) return true;
        hardware_.set_time(counts_.references + 1);
        return fault(Run(page)) && is_well();
    }

    // How many of the references were taken.
    std::uint32_t hit(const Run& run, std::uint32_t left) {
        std::uint64_t taken = left;
        if (interval_ != 0) taken = std::min(taken, next_tick_ - counts_.references);
        // Others may leave between any two.
        if (shrinks_always_) taken = 1;
        const auto now = static_cast<std::uint32_t>(taken);
        hardware_.touch(run.page, run.access);
        hardware_.set_time(counts_.references + now);
        if (is_told_of_hits_) policy_->reference(run.page, run.access, now);
        count(now);
        return now;
    }
    bool fault(const Run& run) {
        const std::uint64_t now = hardware_.time();
        if (options_.observer != nullptr) options_.observer->on_fault(now, run.page);
        if (!shrinks_always_ && !shrink(run.page)) return false;
        if (hardware_.resident_count() >= options_.frames) {
            const PageId victim = policy_->choose_victim(run.page);
            if (!is_well()) return false;
            if (victim == no_page) {
                error_ = fmt::format("no page could leave for page {} at reference {}", run.page, now);
                return false;
            }
            evict(victim);
        }
        hardware_.load(run.page, run.access);
        policy_->admit(run.page, run.access);
        return true;
    }
    bool shrink(PageId incoming) {
        leaving_.clear();
        policy_->shrink(incoming, leaving_);
        for (const PageId page : leaving_) evict(page);
        return is_well();
    }
    void evict(PageId page) {
        const bool dirty = hardware_.evict(page);
        if (options_.observer != nullptr) options_.observer->on_eviction(hardware_.time(), page, dirty);
    }
    void count(std::uint64_t references) {
        counts_.references += references;
        counts_.resident_sum += references * hardware_.resident_count();
    }
    void tick() {
        if (interval_ == 0 || counts_.references < next_tick_) return;
        policy_->tick();
        next_tick_ += interval_;
    }

    const ReferenceString& string_;
    ReplayOptions options_;
    ReplayCounts counts_;
    Hardware hardware_;
    std::unique_ptr<Policy> policy_;
    CheckedPolicy* checked_ = nullptr;  // policy_, where it is checked
    std::string error_;
    std::vector<PageId> leaving_;
    bool is_told_of_hits_ = false;
    bool shrinks_always_ = false;  // a variable allocation that looks at every reference
    std::uint64_t interval_ = 0;
    std::uint64_t next_tick_ = 0;
};

}  // namespace

tl::expected<ReplayCounts, std::string> replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options) {
    if (policy.info->needs == Needs::future) return replay_opt(string, options);
    return Replay(string, options).run(policy);
}

}  // namespace fl::lab
