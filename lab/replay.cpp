#include "lab/replay.hpp"

#include "lab/hardware.hpp"
#include "lab/opt.hpp"
#include "lab/prepared_string.hpp"
#include "mm/replacement/checked_policy.hpp"
#include "mm/replacement/late_hits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
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
        // A policy that is checked is told of everything as it comes.
        late_ = is_told_of_hits_ ? dynamic_cast<LateHits*>(policy_.get()) : nullptr;
        if (late_ != nullptr) hits_.resize(prepared_.page_limit());
        if (options_.cost == CostFollows::faults && (late_ != nullptr || !is_told_of_hits_))
            chunks_ = ChunkPasser(prepared_.chunks());
        return shrinks_always_ && late_ == nullptr ? play_all() : play_what_is_no_hit();
    }

private:
    // The error, or empty.
    std::string make(const replacement::PolicyChoice& choice) {
        if (choice.info->needs == Needs::future) {
            policy_ = std::make_unique<Opt>(prepared_, hardware_.run());
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
            i = late_ != nullptr ? pass_hits_late_or_not(i) : pass_hits(i);
            hardware_.set_run(i);
            if (!is_well()) return tl::unexpected(error_);
            if (i == string_.size()) return counts_;
            if (!play(string_[i])) return tl::unexpected(error_);
        }
    }

    struct HitCount {
        std::uint64_t time = 0;  // of the last
        std::uint64_t count = 0;
    };
    // What is done about hits (Hardware::pass_hits). `quiet` references were left at first.
    struct Untold {
        static constexpr bool marks = false;
        static bool may_hit(PageId /*page*/) { return true; }
        static void on_mark(PageId /*page*/) {}
        static bool on_hit(const Run& /*run*/, std::uint64_t /*left*/) { return true; }
        static void on_use(const Chunks::Use& /*use*/, std::uint64_t /*left*/) {}
    };
    struct ToldAtOnce : Untold {
        ToldAtOnce(Replay& replay_, std::uint64_t quiet_) : replay(replay_), quiet(quiet_) {}

        bool on_hit(const Run& run, std::uint64_t left) {
            replay.hardware_.set_time(replay.counts_.references + (quiet - left));
            replay.policy_->reference(run.page, run.access, run.count);
            return replay.checked_ == nullptr || replay.checked_->error().empty();
        }

        Replay& replay;
        std::uint64_t quiet;
    };
    struct ToldLate {
        static constexpr bool marks = true;
        bool may_hit(PageId page) const { return replay.late_->may_be_late(page); }
        void on_mark(PageId page) { replay.hit_pages_.push_back(page); }
        bool on_hit(const Run& run, std::uint64_t left) {
            HitCount& hits = replay.hits_[run.page];
            hits.time = replay.counts_.references + (quiet - left);
            hits.count += run.count;
            return true;
        }
        void on_use(const Chunks::Use& use, std::uint64_t left) {
            HitCount& hits = replay.hits_[use.page];
            hits.time = replay.counts_.references + (quiet - left) + use.last;
            hits.count += use.count;
        }

        Replay& replay;
        std::uint64_t quiet;
    };

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
        const std::size_t at = is_told_of_hits_ ? hardware_.pass_hits(from, left, ToldAtOnce{*this, quiet}, chunks_)
                                                : hardware_.pass_hits(from, left, Untold{}, chunks_);
        count(quiet - left);
        return at;
    }
    // The same; the policy is told of each page once, at the end.
    std::size_t pass_hits_late(std::size_t from) {
        const std::uint64_t quiet = quiet_references();
        std::uint64_t left = quiet;
        hit_pages_.clear();
        const std::size_t at = hardware_.pass_hits(from, left, ToldLate{*this, quiet}, chunks_);
        std::sort(hit_pages_.begin(), hit_pages_.end(),
                  [&](PageId a, PageId b) { return hits_[a].time < hits_[b].time; });
        for (const PageId page : hit_pages_) tell_of_hits(page);
        count(quiet - left);
        return at;
    }
    void tell_of_hits(PageId page) {
        hardware_.take_mark(page);
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

    ChunkPasser chunks_{nullptr};
    LateHits* late_ = nullptr;    // policy_, where it may be told late
    std::vector<HitCount> hits_;  // by page: not told yet
    std::vector<PageId> hit_pages_;
    bool had_many_hits_ = true;
};

}  // namespace

tl::expected<ReplayCounts, std::string> replay(const PreparedString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options) {
    return Replay(string, options).run(policy);
}

tl::expected<ReplayCounts, std::string> replay(const ReferenceString& string, const replacement::PolicyChoice& policy,
                                               const ReplayOptions& options) {
    return replay(PreparedString(string, Chunking::off), policy, options);
}

}  // namespace fl::lab
