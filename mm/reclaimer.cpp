// Reclaimer: numbers, pools and watermarks. How room is made is in make_room.cpp, what an eviction does to a page in
// evict.cpp, what comes back from swap in swap_cache.cpp.
#include "mm/reclaimer.hpp"

#include "mm/mm_struct.hpp"
#include "mm/replacement/checked_policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fl::mm {

using replacement::CheckedPolicy;
using replacement::no_page;

namespace {

// Of Pages::time(): with fewer, neighbours are put together.
constexpr std::size_t max_sample_count = 128;
constexpr std::uint64_t first_sample_interval_ns = 1'000'000;
constexpr std::uint64_t never = ~std::uint64_t{0};

}  // namespace

const char* reclaim_reason_name(ReclaimReason reason) {
    switch (reason) {
        case ReclaimReason::fault: return "fault";
        case ReclaimReason::shrink: return "shrink";
        case ReclaimReason::kswapd: return "kswapd";
        case ReclaimReason::advice: return "advice";
        case ReclaimReason::ahead: return "ahead";
    }
    return "?";
}

std::uint64_t ReclaimCounters::evicted() const {
    return std::accumulate(evictions.begin(), evictions.end(), std::uint64_t{0});
}

// mm/page_alloc.c, calculate_min_free_kbytes and __setup_per_zone_wmarks.
Watermarks watermarks_for(PageCount frames) {
    const double kib = static_cast<double>(frames.bytes()) / 1024;
    const auto least = static_cast<std::uint64_t>(std::sqrt(16 * kib)) / (page_size / 1024);
    const std::uint64_t min = std::clamp<std::uint64_t>(least, 1, std::max<std::uint64_t>(frames.value() / 8, 1));
    constexpr std::uint64_t scale_factor = 10;  // of ten thousand
    const std::uint64_t distance = std::max<std::uint64_t>({min / 4, frames.value() * scale_factor / 10'000, 1});
    return {PageCount(min), PageCount(min + distance), PageCount(min + 2 * distance)};
}

tl::expected<std::unique_ptr<Reclaimer>, std::string> Reclaimer::create(PhysicalMemory& memory, SwapDevice* swap,
                                                                        const ReclaimOptions& options) {
    FL_ASSERT(options.policy.info != nullptr && options.policy.info->make != nullptr);
    std::unique_ptr<Reclaimer> reclaimer(new Reclaimer(memory, swap, options));
    if (const auto made = reclaimer->make_pool(nullptr); !made) return tl::unexpected(made.error());
    memory.set_reclaimer(reclaimer.get());
    return reclaimer;
}

Reclaimer::Reclaimer(PhysicalMemory& memory, SwapDevice* swap, const ReclaimOptions& options)
    : memory_(memory), swap_(swap), options_(options) {
    const PageCount managed = options.frames.value_or(memory.buddy().managed_page_count());
    if (options.kswapd) watermarks_ = watermarks_for(managed);
    pages_.resize(1);  // kernel_page
}

Reclaimer::~Reclaimer() { memory_.set_reclaimer(nullptr); }

// --- pools -----------------------------------------------------------------------------------------------------------

tl::expected<std::uint32_t, std::string> Reclaimer::make_pool(const MmStruct* mm) {
    const PageCount frames = options_.frames.value_or(memory_.buddy().managed_page_count());
    const replacement::Setup setup{static_cast<std::uint32_t>(frames.value()), *this, options_.seed,
                                   options_.policy.parameters};
    Pool pool;
    pool.mm = mm;
    pool.alive = true;
    if (options_.checks == PolicyChecks::on) {
        auto checked = CheckedPolicy::create(*options_.policy.info, setup);
        if (!checked) return tl::unexpected(checked.error());
        pool.checked = checked->get();
        pool.policy = *std::move(checked);
    } else {
        pool.policy = options_.policy.info->make(setup);
    }
    shrinks_ = pool.policy->variable_allocation();
    tick_interval_ = pool.policy->tick_interval();
    if (next_tick_ns_ == 0) next_tick_ns_ = tick_interval_ != 0 ? now() + tick_interval_ : never;
    const auto dead = std::ranges::find_if(pools_, [](const Pool& other) { return !other.alive; });
    const auto number = static_cast<std::uint32_t>(dead - pools_.begin());
    if (dead == pools_.end()) {
        pools_.push_back(std::move(pool));
    } else {
        *dead = std::move(pool);
    }
    return number;
}

std::uint32_t Reclaimer::pool_of_current() {
    if (options_.scope == ReclaimScope::global || current_ == nullptr) return 0;
    const auto [found, is_new] = pool_of_.try_emplace(current_, 0);
    // A policy that cannot be made once more competes with what is nobody's.
    if (is_new) found->second = make_pool(current_).value_or(0);
    return found->second;
}

void Reclaimer::forget_mm(const MmStruct& mm) {
    if (current_ == &mm) current_ = nullptr;
    const auto found = pool_of_.find(&mm);
    if (found == pool_of_.end()) return;
    const std::uint32_t number = found->second;
    pool_of_.erase(found);
    if (number == 0) return;
    for (PageId page = 1; page < pages_.size(); ++page) {
        Page& entry = pages_[page];
        if (entry.pool != number) continue;
        entry.pool = 0;
        if (!entry.admitted) continue;
        pools_[number].resident -= frame_count(entry);
        pools_[0].resident += frame_count(entry);
        if (!entry.leaving) pools_[0].policy->admit(page, replacement::Access::read);
    }
    pools_[number] = Pool{};
}

std::string Reclaimer::policy_error() const {
    for (const Pool& pool : pools_) {
        if (pool.checked != nullptr && !pool.checked->error().empty()) return pool.checked->error();
    }
    return {};
}

std::string Reclaimer::policy_state() const {
    const std::uint32_t number = [this] {
        const auto found = pool_of_.find(current_);
        return found != pool_of_.end() ? found->second : 0U;
    }();
    return pools_[number].policy->state();
}

// --- numbers ---------------------------------------------------------------------------------------------------------

PageId Reclaimer::number_for(PageId known) {
    if (known != no_page) return known;
    PageId page;
    if (free_numbers_.empty()) {
        page = static_cast<PageId>(pages_.size());
        pages_.emplace_back();
    } else {
        page = free_numbers_.back();
        free_numbers_.pop_back();
        pages_[page] = Page{};
    }
    pages_[page].pool = pool_of_current();
    return page;
}

void Reclaimer::forget_if_gone(PageId page) {
    const Page& entry = pages_[page];
    if (entry.pfn != 0 || entry.swapped || entry.shadowed) return;
    tell_gone(page);
    if (entry.extent != Extent::part) pool_for(page).policy->forget(page);
    pages_[page] = Page{};
    free_numbers_.push_back(page);
}

void Reclaimer::drop_shadow(PageId page) {
    pages_[page].shadowed = false;
    forget_if_gone(page);
}

void Reclaimer::on_allocated(Pfn pfn, PageId page) {
    Page& entry = pages_[page];
    FL_ASSERT(entry.pfn == 0 && !entry.admitted);
    entry.pfn = static_cast<std::uint32_t>(pfn.value());
    // Who brings a page back has it counted as his own.
    if (options_.scope == ReclaimScope::per_process) {
        if (const std::uint32_t pool = pool_of_current(); pool != entry.pool) {
            pool_for(page).policy->forget(page);
            entry.pool = pool;
        }
    }
    memory_.frames().set_page(pfn, page);
    frames_ += PageCount(1);
    peak_frames_ = std::max(peak_frames_, frames_);
    pending_.push_back(pfn);
    if (fault_ != 0 && needs_references()) brought_.push_back(page);
}

// The page has no frame any more, for whatever reason.
void Reclaimer::leave_frame(PageId page, Pfn pfn) {
    Page& entry = pages_[page];
    const std::uint64_t count = frame_count(entry);
    if (entry.admitted) {
        pool_for(page).resident -= count;
    } else if (count > 0) {
        std::erase(pending_, pfn);
    }
    if (entry.write_failed) --failed_pages_;
    entry.pfn = 0;
    entry.admitted = entry.leaving = entry.faulted = entry.accessed = entry.touched = entry.write_failed = false;
    memory_.frames().clear_page(pfn);
    frames_ -= PageCount(count);
}

void Reclaimer::on_freed(Pfn pfn) {
    const Frame& frame = memory_.frames()[pfn];
    const PageId page = frame.page - 1;
    if (const auto slot = frame.swap_slot()) {
        memory_.frames().clear_slot(pfn);
        if (swap_->untie(*slot)) pages_[page].swapped = false;
    }
    leave_frame(page, pfn);
    forget_if_gone(page);
}

void Reclaimer::begin_fault(std::uint64_t sequence, emu::Access access, const emu::FaultLocator* locator) {
    // Faults take time too.
    if (next_due_ns() != never && now() >= next_due_ns()) run_due_work();
    if (policy_looks_at_time_) fault_began_ns_ = now();
    fault_ = sequence;
    access_ = access;
    locator_ = locator;
    pinned_.applies = false;
    shrink_due_ = shrinks_;
    work_ = ReclaimWork{};
    refaults_.clear();
    brought_.clear();
}

void Reclaimer::end_fault() {
    fault_ = 0;
    if (fault_began_ns_) in_faults_ns_ += now() - *std::exchange(fault_began_ns_, std::nullopt);
    // It may be what keeps a file.
    first_eviction_.reset();
    locator_ = nullptr;
    pinned_.applies = false;
}

void Reclaimer::expect_reference(Pfn pfn) {
    const std::uint32_t number = memory_.frames()[numbered_frame(pfn)].page;
    if (number == 0) return;
    pages_[number - 1].faulted = std::ranges::find(brought_, number - 1) != brought_.end();
}

// What faults take is not the program's time: else each of them would be the end of all working sets.
std::uint64_t Reclaimer::time() const {
    if (!std::exchange(policy_looks_at_time_, true) && fault_ != 0) fault_began_ns_ = now();
    return fault_began_ns_.value_or(now()) - in_faults_ns_;
}

// Asked for only where somebody has to leave.
void Reclaimer::pin_attempt() {
    if (locator_ == nullptr || pinned_.applies) return;
    const emu::InstructionAttempt attempt = locator_->attempt();
    if (!(attempt == pinned_.attempt) || pinned_.mm != current_) pinned_.pages.clear();
    pinned_.attempt = attempt;
    pinned_.mm = current_;
    pinned_.applies = true;
}

bool Reclaimer::is_pinned(PageId page) const {
    return pinned_.applies && std::ranges::find(pinned_.pages, page) != pinned_.pages.end();
}

void Reclaimer::settle() {
    if (pending_.empty()) return;
    for (const Pfn pfn : pending_) admit(pfn);
    pending_.clear();
}

// A system call has brought pages in. Of the access that it was for admit() tells already.
void Reclaimer::settle_for_access(Pfn pfn) {
    const Pfn numbered = numbered_frame(pfn);
    const bool is_new = std::ranges::find(pending_, numbered) != pending_.end();
    settle();
    if (is_new) pages_[memory_.frames()[numbered].page - 1].faulted = policy_needs_references();
}

void Reclaimer::admit(Pfn pfn) {
    const Frame& frame = memory_.frames()[pfn];
    const PageId page = frame.page - 1;
    Page& entry = pages_[page];
    Pool& pool = pool_for(page);
    pool.resident += frame_count(entry);
    entry.admitted = true;
    if (entry.extent == Extent::split_off) {
        entry.extent = Extent::frame;
        pool.policy->admit(page, replacement::Access::write);
        return;
    }
    // Whoever brought it in touched it, through a page table or not.
    entry.accessed = true;
    entry.since_ns = observer_ != nullptr ? now() : 0;
    counters_.admitted += frame_count(entry);
    if (entry.evicted) {
        entry.evicted = false;
        refaults_.push_back({pfn, evictions_ - entry.evicted_at});
        ++counters_.refaults;
        ++counters_.refaults_by_list.of(frame.state == FrameState::file_cache ? PageList::file : PageList::anonymous);
    }
    const bool write = frame.dirty || (access_ == emu::Access::write && frame.map_count > 0);
    // Neither the background reclaimer nor a policy of variable allocation is to take what the program is about to use.
    if (options_.kswapd || shrinks_) pin_attempt();
    if (pinned_.applies) {
        if (pinned_.pages.size() == Pinned::most) pinned_.pages.erase(pinned_.pages.begin());
        pinned_.pages.push_back(page);
    }
    pool.policy->admit(page, write ? replacement::Access::write : replacement::Access::read);
}

std::optional<std::uint64_t> Reclaimer::refault_distance(Pfn pfn) const {
    const auto found = std::ranges::find(refaults_, pfn, &Refault::pfn);
    return found != refaults_.end() ? std::optional(found->distance) : std::nullopt;
}

// --- the machine's part ----------------------------------------------------------------------------------------------

std::uint64_t Reclaimer::next_due_ns() const { return leaving_.empty() ? std::min(next_tick_ns_, next_sample_ns_) : 0; }

void Reclaimer::run_due_work() {
    let_go();
    const std::uint64_t now_ns = now();
    if (now_ns >= next_sample_ns_) take_sample();
    if (tick_interval_ == 0 || now_ns < next_tick_ns_) return;
    settle();
    // What was slept through is over: its accessed bits cannot be told apart.
    next_tick_ns_ = now_ns + tick_interval_ - (now_ns - next_tick_ns_) % tick_interval_;
    for (const Pool& pool : pools_) {
        if (pool.alive) pool.policy->tick();
    }
}

void Reclaimer::sample_working_set() {
    history_.interval_ns = first_sample_interval_ns;
    next_sample_ns_ = now() + history_.interval_ns;
}

void Reclaimer::take_sample() {
    std::uint32_t touched = std::exchange(touched_and_gone_, 0);
    // Their bits are those of 512 pages, which are all asked before they are cleared.
    std::vector<emu::Pte*> large;
    for (Page& entry : pages_) {
        if (entry.pfn == 0 || entry.extent == Extent::part) continue;
        bool hardware = false;
        visit_entries(Pfn(entry.pfn), [&](emu::Pte& pte) {
            if (!pte.accessed()) return;
            hardware = true;
            if (pte.is_large()) {
                if (large.empty() || large.back() != &pte) large.push_back(&pte);
                return;
            }
            if (memory_.tlb_may_hold(pte)) memory_.note_tlb_stale();
            pte = pte.without_accessed();
        });
        if (hardware || entry.touched) touched += static_cast<std::uint32_t>(frame_count(entry));
        entry.accessed = entry.accessed || hardware;
        entry.touched = false;
    }
    for (emu::Pte* pte : large) {
        if (memory_.tlb_may_hold(*pte)) memory_.note_tlb_stale();
        *pte = pte->without_accessed();
    }
    add_sample(touched);
    next_sample_ns_ += history_.interval_ns;
    // Nobody touched anything while all slept.
    for (const std::uint64_t now_ns = now(); next_sample_ns_ <= now_ns; next_sample_ns_ += history_.interval_ns) {
        add_sample(0);
    }
}

void Reclaimer::add_sample(std::uint32_t touched) {
    history_.pages.push_back(touched);
    if (history_.pages.size() < max_sample_count) return;
    // The larger of two neighbours is what both together touched at least.
    for (std::size_t i = 0; i < max_sample_count / 2; ++i) {
        history_.pages[i] = std::max(history_.pages[2 * i], history_.pages[2 * i + 1]);
    }
    history_.pages.resize(max_sample_count / 2);
    history_.interval_ns *= 2;
}

emu::AfterReference Reclaimer::on_reference(Pfn pfn, emu::Access access, std::uint32_t count) noexcept {
    using emu::AfterReference;
    counters_.references += count;
    const Pfn numbered = numbered_frame(pfn);
    const std::uint32_t number = memory_.frames()[numbered].page;
    if (number == 0) return AfterReference::go_on;
    const PageId page = number - 1;
    if (memory_observer_ != nullptr) {
        if (memory_.frames()[pfn].page == 0) number_parts(numbered);
        const PageId own = memory_.frames()[pfn].page - 1;
        tell_of(own);
        memory_observer_->on_page_reference(own, access, count);
    }
    if (!policy_needs_references() || !pages_[page].admitted) return AfterReference::go_on;
    if (std::exchange(pages_[page].faulted, false)) --count;
    if (count == 0) return AfterReference::go_on;
    if (shrinks_) shrink_at_reference(page);
    if (!pages_[page].leaving) {
        const auto kind = access == emu::Access::write ? replacement::Access::write : replacement::Access::read;
        pool_for(page).policy->reference(page, kind, count);
    }
    return leaving_.empty() ? AfterReference::go_on : AfterReference::stop_soon;
}

// --- the memory observer's part --------------------------------------------------------------------------------------

void Reclaimer::set_current(const MmStruct* mm) {
    const bool is_other = mm != nullptr && mm != current_;
    current_ = mm;
    if (is_other && memory_observer_ != nullptr && origins_ != nullptr) {
        memory_observer_->on_address_space(origins_->owner_of(*mm));
    }
}

void Reclaimer::tell_of(PageId page) {
    if (std::exchange(pages_[page].told, true)) return;
    memory_observer_->on_page(name_of(page, Pfn(pages_[page].pfn)));
}

void Reclaimer::tell_gone(PageId page) {
    if (std::exchange(pages_[page].told, false) && memory_observer_ != nullptr) memory_observer_->on_page_gone(page);
}

void Reclaimer::note_copied_from(Pfn pfn) {
    const Pfn numbered = numbered_frame(pfn);
    if (memory_.frames()[numbered].page == 0) return;
    memory_.frames().set_referenced(numbered, true);
    note_kernel_access(pfn, emu::Access::read);
    if (memory_observer_ != nullptr) memory_observer_->on_page_held(memory_.frames()[pfn].page - 1);
}

// --- verify ----------------------------------------------------------------------------------------------------------

bool Reclaimer::knows(Pfn pfn) const {
    const Pfn numbered = numbered_frame(pfn);
    const std::uint32_t number = memory_.frames()[numbered].page;
    if (number == 0 || number > pages_.size() || pages_[number - 1].pfn != numbered.value()) return false;
    return numbered == pfn || pages_[number - 1].extent == Extent::large_page;
}

std::optional<std::string> Reclaimer::inconsistency() const {
    std::uint64_t resident = 0;
    std::vector<std::uint64_t> in_pool(pools_.size());
    for (PageId page = 1; page < pages_.size(); ++page) {
        const Page& entry = pages_[page];
        if (entry.pfn == 0) continue;
        resident += frame_count(entry);
        if (entry.admitted) in_pool[entry.pool] += frame_count(entry);
        if (memory_.frames()[Pfn(entry.pfn)].page != page + 1) {
            return fmt::format("page {}: frame {} bears another number", page, entry.pfn);
        }
    }
    if (resident != frames_.value()) {
        return fmt::format("{} numbered frames, a recount finds {}", frames_.value(), resident);
    }
    for (std::size_t i = 0; i < pools_.size(); ++i) {
        if (pools_[i].resident != in_pool[i]) {
            return fmt::format("pool {}: {} resident pages, a recount finds {}", i, pools_[i].resident, in_pool[i]);
        }
    }
    if (options_.frames && frames_ > *options_.frames) {
        return fmt::format("{} user pages in memory, {} are allowed", frames_.value(), options_.frames->value());
    }
    if (swap_ == nullptr) return std::nullopt;
    std::optional<std::string> wrong;
    swap_->for_each_used([&](SwapSlot slot) {
        const PageId page = swap_->page_id(slot);
        const auto frame = swap_->frame(slot);
        if (page >= pages_.size() || !pages_[page].swapped) {
            wrong = fmt::format("slot {}: page {} does not know of it", slot.value(), page);
        } else if (frame &&
                   (memory_.frames()[*frame].page != page + 1 || memory_.frames()[*frame].swap_slot() != slot)) {
            wrong = fmt::format("slot {}: frame {} is not tied to it", slot.value(), frame->value());
        }
    });
    return wrong;
}

}  // namespace fl::mm
