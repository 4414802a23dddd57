#include "lab/opt.hpp"

#include <string>
#include <utility>

namespace fl::lab {

namespace {

// No page's next use: it is after the run that is being played.
constexpr std::uint32_t not_resident = 0;

}  // namespace

std::vector<std::uint32_t> next_runs(const ReferenceString& string) {
    const auto none = static_cast<std::uint32_t>(string.size());
    std::vector<std::uint32_t> next(string.size());
    std::vector<std::uint32_t> following(page_limit(string), none);
    for (std::size_t i = string.size(); i-- > 0;)
        next[i] = std::exchange(following[string[i].page], string[i].is_gone() ? none : static_cast<std::uint32_t>(i));
    return next;
}

Opt::Opt(const PreparedString& string, const std::size_t& run)
    : string_(string),
      run_(run),
      none_(static_cast<std::uint32_t>(string.string().size())),
      next_uses_(string.page_limit(), not_resident),
      places_(string.page_limit()) {}

std::uint32_t Opt::next_use(PageId page) const {
    const std::span<const std::uint32_t> all = string_.occurrences().of(page);
    const auto limit = static_cast<std::uint32_t>(run_ + 1);
    std::uint32_t& place = places_[page];
    place = count_below(all, limit, place);
    // What ends before it is used is not used.
    return place == all.size() || string_.string()[all[place]].is_gone() ? none_ : all[place];
}

void Opt::enter(PageId page) {
    const std::uint32_t use = next_use(page);
    next_uses_[page] = use;
    farthest_.push(key_of(use, page));
    if (use != none_) nearest_.push(key_of(use, page));
}

void Opt::admit(PageId page, Access /*access*/) {
    ++resident_;
    enter(page);
}

PageId Opt::choose_victim(PageId /*incoming*/) {
    refresh();
    sweep();
    while (!farthest_.empty()) {
        const Key top = farthest_.top();
        farthest_.pop();
        const auto page = static_cast<PageId>(top);
        if (next_uses_[page] != top >> 32U) continue;
        --resident_;
        next_uses_[page] = not_resident;
        return page;
    }
    return replacement::no_page;
}

void Opt::forget(PageId page) {
    if (next_uses_[page] != not_resident) --resident_;
    next_uses_[page] = not_resident;
}

// Pages that were used since they were looked at have another next use now.
void Opt::refresh() {
    while (!nearest_.empty() && nearest_.top() >> 32U <= run_) {
        const Key top = nearest_.top();
        nearest_.pop();
        const auto page = static_cast<PageId>(top);
        if (next_uses_[page] == top >> 32U) enter(page);
    }
}

// Void entries sink in farthest_, and would be as many as there are hits.
void Opt::sweep() {
    constexpr std::uint64_t slack = 64;
    if (farthest_.size() <= 2 * resident_ + slack) return;
    std::vector<Key> keys;
    for (PageId page = 0; page < next_uses_.size(); ++page)
        if (next_uses_[page] != not_resident) keys.push_back(key_of(next_uses_[page], page));
    farthest_ = std::priority_queue<Key>(std::less<Key>(), std::move(keys));
}

std::string Opt::state() const { return std::to_string(resident_) + " pages"; }

std::string Opt::describe(PageId page) const {
    if (next_uses_[page] == not_resident) return {};
    return next_use(page) == none_ ? "not used again" : "next use in run " + std::to_string(next_use(page));
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
