#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

#include <algorithm>

namespace fl::replacement {

namespace {

// One ring of hot pages, cold pages and pages that left during their test period (ghosts), with three hands. A page
// enters just behind the hot hand. A cold page that is used within its test period becomes hot; the number of frames
// for cold pages grows when that happens and shrinks when a test period ends in vain.
class ClockPro final : public Policy {
public:
    explicit ClockPro(const Setup& setup)
        : pages_(setup.pages),
          frames_(setup.frames),
          cold_target_(std::clamp<std::uint32_t>(static_cast<std::uint32_t>(setup.frames * setup.parameters[0] / 100),
                                                 1, setup.frames)),
          counts_load_(setup.parameters[1] != 0) {}

    void admit(PageId page, Access /*access*/) override {
        if (entries_[page].kind == Kind::ghost) {
            remove(page);
            raise_cold_target();
            insert(page, {Kind::hot, false});
            balance_hot();
        } else {
            insert(page, {Kind::cold, true});
        }
        if (!counts_load_) pages_.clear_accessed(page);
    }
    PageId choose_victim(PageId /*incoming*/) override {
        // Each round of the cold hand clears the bits that it meets; hot pages turn cold when no cold one is to be had.
        std::uint64_t steps = 4 * std::uint64_t{ring_.size()};
        for (; steps > 0 && resident() > 0; --steps) {
            if (cold_ == 0 && !cool_one()) break;
            const PageId page = cold_hand_;
            cold_hand_ = ring_.next_around(page);
            if (entries_[page].kind != Kind::cold || !pages_.evictable(page)) continue;
            if (!pages_.test_and_clear_accessed(page)) return evict(page);
            keep(page);
        }
        return take_any();
    }
    void forget(PageId page) override {
        if (entries_.get(page).kind != Kind::unknown) remove(page);
    }
    std::string state() const override {
        return "hot " + std::to_string(hot_) + ", cold " + std::to_string(cold_) + " (target " +
               std::to_string(cold_target_) + "), ghosts " + std::to_string(ghosts_) +
               hand(", hot hand at ", hot_hand_) + hand(", cold hand at ", cold_hand_) +
               hand(", test hand at ", test_hand_);
    }
    std::string describe(PageId page) const override {
        const Entry entry = entries_.get(page);
        switch (entry.kind) {
            case Kind::hot: return "hot";
            case Kind::cold: return entry.in_test ? "cold, in its test period" : "cold";
            case Kind::ghost: return "ghost";
            case Kind::unknown: break;
        }
        return {};
    }

private:
    enum class Kind : std::uint8_t { unknown, hot, cold, ghost };
    struct Entry {
        Kind kind = Kind::unknown;
        bool in_test = false;  // a ghost is
    };

    static std::string hand(const char* text, PageId page) {
        return page == no_page ? std::string() : text + std::to_string(page);
    }
    std::uint32_t resident() const { return hot_ + cold_; }
    std::uint32_t& count(Kind kind) { return kind == Kind::hot ? hot_ : kind == Kind::cold ? cold_ : ghosts_; }
    void become(PageId page, Entry entry) {
        --count(entries_[page].kind);
        ++count(entry.kind);
        entries_[page] = entry;
    }
    void insert(PageId page, Entry entry) {
        ring_.insert_before(hot_hand_, page);
        for (PageId* hand : {&hot_hand_, &cold_hand_, &test_hand_})
            if (*hand == no_page) *hand = page;
        entries_[page] = entry;
        ++count(entry.kind);
    }
    void remove(PageId page) {
        for (PageId* hand : {&hot_hand_, &cold_hand_, &test_hand_})
            if (*hand == page) *hand = ring_.size() == 1 ? no_page : ring_.next_around(page);
        ring_.erase(page);
        --count(entries_[page].kind);
        entries_[page] = {};
    }
    void raise_cold_target() { cold_target_ = std::min(frames_, cold_target_ + 1); }

    // The cold hand found it accessed: hot where it is in its test period, else a test period begins.
    void keep(PageId page) {
        const bool becomes_hot = entries_[page].in_test;
        remove(page);
        insert(page, {becomes_hot ? Kind::hot : Kind::cold, !becomes_hot});
        if (!becomes_hot) return;
        raise_cold_target();
        balance_hot();
    }
    PageId evict(PageId page) {
        if (!entries_[page].in_test) {
            remove(page);
            return page;
        }
        become(page, {Kind::ghost, true});
        while (ghosts_ > frames_) {
            const PageId tested = test_hand_;
            test_hand_ = ring_.next_around(tested);
            end_test(tested);
        }
        return page;
    }
    void end_test(PageId page) {
        Entry& entry = entries_[page];
        if (!entry.in_test) return;
        cold_target_ = std::max<std::uint32_t>(1, cold_target_ - 1);
        if (entry.kind == Kind::ghost) {
            remove(page);
        } else {
            entry.in_test = false;
        }
    }
    void balance_hot() {
        while (hot_ > frames_ - cold_target_ && cool_one()) {
        }
    }
    // The hot hand turns a hot page that was not accessed into a cold one, and ends the test periods that it meets.
    // Whether there was one: hot pages that are pinned stay.
    bool cool_one() {
        for (std::uint64_t steps = 2 * std::uint64_t{ring_.size()}; steps > 0 && hot_ > 0; --steps) {
            const PageId page = hot_hand_;
            hot_hand_ = ring_.next_around(page);
            if (entries_[page].kind != Kind::hot) {
                end_test(page);
            } else if (pages_.evictable(page) && !pages_.test_and_clear_accessed(page)) {
                become(page, {Kind::cold, false});
                return true;
            }
        }
        return false;
    }
    // All cold pages are pinned: any that is not.
    PageId take_any() {
        PageId page = ring_.front();
        while (page != no_page && (entries_[page].kind == Kind::ghost || !pages_.evictable(page)))
            page = ring_.next(page);
        if (page != no_page) remove(page);
        return page;
    }

    Pages& pages_;
    std::uint32_t frames_;
    std::uint32_t cold_target_;
    bool counts_load_;
    std::uint32_t hot_ = 0;
    std::uint32_t cold_ = 0;
    std::uint32_t ghosts_ = 0;
    PerPage<Entry> entries_;
    Links links_;
    PageList ring_{links_};
    PageId hot_hand_ = no_page;
    PageId cold_hand_ = no_page;
    PageId test_hand_ = no_page;
};

}  // namespace

const PolicyInfo& built_in::clock_pro() {
    static const PolicyInfo info{
        "clock-pro",
        "LIRS's idea on a clock: hot and cold pages, test periods, and three hands",
        "S. Jiang, F. Chen, X. Zhang, CLOCK-Pro: an effective improvement of the CLOCK replacement, USENIX ATC 2005",
        Needs::accessed_bits,
        {{"cold", "per cent of the frames for cold pages at first; adapts itself later", 1, 0, 100, false},
         accessed_on_load(0)},
        make<ClockPro>};
    return info;
}

}  // namespace fl::replacement
