#include "lab/lanes.hpp"

#include "lab/opt.hpp"
#include "lab/opt_by_scan.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

namespace fl::lab {

namespace {

using replacement::LateHits;
using replacement::Needs;
using replacement::no_page;
using replacement::Policy;
using replacement::PolicyChoice;

// A bit for each lane.
using LaneBits = std::uint64_t;
constexpr std::size_t most_lanes = 64;

struct PageBits {
    LaneBits resident = 0;
    LaneBits accessed = 0;
    LaneBits dirty = 0;
    LaneBits seen = 0;  // was resident before
};

// What is the same in all lanes.
struct Present {
    std::uint64_t time = 0;  // of the present reference
    PageId held = no_page;   // does not leave
};

// One memory, and its policy.
class Lane final : public replacement::Pages {
public:
    Lane(std::vector<PageBits>& pages, const Present& present, unsigned number, std::uint32_t frames)
        : pages_(pages), present_(present), number_(number), frames_(frames) {}

    bool accessed(PageId page) const override { return (pages_[page].accessed & bit()) != 0; }
    void clear_accessed(PageId page) override { pages_[page].accessed &= ~bit(); }
    bool dirty(PageId page) const override { return (pages_[page].dirty & bit()) != 0; }
    bool evictable(PageId page) const override { return page != present_.held; }
    void write_back(PageId page) override {
        if (dirty(page)) ++counts_.write_backs;
        pages_[page].dirty &= ~bit();
    }
    std::uint64_t time() const override { return past_ != 0 ? past_ : present_.time; }

    unsigned number() const { return number_; }
    LaneBits bit() const { return LaneBits{1} << number_; }
    bool is_full() const { return resident_ >= frames_; }
    const ReplayCounts& counts() const { return counts_; }
    // The policy is told of something that happened then; 0: that happens now.
    void set_past(std::uint64_t time) { past_ = time; }

    // `references` were made before.
    void load(PageId page, Access access, std::uint64_t references) {
        PageBits& bits = pages_[page];
        ++counts_.faults;
        if ((bits.seen & bit()) != 0) ++counts_.refaults;
        bits.resident |= bit();
        bits.seen |= bit();
        bits.accessed |= bit();
        bits.dirty = access == Access::write ? bits.dirty | bit() : bits.dirty & ~bit();
        count_until(references);
        ++resident_;
    }
    void evict(PageId page, std::uint64_t references) {
        ++(dirty(page) ? counts_.dirty_evictions : counts_.clean_evictions);
        pages_[page].resident &= ~bit();
        count_until(references);
        --resident_;
    }
    // A resident page is no more.
    void lose(std::uint64_t references) {
        count_until(references);
        --resident_;
    }
    void count_until(std::uint64_t references) {
        counts_.resident_sum += (references - counts_.references) * resident_;
        counts_.references = references;
    }

    std::unique_ptr<Policy> policy;
    LateHits* late = nullptr;        // it, where it is told of hits
    std::uint64_t told_until = 0;    // the time of the last reference that it knows of
    std::vector<PageId> late_pages;  // whose hits may be late, as far as it was asked

private:
    std::vector<PageBits>& pages_;
    const Present& present_;
    unsigned number_;
    std::uint32_t frames_;
    std::uint64_t resident_ = 0;
    std::uint64_t past_ = 0;
    ReplayCounts counts_;
};

// When pages were referenced last, and how often: what policies are told late of comes from here.
class Recency {
public:
    void resize(std::size_t page_limit) { pages_.resize(page_limit); }
    void reference(PageId page, std::uint32_t count, std::uint64_t time) {
        Page& known = pages_[page];
        if (known.time == 0) {
            by_time_.push_back(page);
        } else {
            by_time_.move_to_back(page);
        }
        known.time = time;
        known.total += count;
    }
    void forget(PageId page) {
        if (pages_[page].time == 0) return;
        by_time_.erase(page);
        pages_[page].time = 0;
    }
    // no_page: none was.
    PageId latest() const { return by_time_.back(); }
    PageId before(PageId page) const { return by_time_.previous(page); }
    std::uint64_t time(PageId page) const { return pages_[page].time; }
    std::uint64_t total(PageId page) const { return pages_[page].total; }

private:
    struct Page {
        std::uint64_t time = 0;   // of the last reference; 0: none since it came to be
        std::uint64_t total = 0;  // references
    };
    std::vector<Page> pages_;
    replacement::Links links_;
    replacement::PageList by_time_{links_};
};

// Up to most_lanes replays of a string.
class Lanes {
public:
    Lanes(const PreparedString& string, const PolicyChoice& choice, std::span<const LaneOptions> lanes)
        : string_(string.string()),
          choice_(choice),
          pages_(string.page_limit()),
          chunks_(string.chunks()),
          next_uses_(string, run_) {
        for (const LaneOptions& options : lanes) add(string, options);
        if (!is_told_) return;
        recency_.resize(pages_.size());
        told_totals_.resize(pages_.size() * lanes_.size());
        if (is_urgent_) late_.resize(pages_.size());
    }

