#include "lab/explain.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace fl::lab {

namespace {

using replacement::no_page;
using replacement::Policy;

// When a page faulted. Two may fault at one time: the kernel may have use for another page before a reference.
using Fault = std::pair<std::uint64_t, PageId>;

// The first pass: what happens.
class Happenings final : public ReplayObserver {
public:
    void on_fault(std::uint64_t time, PageId page) override { faults.emplace_back(time, page); }
    void on_eviction(std::uint64_t time, PageId page, bool /*dirty*/) override { evictions.emplace_back(time, page); }

    std::vector<Fault> faults;
    std::vector<std::pair<std::uint64_t, PageId>> evictions;
};

// The second pass knows who will leave, and asks the policy about that page while it still has it.
class Explainer final : public ReplayObserver {
public:
    Explainer(const PreparedString& string, const ExplainOptions& options, const Happenings& happenings,
              const std::vector<Fault>& lost)
        : string_(string), options_(options), happenings_(happenings), lost_(lost), loaded_(string.page_limit()) {}

    void on_fault(std::uint64_t time, PageId page) override {
        fault_ = {time, page};
        loaded_[page] = time;
    }
    void on_gone(PageId page) override { loaded_[page] = not_loaded; }
    void on_question(const Policy& policy, std::size_t run) override {
        run_ = static_cast<std::uint32_t>(run);
        // Several may leave for one question.
        told_.clear();
        const std::vector<Fault>& all = happenings_.evictions;
        const std::uint64_t now = string_.occurrences().references_before(run_) + 1;
        for (std::size_t i = number_; i < all.size() && told_.size() < room(); ++i) {
            if (all[i].first < options_.from) continue;
            // Of a run that is longer than one reference any may be the time.
            if (all[i].first > now + string_.string()[run].count) break;
            told_.push_back({i, policy.state(), policy.describe(all[i].second)});
        }
    }
    void on_eviction(std::uint64_t time, PageId page, bool dirty) override {
        const std::size_t index = number_++;
        if (time >= options_.from && room() > 0) explained_.push_back(explained(index, time, page, dirty));
        loaded_[page] = not_loaded;
    }
    std::vector<ExplainedEviction> take() { return std::move(explained_); }

private:
    static constexpr std::uint64_t not_loaded = 0;
    struct Told {
        std::size_t eviction;
        std::string state, description;
    };

    std::uint64_t room() const { return options_.count - explained_.size(); }

    ExplainedEviction explained(std::size_t index, std::uint64_t time, PageId page, bool dirty) {
        ExplainedEviction eviction{.number = index + 1, .time = time, .victim = page, .dirty = dirty};
        if (fault_.first == time) {
            eviction.incoming = fault_.second;
            eviction.lost = std::binary_search(lost_.begin(), lost_.end(), fault_);
        }
        const auto told =
            std::find_if(told_.begin(), told_.end(), [&](const Told& one) { return one.eviction == index; });
        if (told != told_.end()) {
            eviction.state = std::move(told->state);
            eviction.description = std::move(told->description);
        }
        eviction.resident_for = time - loaded_[page];
        eviction.last_use_ago = last_use_ago(page, time);
        eviction.next_use_in = next_use_in(page, time);
        eviction.best = page;
        eviction.best_next_use_in = eviction.next_use_in;
        for (PageId other = 0; other < loaded_.size() && eviction.best_next_use_in; ++other) {
            if (loaded_[other] == not_loaded || other == eviction.incoming) continue;
            const std::optional<std::uint64_t> next = next_use_in(other, time);
            if (next && *next <= *eviction.best_next_use_in) continue;
            eviction.best = other;
            eviction.best_next_use_in = next;
        }
        return eviction;
    }
    // Since it was loaded it was used at least once: by the reference that faulted, or by the kernel.
    std::uint64_t last_use_ago(PageId page, std::uint64_t time) const {
        const std::span<const std::uint32_t> all = string_.occurrences().of(page);
        for (std::uint32_t place = count_below(all, run_, 0); place > 0; --place) {
            const Run& run = string_.string()[all[place - 1]];
            if (run.is_gone()) break;
            const std::uint64_t end = string_.occurrences().references_before(all[place - 1]) + run.count;
            if (end < loaded_[page]) break;
            if (run.is_reference()) return time - end;
        }
        return time - loaded_[page];
    }
    std::optional<std::uint64_t> next_use_in(PageId page, std::uint64_t time) const {
        const std::span<const std::uint32_t> all = string_.occurrences().of(page);
        const std::uint32_t place = count_below(all, run_ + 1, 0);
        if (place == all.size() || string_.string()[all[place]].is_gone()) return std::nullopt;
        return string_.occurrences().references_before(all[place]) + 1 - time;
    }

    const PreparedString& string_;
    const ExplainOptions& options_;
    const Happenings& happenings_;
    const std::vector<Fault>& lost_;
    std::vector<std::uint64_t> loaded_;  // by page: when; not_loaded
    Fault fault_{0, no_page};
    std::uint32_t run_ = 0;
    std::size_t number_ = 0;
    std::vector<Told> told_;
    std::vector<ExplainedEviction> explained_;
};

}  // namespace

tl::expected<Explanation, std::string> explain(const PreparedString& string, const replacement::PolicyChoice& policy,
                                               const ExplainOptions& options) {
    Explanation explanation;
    Happenings happenings;
    Happenings best;
    ReplayOptions replayed{.frames = options.frames, .seed = options.seed, .observer = &happenings};
    const auto counts = replay(string, policy, replayed);
    if (!counts) return tl::unexpected(counts.error());
    explanation.counts = *counts;
    replayed.observer = &best;
    const auto opt_counts = replay(string, {replacement::find_policy("opt"), {}}, replayed);
    if (!opt_counts) return tl::unexpected(opt_counts.error());
    explanation.opt_counts = *opt_counts;

    std::sort(happenings.faults.begin(), happenings.faults.end());
    std::sort(best.faults.begin(), best.faults.end());
    std::vector<Fault> lost;
    std::set_difference(happenings.faults.begin(), happenings.faults.end(), best.faults.begin(), best.faults.end(),
                        std::back_inserter(lost));
    for (const Fault& fault : lost) explanation.lost_at.push_back(fault.first);
    explanation.won = best.faults.size() - (happenings.faults.size() - lost.size());

    Explainer explainer(string, options, happenings, lost);
    replayed.observer = &explainer;
    if (const auto again = replay(string, policy, replayed); !again) return tl::unexpected(again.error());
    explanation.evictions = explainer.take();
    return explanation;
}

}  // namespace fl::lab
