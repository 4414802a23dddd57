#include "lab/replay.hpp"

#include "lab/hardware.hpp"
#include "lab/opt.hpp"
#include "lab/prepared_string.hpp"
#include "mm/replacement/checked_policy.hpp"
#include "mm/replacement/late_hits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

namespace fl::lab {

namespace {

using replacement::CheckedPolicy;
using replacement::LateHits;
using replacement::Needs;
using replacement::no_page;
using replacement::Policy;

class Replay {
public:
    Replay(const PreparedString& string, const ReplayOptions& options)
        : prepared_(string), string_(string.string()), options_(options), hardware_(string, counts_) {}

    tl::expected<ReplayCounts, std::string> run(const replacement::PolicyChoice& choice) {
        if (std::string error = make(choice); !error.empty()) return tl::unexpected(std::move(error));
        is_told_of_hits_ = choice.info->needs == Needs::every_reference;
        shrinks_always_ = is_told_of_hits_ && policy_->variable_allocation();
        // Only built-in policies are believed to have nothing to say.
        shrinks_at_faults_ = !shrinks_always_ && (checked_ != nullptr || policy_->variable_allocation());
        interval_ = policy_->tick_interval();
        next_tick_ = interval_;
        may_lag_ = !is_told_of_hits_ && interval_ == 0 && options_.cost != CostFollows::references &&
                   (options_.cost == CostFollows::faults || prepared_.indexing() == Indexing::always);
        if (may_lag_ && options_.cost == CostFollows::faults) begin_to_lag(0);
        // A policy that is checked is told of everything as it comes.
        late_ = is_told_of_hits_ ? dynamic_cast<LateHits*>(policy_.get()) : nullptr;
        if (late_ != nullptr) hits_.resize(prepared_.page_limit());
        return shrinks_always_ && late_ == nullptr ? play_all() : play_what_is_no_hit();
    }

private:
    // The error, or empty.
    std::string make(const replacement::PolicyChoice& choice) {
        if (choice.info->needs == Needs::future) {
            policy_ = std::make_unique<Opt>(prepared_, hardware_);
            return {};
        }
        const replacement::Setup setup{options_.frames, hardware_, options_.seed, choice.parameters};
        if (options_.checks == Checks::off ||
            (options_.checks == Checks::built_in_off && replacement::find_policy(choice.info->name) == choice.info)) {
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
        if (checked_ == nullptr) return true;
        error_ = checked_->error();
        return error_.empty();
    }

    tl::expected<ReplayCounts, std::string> play_all() {
        for (std::size_t i = 0; i < string_.size(); ++i) {
            hardware_.set_run(i);
            if (!play(string_[i])) return tl::unexpected(error_);
        }
        return counts_;
    }
    tl::expected<ReplayCounts, std::string> play_what_is_no_hit() {
        for (std::size_t i = 0;; ++i) {
            if (may_lag_) choose_pace(i);
            i = hardware_.lags() ? next_fault_or_event(i) : late_ != nullptr ? pass_hits_late_or_not(i) : pass_hits(i);
            hardware_.set_run(i);
            if (!is_well()) return tl::unexpected(error_);
            if (i == string_.size()) return counts_;
            const Run run = string_[i];
            if (!play(run)) return tl::unexpected(error_);
            if (hardware_.lags()) wait_for(run.page);
        }
    }

    // How many references can be hits before a tick, or before somebody may leave.
    std::uint64_t quiet_references() const {
        std::uint64_t end = std::numeric_limits<std::uint64_t>::max();
        if (interval_ != 0) end = next_tick_;
        if (shrinks_always_) end = std::min(end, late_->quiet_until());
        return end <= counts_.references ? 0 : end - counts_.references - 1;
    }
    // Where faults come fast there is nothing to sum up.
    std::size_t pass_hits_late_or_not(std::size_t from) {
        constexpr std::size_t few = 16;
        const std::size_t at = had_many_hits_ ? pass_hits_late(from) : pass_hits(from, few);
        had_many_hits_ = at - from >= few / 2;
        return at;
    }
    // The first run from `from` on that is no hit, or is not over when it gets loud, or after so many references.
    std::size_t pass_hits(std::size_t from, std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
        const std::uint64_t quiet = std::min(quiet_references(), most);
        std::uint64_t left = quiet;
        std::size_t at = 0;
        if (is_told_of_hits_) {
            at = hardware_.pass_hits(from, left, [&](const Run& run, std::uint64_t now_left) {
                hardware_.set_time(counts_.references + (quiet - now_left));
                policy_->reference(run.page, run.access, run.count);
                return checked_ == nullptr || checked_->error().empty();
            });
        } else {
            at = hardware_.pass_hits(from, left);
        }
        count(quiet - left);
        return at;
    }
    // The same without that; the policy is told of each page once, at the end.
    std::size_t pass_hits_late(std::size_t from) {
        const std::uint64_t quiet = quiet_references();
        std::uint64_t left = quiet;
        hit_pages_.clear();
        const std::size_t at = hardware_.pass_hits(
            from, left,
            [&](PageId page) {
                if (!late_->may_be_late(page)) return false;
                hit_pages_.push_back(page);
                return true;
            },
            [&](const Run& run, std::uint64_t now_left) {
                hits_[run.page].time = counts_.references + (quiet - now_left);
                hits_[run.page].count += run.count;
                return true;
            });
        std::sort(hit_pages_.begin(), hit_pages_.end(),
                  [&](PageId a, PageId b) { return hits_[a].time < hits_[b].time; });
        for (const PageId page : hit_pages_) tell_of_hits(page);
        count(quiet - left);
        return at;
    }
    void tell_of_hits(PageId page) {
        hardware_.take_hit(page);
        hardware_.set_time(hits_[page].time);
        for (std::uint64_t left = std::exchange(hits_[page].count, 0); left > 0;) {
            const auto now = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, Run::max_count));
            policy_->reference(page, Access::read, now);
            left -= now;
        }
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
        if (options_.observer != nullptr) options_.observer->on_gone(page);
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
        if (shrinks_at_faults_ && !shrink(run.page)) return false;
        if (hardware_.resident_count() >= options_.frames) {
            if (options_.observer != nullptr) options_.observer->on_question(*policy_, hardware_.run());
            const PageId victim = choose_victim(run.page);
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
    PageId choose_victim(PageId incoming) {
        const std::size_t at = hardware_.run();
        const bool is_copied = at > 0 && string_[at - 1].is_needed();
        if (!is_copied) return policy_->choose_victim(incoming);
        hardware_.hold(string_[at - 1].page);
        PageId victim = policy_->choose_victim(incoming);
        hardware_.hold(no_page);
        if (victim == no_page) victim = policy_->choose_victim(incoming);
        return victim;
    }
    bool shrink(PageId incoming) {
        leaving_.clear();
        if (options_.observer != nullptr) options_.observer->on_question(*policy_, hardware_.run());
        policy_->shrink(incoming, leaving_);
        for (const PageId page : leaving_) evict(page);
        return is_well();
    }
    void evict(PageId page) {
        const bool dirty = hardware_.evict(page);
        if (options_.observer != nullptr) options_.observer->on_eviction(hardware_.time(), page, dirty);
        if (hardware_.lags()) wait_for(page);
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

    // Where bits lag, the next fault is looked up: the nearest of the next uses of all pages that are not resident.
    void begin_to_lag(std::size_t run) {
        hardware_.set_run(run);
        hardware_.begin_to_lag();
        std::vector<std::uint32_t> uses;
        waiting_places_.resize(prepared_.page_limit());
        for (PageId page = 0; page < prepared_.page_limit(); ++page) {
            if (hardware_.resident(page)) continue;
            const std::span<const std::uint32_t> all = prepared_.occurrences().of(page);
            std::uint32_t& place = waiting_places_[page];
            place = count_below(all, static_cast<std::uint32_t>(run), place);
            if (place < all.size()) uses.push_back(all[place]);
        }
        waiting_ = Waiting(std::greater<>(), std::move(uses));
    }
    // After run(): the page may have to be waited for.
    void wait_for(PageId page) {
        if (hardware_.resident(page)) return;
        const std::span<const std::uint32_t> all = prepared_.occurrences().of(page);
        std::uint32_t& place = waiting_places_[page];
        place = count_below(all, static_cast<std::uint32_t>(hardware_.run() + 1), place);
        if (place < all.size()) waiting_.push(all[place]);
    }
    std::size_t next_fault_or_event(std::size_t from) {
        const Occurrences& occurrences = prepared_.occurrences();
        while (!waiting_.empty() && waiting_.top() < from) waiting_.pop();
        std::size_t next = waiting_.empty() ? string_.size() : waiting_.top();
        const std::span<const std::uint32_t> events = occurrences.events();
        next_event_ = count_below(events, static_cast<std::uint32_t>(from), next_event_);
        if (next_event_ < events.size()) next = std::min<std::size_t>(next, events[next_event_]);
        count(occurrences.references_before(static_cast<std::uint32_t>(next)) - counts_.references);
        return next;
    }
    // Now and then looks back at how many faults there were lately.
    void choose_pace(std::size_t run) {
        constexpr std::uint64_t faults_looked_at = 256;
        constexpr std::size_t runs_looked_at = std::size_t{1} << 16U;
        // In runs for each fault.
        constexpr std::size_t few = 1000;
        constexpr std::size_t many = 200;
        if (options_.cost == CostFollows::faults) return;
        const std::uint64_t faults = counts_.faults - last_faults_;
        if (faults < faults_looked_at && run - last_run_ < runs_looked_at) return;
        const std::size_t runs = run - last_run_;
        last_run_ = run;
        last_faults_ = counts_.faults;
        if (!hardware_.lags() && runs >= few * faults && string_.size() - run > prepared_.page_limit()) {
            begin_to_lag(run);
        } else if (hardware_.lags() && runs < many * faults) {
            hardware_.set_run(run);
            hardware_.stop_lagging();
        }
    }

    using Waiting = std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>>;

    const PreparedString& prepared_;
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
    bool shrinks_at_faults_ = false;
    std::uint64_t interval_ = 0;
    std::uint64_t next_tick_ = 0;

    LateHits* late_ = nullptr;  // policy_, where it may be told late
    struct Hits {
        std::uint64_t time = 0;  // of the last
        std::uint64_t count = 0;
    };
    std::vector<Hits> hits_;  // by page: not told yet
    std::vector<PageId> hit_pages_;
    bool had_many_hits_ = true;

    bool may_lag_ = false;
    Waiting waiting_;                            // the next uses of pages that are not resident
    std::vector<std::uint32_t> waiting_places_;  // by page: how many of its occurrences are over
    std::uint32_t next_event_ = 0;
    std::size_t last_run_ = 0;
    std::uint64_t last_faults_ = 0;
};

}  // namespace

tl::expected<ReplayCounts, std::string> replay(const PreparedString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options) {
    return Replay(string, options).run(policy);
}

tl::expected<ReplayCounts, std::string> replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options) {
    return replay(PreparedString(string, Indexing::only_for_opt), policy, options);
}

}  // namespace fl::lab