    tl::expected<std::vector<ReplayCounts>, std::string> play() {
        const bool is_well = is_told_ ? play_all<true>() : play_all<false>();
        if (!is_well) return tl::unexpected(error_);
        std::vector<ReplayCounts> counts;
        for (const auto& lane : lanes_) {
            lane->count_until(references_);
            counts.push_back(lane->counts());
        }
        return counts;
    }

private:
    void add(const PreparedString& string, const LaneOptions& options) {
        const auto number = static_cast<unsigned>(lanes_.size());
        Lane& lane = *lanes_.emplace_back(std::make_unique<Lane>(pages_, present_, number, options.frames));
        all_ |= lane.bit();
        lane.policy = make_policy(string, options, lane);
        shrinks_ = lane.policy->variable_allocation();
        interval_ = next_tick_ = lane.policy->tick_interval();
        if (choice_.info->needs != Needs::every_reference) return;
        lane.late = dynamic_cast<LateHits*>(lane.policy.get());
        is_told_ = true;
        is_urgent_ = !lane.late->all_may_be_late();
    }
    std::unique_ptr<Policy> make_policy(const PreparedString& string, const LaneOptions& options, Lane& lane) {
        // Looking at every resident page is quick while they are few.
        constexpr std::uint32_t few_frames = 128;
        if (choice_.info->needs != Needs::future)
            return choice_.info->make({options.frames, lane, options.seed, choice_.parameters});
        if (options.frames <= few_frames) return std::make_unique<OptByScan>(next_uses_);
        return std::make_unique<Opt>(string, run_);
    }

    template <bool is_told>
    bool play_all() {
        for (std::size_t at = 0; at < string_.size();) {
            if (const std::size_t passed =
                    chunks_.pass(at, [&](const Chunks::Chunk& chunk) { return play_chunk<is_told>(chunk); });
                passed != 0) {
                at += passed;
                continue;
            }
            const std::size_t end = chunks_.boundary(at, string_.size());
            bool all_hit = true;
            for (; at < end; ++at) {
                run_ = at;
                const Run run = string_[at];
                all_hit &= run.is_reference() ? play_run<is_told>(run) : play_event<is_told>(run);
                if (!error_.empty()) return false;
            }
            if (all_hit) chunks_.come_to(at);
        }
        return true;
    }

    // Whether all of it was hits in all lanes; else nothing has changed.
    template <bool is_told>
    bool play_chunk(const Chunks::Chunk& chunk) {
        if (interval_ != 0 && references_ + chunk.references >= next_tick_) return false;
        for (const Chunks::Use& use : chunk.uses) {
            if ((pages_[use.page].resident & all_) != all_) return false;
            if (is_told && is_urgent_ && late_[use.page] != all_) return false;
        }
        for (const Chunks::Use& use : chunk.uses) {
            touch(PageId{use.page}, use.written != 0 ? Access::write : Access::read, all_);
            if (is_told) recency_.reference(PageId{use.page}, use.count, references_ + use.last);
        }
        references_ += chunk.references;
        return true;
    }
    void touch(PageId page, Access access, LaneBits lanes) {
        PageBits& bits = pages_[page];
        bits.accessed |= lanes;
        if (access == Access::write) bits.dirty |= lanes;
    }

