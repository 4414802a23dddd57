// Reclaimer: how room is made: by whoever needs a frame (mm/vmscan.c, try_to_free_pages) or in the background (kswapd),
// with the page that the policy names. What then happens to that page is in evict.cpp.
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"
#include "mm/slab/slab_allocator.hpp"

#include <algorithm>
#include <utility>

namespace fl::mm {

using replacement::no_page;

PageCount Reclaimer::free_frames(bool user) const {
    PageCount free = memory_.buddy().free_page_count();
    if (user && options_.frames) {
        const PageCount limit = *options_.frames;
        free = std::min(free, frames_ < limit ? limit - frames_ : PageCount(0));
    }
    return free;
}

bool Reclaimer::is_short(bool user) const {
    const PageCount reserve = user ? watermarks_.min : PageCount(0);
    return free_frames(user) <= reserve;
}

bool Reclaimer::kill_for_memory() {
    if (oom_handler_ == nullptr || killing_ || has_policy_error()) return false;
    killing_ = true;
    const bool killed = oom_handler_->kill_for_memory();
    killing_ = false;
    return killed;
}

bool Reclaimer::make_room_for_kernel_block(unsigned order) {
    constexpr std::uint64_t most_pages = 256;
    settle();
    let_go();
    ++counters_.direct_reclaims;
    for (std::uint64_t taken = 0; !memory_.buddy().has_block(order); ++taken) {
        if (taken < most_pages && reclaim_one(kernel_page, ReclaimReason::fault)) continue;
        if (memory_.slab() != nullptr && memory_.slab()->shrink() > PageCount(0)) continue;
        if (!kill_for_memory()) return false;
    }
    return true;
}

bool Reclaimer::make_room(RoomFor use, PageId incoming) {
    const bool user = use == RoomFor::user_page;
    settle();
    let_go();
    if (user && shrink_due_) shrink(incoming);
    if (is_short(user)) ++counters_.direct_reclaims;
    bool may_take = !is_short(user) || !stands_still();
    while (is_short(user)) {
        if (may_take && reclaim_one(incoming, ReclaimReason::fault)) continue;
        // What is kept back is for such a case.
        if (free_frames(user) > PageCount(0)) break;
        if (memory_.slab() != nullptr && memory_.slab()->shrink() > PageCount(0)) continue;
        if (use == RoomFor::kernel_memory || !kill_for_memory()) return false;
        may_take = true;
    }
    wake_kswapd_at(free_frames(user));
    return true;
}

// Whether the present fault's instruction will never have its pages together. Where the kernel needed room in between,
// it has got on.
bool Reclaimer::stands_still() {
    if (locator_ == nullptr) {
        standstill_ = {};
        return false;
    }
    pin_attempt();
    const VirtAddr address = pinned_.attempt.address;
    const std::uint32_t mm = current_ != nullptr ? current_->id() : 0;
    if (address != standstill_.address || mm != standstill_.mm) {
        standstill_ = {.address = address, .mm = mm, .faults = 1};
        return false;
    }
    if (standstill_.faults < Standstill::patience) {
        ++standstill_.faults;
        return false;
    }
    const std::uint64_t hash = locator_->registers_hash();
    if (standstill_.unchanged == 0 || hash == standstill_.registers_hash) {
        standstill_.registers_hash = hash;
        ++standstill_.unchanged;
    } else {
        // Looking at all of them costs much: of a program that gets on, twice in so many faults.
        standstill_.faults = 0;
        standstill_.unchanged = 0;
    }
    if (standstill_.unchanged < Standstill::patience) return false;
    standstill_.unchanged = 0;
    return true;
}

void Reclaimer::shrink(PageId incoming) {
    shrink_due_ = false;
    pin_attempt();
    named_.clear();
    looks_for_ = ReclaimReason::shrink;
    pool_for(incoming).policy->shrink(incoming, named_);
    for (const PageId page : named_) (void)evict(page, ReclaimReason::shrink);
}

// The processor is at work, so that pages can only be named now.
void Reclaimer::shrink_at_reference(PageId page) {
    named_.clear();
    looks_for_ = ReclaimReason::shrink;
    pool_for(page).policy->shrink(page, named_);
    for (const PageId named : named_) {
        pages_[named].leaving = true;
        leaving_.push_back(named);
    }
}

// The pages named at references leave. Those that somebody has come to hold are the policy's again.
void Reclaimer::let_go() {
    for (const PageId page : leaving_) {
        if (!std::exchange(pages_[page].leaving, false)) continue;
        if (may_leave(page)) {
            (void)evict(page, ReclaimReason::shrink);
        } else {
            pool_for(page).policy->admit(page, dirty(page) ? replacement::Access::write : replacement::Access::read);
        }
    }
    leaving_.clear();
}

bool Reclaimer::reclaim_one(PageId incoming, ReclaimReason reason) {
    looks_for_ = reason;
    pin_attempt();
    // A page that could not be written stays, and another has to go; each is tried once.
    for (std::uint64_t attempts = frames_.value() + 1; attempts > 0; --attempts) {
        // Looking for one may have split a large page.
        settle();
        const PageId victim = choose_victim(incoming);
        if (victim == no_page) return false;
        if (evict(victim, reason)) return true;
    }
    return false;
}

PageId Reclaimer::choose_victim(PageId incoming) {
    for (;;) {
        PageId victim = ask_for_victim(incoming);
        if (victim == no_page && failed_pages_ > 0) {
            // Then what could not be written is tried once more.
            clear_failed_pages();
            victim = ask_for_victim(incoming);
        }
        // While the reserve lasts, it is taken from that.
        const bool none_left = free_frames(incoming != kernel_page) == PageCount(0);
        const bool may_unpin =
            none_left && looks_for_ != ReclaimReason::kswapd && pinned_.applies && !pinned_.pages.empty();
        if (victim != no_page || !may_unpin) return victim;
        // An instruction that needs more pages than there are frames, page by page, gets on with the latest.
        pinned_.pages.erase(pinned_.pages.begin());
    }
}

// Local replacement looks at the process's own pages first; who has none evictable takes from what is nobody's, then
// from who has most.
PageId Reclaimer::ask_for_victim(PageId incoming) {
    if (options_.scope == ReclaimScope::global) return pools_[0].policy->choose_victim(incoming);
    const std::uint32_t own = pool_of_current();
    PageId victim = ask_pool(own, incoming);
    if (victim == no_page && own != 0) victim = ask_pool(0, incoming);
    std::optional<std::uint32_t> number = pool_after(std::nullopt, own);
    for (; victim == no_page && number; number = pool_after(number, own)) victim = ask_pool(*number, incoming);
    return victim;
}

PageId Reclaimer::ask_pool(std::uint32_t number, PageId incoming) {
    const Pool& pool = pools_[number];
    return pool.alive && pool.resident > 0 ? pool.policy->choose_victim(incoming) : no_page;
}

// Of the other processes' pools the one with the most pages among those that come after `asked`.
std::optional<std::uint32_t> Reclaimer::pool_after(std::optional<std::uint32_t> asked, std::uint32_t own) const {
    const auto comes_before = [this](std::uint32_t a, std::uint32_t b) {
        return pools_[a].resident != pools_[b].resident ? pools_[a].resident > pools_[b].resident : a < b;
    };
    std::optional<std::uint32_t> next;
    for (std::uint32_t number = 1; number < pools_.size(); ++number) {
        if (number == own || (asked && !comes_before(*asked, number))) continue;
        if (!next || comes_before(number, *next)) next = number;
    }
    return next;
}

PageCount Reclaimer::run_kswapd(PageCount at_most) {
    settle();
    pinned_.applies = true;
    const PageCount before = frames_;
    while (before - frames_ < at_most && kswapd_awake_) {
        if (free_frames(true) < watermarks_.high && reclaim_one(kernel_page, ReclaimReason::kswapd)) continue;
        kswapd_awake_ = false;
        ++counters_.kswapd_runs;
    }
    pinned_.applies = false;
    return before - frames_;
}

}  // namespace fl::mm
