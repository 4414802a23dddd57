#include "lab/opt.hpp"

#include "lab/hardware.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace fl::lab {

namespace {

// Resident pages with the run of their next use, the farthest on top. A page's entry becomes stale when that run comes:
// it is then nearer than all others, so it sinks to the bottom and is swept out when there are too many of its kind.
class FarthestFirst {
public:
    void push(std::uint32_t next_run, PageId page) {
        entries_.emplace_back(next_run, page);
        std::push_heap(entries_.begin(), entries_.end());
    }
    // Entries before run `now` are stale.
    PageId pop() {
        std::pop_heap(entries_.begin(), entries_.end());
        const PageId page = entries_.back().second;
        entries_.pop_back();
        return page;
    }
    void forget(PageId page) {
        std::erase_if(entries_, [&](const auto& entry) { return entry.second == page; });
        std::make_heap(entries_.begin(), entries_.end());
    }
    void sweep(std::uint32_t now, std::uint64_t resident) {
        constexpr std::uint64_t slack = 64;
        if (entries_.size() <= 2 * resident + slack) return;
        std::erase_if(entries_, [&](const auto& entry) { return entry.first <= now; });
        std::make_heap(entries_.begin(), entries_.end());
    }

private:
    std::vector<std::pair<std::uint32_t, PageId>> entries_;
};

}  // namespace

std::vector<std::uint32_t> next_runs(const ReferenceString& string) {
    const auto none = static_cast<std::uint32_t>(string.size());
    std::vector<std::uint32_t> next(string.size());
    std::vector<std::uint32_t> following(page_limit(string), none);
    for (std::size_t i = string.size(); i-- > 0;)
        next[i] = std::exchange(following[string[i].page], string[i].is_gone() ? none : static_cast<std::uint32_t>(i));
    return next;
}

ReplayCounts replay_opt(const ReferenceString& string, const ReplayOptions& options) {
    ReplayCounts counts;
    Hardware hardware(page_limit(string), counts);
    FarthestFirst farthest;
    const std::vector<std::uint32_t> next = next_runs(string);
    for (std::size_t i = 0; i < string.size(); ++i) {
        const Run& run = string[i];
        if (run.is_gone()) {
            hardware.forget(run.page);
            farthest.forget(run.page);
            continue;
        }
        hardware.set_time(counts.references + 1);
        if (hardware.resident(run.page)) {
            if (run.is_reference()) hardware.touch(run.page, run.access);
        } else {
            if (options.observer != nullptr) options.observer->on_fault(hardware.time(), run.page);
            if (hardware.resident_count() >= options.frames) {
                const PageId victim = farthest.pop();
                const bool dirty = hardware.evict(victim);
                if (options.observer != nullptr) options.observer->on_eviction(hardware.time(), victim, dirty);
            }
            hardware.load(run.page, run.is_reference() ? run.access : Access::read);
        }
        farthest.push(next[i], run.page);
        farthest.sweep(static_cast<std::uint32_t>(i), hardware.resident_count());
        counts.references += run.count;
        counts.resident_sum += run.count * hardware.resident_count();
    }
    return counts;
}

ReplayCounts replay_vmin(const ReferenceString& string, const VminOptions& options) {
    // Whether a page stayed after a reference is known when the next one comes, or none.
    struct Page {
        std::uint64_t last_use = 0;  // 0: none
        bool dirty = false;
    };
    ReplayCounts counts;
    std::vector<Page> pages(page_limit(string));
    const auto evict = [&](const Page& page) { ++(page.dirty ? counts.dirty_evictions : counts.clean_evictions); };
    for (const Run& run : string) {
        Page& page = pages[run.page];
        if (!run.is_reference()) {
            // Between references nothing is kept that would be lost.
            if (run.is_gone() && page.last_use != 0) evict(std::exchange(page, {}));
            continue;
        }
        const std::uint64_t now = counts.references + 1;
        if (page.last_use == 0 || now - page.last_use > options.window) {
            ++counts.faults;
            if (page.last_use != 0) {
                ++counts.refaults;
                evict(page);
            }
            page.dirty = false;
        } else {
            counts.resident_sum += now - page.last_use - 1;
        }
        page.dirty |= run.access == Access::write;
        counts.references += run.count;
        counts.resident_sum += run.count;
        page.last_use = counts.references;
    }
    for (const Page& page : pages)
        if (page.last_use != 0) evict(page);
    return counts;
}

}  // namespace fl::lab