    // Whether all of it was hits.
    template <bool is_told>
    bool play_run(const Run& run) {
        bool all_hit = true;
        for (std::uint32_t left = run.count; left > 0;) {
            std::uint32_t now = left;
            if (interval_ != 0)
                now = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, next_tick_ - references_));
            all_hit &= play_references<is_told>(run, now);
            left -= now;
            if (interval_ != 0 && references_ == next_tick_) tick<is_told>();
        }
        return all_hit;
    }
    // No tick comes before the last of them.
    template <bool is_told>
    bool play_references(const Run& run, std::uint32_t count) {
        const PageId page = run.page;
        const LaneBits missing = all_ & ~pages_[page].resident;
        if (is_told && is_urgent_) hit_early(run, count, all_ & ~missing & ~late_[page]);
        if (missing != 0) {
            present_.time = references_ + 1;
            for (LaneBits left = missing; left != 0; left &= left - 1) {
                Lane& lane = *lanes_[static_cast<unsigned>(std::countr_zero(left))];
                fault<is_told>(lane, page, run.access, references_ + 1);
                if (is_told) told_total(lane, page) = recency_.total(page) + 1;
                if (is_told && count > 1) tell_of(lane, page, run.access, count - 1, references_ + count);
            }
        }
        // The reference that faulted set its bits before the policy could clear them.
        touch(page, run.access, count > 1 ? all_ : all_ & ~missing);
        if (is_told) recency_.reference(page, count, references_ + count);
        references_ += count;
        return missing == 0;
    }
    // Never what chunks hold.
    template <bool is_told>
    bool play_event(const Run& run) {
        const PageId page = run.page;
        if (run.is_gone()) {
            for (const auto& lane : lanes_) {
                if (is_told) tell(*lane);
                if (is_told && is_urgent_) forget_late_pages(*lane);
                lane->policy->forget(page);
                if ((pages_[page].resident & lane->bit()) != 0) lane->lose(references_);
            }
            pages_[page] = {};
            if (is_told) recency_.forget(page);
            return false;
        }
        present_.time = references_ + 1;
        for (LaneBits left = all_ & ~pages_[page].resident; left != 0; left &= left - 1) {
            Lane& lane = *lanes_[static_cast<unsigned>(std::countr_zero(left))];
            fault<is_told>(lane, page, Access::read, references_);
            if (is_told) told_total(lane, page) = recency_.total(page);
        }
        return false;
    }
    template <bool is_told>
    void tick() {
        present_.time = references_;
        for (const auto& lane : lanes_) {
            if (is_told) tell(*lane);
            lane->policy->tick();
        }
        next_tick_ += interval_;
    }

    // Afterwards the policy knows of all references until then.
    template <bool is_told>
    void fault(Lane& lane, PageId page, Access access, std::uint64_t told_until) {
        if (is_told) tell(lane);
        if (is_told && is_urgent_) forget_late_pages(lane);
        if (is_told) lane.told_until = told_until;
        if (shrinks_) {
            leaving_.clear();
            lane.policy->shrink(page, leaving_);
            for (const PageId leaver : leaving_) lane.evict(leaver, references_);
        }
        if (lane.is_full()) {
            const PageId victim = choose_victim(*lane.policy, page);
            if (victim == no_page) {
                error_ = fmt::format("no page could leave for page {} at reference {}", page, present_.time);
                return;
            }
            lane.evict(victim, references_);
        }
        lane.load(page, access, references_);
        lane.policy->admit(page, access);
    }
    PageId choose_victim(Policy& policy, PageId incoming) {
        if (run_ == 0 || !string_[run_ - 1].is_needed()) return policy.choose_victim(incoming);
        present_.held = string_[run_ - 1].page;
        const PageId victim = policy.choose_victim(incoming);
        present_.held = no_page;
        return victim != no_page ? victim : policy.choose_victim(incoming);
    }

