// What a replay knows of each page: the bits that hardware keeps, in one byte.
//
// Where the bits lag behind, hits are not told to it: what they did to a page is looked up in the string's index when
// somebody asks about the page.
#pragma once

#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

// Every page that is asked about is one of the string's, and every page but the held one is evictable.
class Hardware final : public replacement::Pages {
public:
    Hardware(const PreparedString& string, ReplayCounts& counts)
        : string_(string), flags_(string.page_limit()), counts_(counts) {}

    bool accessed(PageId page) const override { return (up_to_date(page) & accessed_flag) != 0; }
    void clear_accessed(PageId page) override { clear(page, accessed_flag); }
    bool dirty(PageId page) const override { return (up_to_date(page) & dirty_flag) != 0; }
    bool evictable(PageId page) const override { return page != held_; }
    void write_back(PageId page) override {
        if (dirty(page)) ++counts_.write_backs;
        clear(page, dirty_flag);
    }
    std::uint64_t time() const override { return time_; }

    void set_time(std::uint64_t time) { time_ = time; }
    // no_page: none.
    void hold(PageId page) { held_ = page; }
    // The run that is being played: those before it are over.
    std::size_t run() const { return run_; }
    void set_run(std::size_t run) { run_ = run; }
    bool resident(PageId page) const { return (flags_[page] & resident_flag) != 0; }
    std::uint64_t resident_count() const { return resident_count_; }

    void touch(PageId page, Access access) { flags_[page] |= bits_of(access); }
    // Counts the fault: the page is resident and touched.
    void load(PageId page, Access access);
    // Counts the eviction. Whether it was dirty.
    bool evict(PageId page);
    // The page exists no more.
    void forget(PageId page);

    // From run `from` on: touches the pages of all runs that are hits of fewer references than are left, and takes
    // their references off `left`. The first run that is none of these; an event is none.
    std::size_t pass_hits(std::size_t from, std::uint64_t& left);
    // Calls on_hit(run) for each of them before the next is looked at; stops as well where it says so.
    template <class OnHit>
    std::size_t pass_hits(std::size_t from, std::uint64_t& left, OnHit on_hit);
    // Calls on_first_hit(page) where the page was not hit before, or not since take_hit(page), and on_hit(run, left)
    // for each, with the references that are left behind it. Ends before a run whose on_first_hit() says no.
    template <class OnFirstHit, class OnHit>
    std::size_t pass_hits(std::size_t from, std::uint64_t& left, OnFirstHit on_first_hit, OnHit on_hit);
    void take_hit(PageId page) { flags_[page] = static_cast<std::uint8_t>(flags_[page] & ~hit_flag); }

    // The bits lag behind from run() on / are true again at run().
    void begin_to_lag();
    void stop_lagging();
    bool lags() const { return lags_; }

private:
    static constexpr std::uint8_t resident_flag = 1;
    static constexpr std::uint8_t accessed_flag = 2;
    static constexpr std::uint8_t dirty_flag = 4;
    static constexpr std::uint8_t seen_flag = 8;
    static constexpr std::uint8_t hit_flag = 16;  // for pass_hits()

    // How many of a page's runs, and of its writes, its bits tell of.
    struct Place {
        std::uint32_t all = 0;
        std::uint32_t writes = 0;
    };

    static std::uint8_t bits_of(Access access) {
        return access == Access::write ? accessed_flag | dirty_flag : accessed_flag;
    }
    std::uint8_t up_to_date(PageId page) const {
        if (lags_) catch_up(page, run_);
        return flags_[page];
    }
    void clear(PageId page, std::uint8_t flag) { flags_[page] = static_cast<std::uint8_t>(up_to_date(page) & ~flag); }
    template <std::uint8_t mark, class OnFirstHit, class OnHit>
    std::size_t pass(std::size_t from, std::uint64_t& left, OnFirstHit on_first_hit, OnHit on_hit);
    void catch_up(PageId page, std::size_t run) const;
    void move_place(PageId page, std::size_t run) const;

    const PreparedString& string_;
    mutable std::vector<std::uint8_t> flags_;
    mutable std::vector<Place> places_;
    ReplayCounts& counts_;
    std::uint64_t time_ = 0;
    PageId held_ = replacement::no_page;
    std::size_t run_ = 0;
    std::uint64_t resident_count_ = 0;
    bool lags_ = false;
};

inline void Hardware::load(PageId page, Access access) {
    ++counts_.faults;
    if ((flags_[page] & seen_flag) != 0) ++counts_.refaults;
    flags_[page] = static_cast<std::uint8_t>(resident_flag | seen_flag | bits_of(access));
    ++resident_count_;
    // What this run does more is told as it comes.
    if (lags_) move_place(page, run_ + 1);
}

inline bool Hardware::evict(PageId page) {
    const bool was_dirty = dirty(page);
    ++(was_dirty ? counts_.dirty_evictions : counts_.clean_evictions);
    flags_[page] = seen_flag;
    --resident_count_;
    return was_dirty;
}

inline void Hardware::forget(PageId page) {
    if (resident(page)) --resident_count_;
    flags_[page] = 0;
}

template <std::uint8_t mark, class OnFirstHit, class OnHit>
std::size_t Hardware::pass(std::size_t from, std::uint64_t& left, OnFirstHit on_first_hit, OnHit on_hit) {
    const Run* const runs = string_.string().data();
    const std::size_t end = string_.string().size();
    std::uint8_t* const flags = flags_.data();
    std::uint64_t now_left = left;
    std::size_t i = from;
    for (; i < end; ++i) {
        const Run run = runs[i];
        const auto wanted = static_cast<std::uint8_t>(resident_flag | mark | bits_of(run.access));
        const std::uint8_t flag = flags[run.page];
        // An event has no references, and one less than none is more than are left.
        if (std::uint64_t{run.count} - 1 >= now_left) break;
        if ((flag & wanted) != wanted) {
            if ((flag & resident_flag) == 0) break;
            if ((flag & mark) != mark && !on_first_hit(PageId{run.page})) break;
            flags[run.page] = flag | wanted;
        }
        now_left -= run.count;
        if (!on_hit(run, now_left)) {
            ++i;
            break;
        }
    }
    left = now_left;
    return i;
}

template <class OnFirstHit, class OnHit>
std::size_t Hardware::pass_hits(std::size_t from, std::uint64_t& left, OnFirstHit on_first_hit, OnHit on_hit) {
    return pass<hit_flag>(from, left, on_first_hit, on_hit);
}

template <class OnHit>
std::size_t Hardware::pass_hits(std::size_t from, std::uint64_t& left, OnHit on_hit) {
    return pass<0>(
        from, left, [](PageId) { return true; }, on_hit);
}

inline std::size_t Hardware::pass_hits(std::size_t from, std::uint64_t& left) {
    return pass_hits(from, left, [](const Run&, std::uint64_t) { return true; });
}

}  // namespace fl::lab