    // Of all hits that the lane's policy does not know of.
    void tell(Lane& lane) {
        untold_.clear();
        for (PageId page = recency_.latest(); page != no_page && recency_.time(page) > lane.told_until;
             page = recency_.before(page))
            untold_.push_back(page);
        for (auto page = untold_.rbegin(); page != untold_.rend(); ++page)
            tell_of(lane, *page, Access::read, recency_.total(*page) - told_total(lane, *page), recency_.time(*page));
    }
    // `count` hits, the last of them at that time.
    void tell_of(Lane& lane, PageId page, Access access, std::uint64_t count, std::uint64_t time) {
        lane.set_past(time);
        told_total(lane, page) += count;
        for (std::uint64_t left = count; left > 0;) {
            const auto now = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, Run::max_count));
            lane.policy->reference(page, access, now);
            left -= now;
        }
        lane.set_past(0);
        lane.told_until = time;
    }
    // Hits in these lanes, of which it is not known that they may be told late.
    void hit_early(const Run& run, std::uint32_t count, LaneBits lanes) {
        for (LaneBits left = lanes; left != 0; left &= left - 1) {
            Lane& lane = *lanes_[static_cast<unsigned>(std::countr_zero(left))];
            if (lane.late->may_be_late(run.page)) {
                late_[run.page] |= lane.bit();
                lane.late_pages.push_back(run.page);
                continue;
            }
            tell(lane);
            forget_late_pages(lane);
            tell_of(lane, run.page, run.access, count, references_ + count);
        }
    }
    void forget_late_pages(Lane& lane) {
        for (const PageId page : lane.late_pages) late_[page] &= ~lane.bit();
        lane.late_pages.clear();
    }
    std::uint64_t& told_total(const Lane& lane, PageId page) {
        return told_totals_[std::size_t{page} * lanes_.size() + lane.number()];
    }

    const ReferenceString& string_;
    const PolicyChoice& choice_;
    std::vector<PageBits> pages_;
    ChunkPasser chunks_;
    Present present_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    LaneBits all_ = 0;
    std::size_t run_ = 0;  // that is being played
    NextUses next_uses_;
    std::uint64_t references_ = 0;
    bool shrinks_ = false;
    std::uint64_t interval_ = 0;
    std::uint64_t next_tick_ = 0;
    std::vector<PageId> leaving_;
    std::string error_;

    bool is_told_ = false;    // of hits, late
    bool is_urgent_ = false;  // not of all of them late
    Recency recency_;
    std::vector<std::uint64_t> told_totals_;  // of Recency, by page and lane: what the policy knows of
    std::vector<LaneBits> late_;              // by page: where it is known that its hits may be late
    std::vector<PageId> untold_;
};

// Whether the policy may be told of hits late, and changes at faults only.
bool can_share_a_pass(const PolicyChoice& choice) {
    if (choice.info->needs == Needs::future) return true;
    if (replacement::find_policy(choice.info->name) != choice.info) return false;
    if (choice.info->needs != Needs::every_reference) return true;
    std::vector<PageBits> no_pages;
    const Present present;
    Lane lane(no_pages, present, 0, 1);
    const std::unique_ptr<Policy> policy = choice.info->make({1, lane, 0, choice.parameters});
    return dynamic_cast<const LateHits*>(policy.get()) != nullptr && !policy->variable_allocation();
}

}  // namespace

std::size_t lanes_at_once(const PreparedString& string, const PolicyChoice& policy) {
    if (string.chunks() == nullptr || !can_share_a_pass(policy)) return 1;
    // What the policies keep of their pages has to stay near the processor.
    constexpr std::size_t most_pages = 1U << 17U;
    return std::clamp<std::size_t>(most_pages / std::max<std::size_t>(string.page_limit(), 1), 1, most_lanes);
}

tl::expected<std::vector<ReplayCounts>, std::string> replay_lanes(const PreparedString& string,
                                                                  const PolicyChoice& policy,
                                                                  std::span<const LaneOptions> lanes) {
    std::vector<ReplayCounts> all;
    const std::size_t at_once = lanes_at_once(string, policy);
    for (std::size_t first = 0; first < lanes.size(); first += at_once) {
        if (at_once == 1) {
            const auto counts = replay(string, policy, {.frames = lanes[first].frames, .seed = lanes[first].seed});
            if (!counts) return tl::unexpected(counts.error());
            all.push_back(*counts);
            continue;
        }
        const auto some = lanes.subspan(first, std::min(at_once, lanes.size() - first));
        const auto counts = Lanes(string, policy, some).play();
        if (!counts) return tl::unexpected(counts.error());
        all.insert(all.end(), counts->begin(), counts->end());
    }
    return all;
}

}  // namespace fl::lab
