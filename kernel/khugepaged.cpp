#include "kernel/khugepaged.hpp"

#include "kernel/cond_resched.hpp"
#include "mm/reclaimer.hpp"

#include <algorithm>
#include <utility>

namespace fl::kernel {

using Collapse = mm::MmStruct::Collapse;

namespace {

constexpr std::uint64_t ns_per_millisecond = 1'000'000;
constexpr int max_nice = 19;
constexpr std::uint64_t pages_of_place = emu::large_page_frames;

VirtAddr first_place(const mm::Vma& vma) { return mm::huge_page_floor(vma.start() + (mm::huge_page_bytes - 1)); }

}  // namespace

void Khugepaged::add_thread(const System& like) {
    if (!parts_.options.khugepaged) return;
    System& system =
        parts_.processes.add_kernel_thread(like, {.name = "khugepaged", .work = [this](System& own) { run(own); }});
    system.task.scheduling.nice = max_nice;
    thread_ = &system.task;
    parts_.memory.huge_pages().khugepaged.changed = [this] { parts_.scheduler.wake(*thread_, WakeReason::event); };
}

void Khugepaged::run(System& system) {
    while (!system.task.exit) {
        if (is_on()) scan(system);
        sleep_between_scans(system);
    }
    parts_.memory.huge_pages().khugepaged.changed = {};
    is_parked_ = false;
    thread_ = nullptr;
}

// khugepaged_do_scan(): a pass begins at the first address space once at most, and ends when no block is free for the
// second time.
void Khugepaged::scan(System& system) {
    has_run_ = false;
    const mm::Khugepaged& settings = parts_.memory.huge_pages().khugepaged;
    const std::uint64_t pages = settings.pages_to_scan;
    std::uint64_t since_ns = parts_.clock.elapsed_ns();
    unsigned beginnings = 0;
    bool may_wait = true;
    for (std::uint64_t progress = 0; progress < pages && !system.task.exit && is_on();) {
        if (at_space_ == 0 && ++beginnings == 2) return;
        progress += scan_next(pages - progress);
        if (std::exchange(needs_block_, false)) {
            if (!may_wait) return;
            may_wait = false;
            sleep(system, settings.alloc_sleep_millisecs * ns_per_millisecond);
        }
        cond_resched(parts_.scheduler, parts_.clock, system.task, since_ns);
    }
}

// khugepaged_scan_mm_slot(): goes on in the address space where it stopped, up to its end, to a place that was
// gathered, or to so many pages. Returns how many it went over; a mapping that it passes by counts as one.
std::uint64_t Khugepaged::scan_next(std::uint64_t pages) {
    const auto mm = next_space();
    if (mm == nullptr) {
        end_full_scan();
        return 1;
    }
    if (mm->id() != at_space_ || !at_) at_ = VirtAddr(0);
    at_space_ = mm->id();
    const std::uint64_t progress = 1 + scan_space(*mm, pages);
    // The last one ends the scan at once.
    if (!at_ && next_space() == nullptr) end_full_scan();
    return progress;
}

void Khugepaged::end_full_scan() {
    if (at_space_ != 0) ++parts_.memory.huge_pages().khugepaged.full_scans;
    at_space_ = 0;
    at_.reset();
}

std::uint64_t Khugepaged::scan_space(mm::MmStruct& mm, std::uint64_t pages) {
    std::uint64_t progress = 0;
    for (mm::Vma* vma = mm.vmas().find(*at_); vma != nullptr; vma = vma->next()) {
        const VirtAddr end = mm::huge_page_floor(vma->end());
        if (!mm.is_khugepaged_candidate(*vma) || *at_ > end) {
            ++progress;
            continue;
        }
        at_ = std::max(*at_, first_place(*vma));
        while (*at_ < end) {
            const Collapse outcome = collapse(*vma);
            at_ = *at_ + mm::huge_page_bytes;
            progress += pages_of_place;
            needs_block_ = outcome == Collapse::no_memory;
            // Linux has let go of the address space to get the block.
            if (outcome == Collapse::done || needs_block_ || progress >= pages) return progress;
        }
    }
    at_.reset();
    return progress;
}

// What it takes is the address space's, not its own, and no fault brought it.
Collapse Khugepaged::collapse(mm::Vma& vma) {
    mm::Reclaimer* reclaimer = parts_.memory.reclaimer();
    if (reclaimer != nullptr) reclaimer->set_current(&vma.mm());
    const Collapse outcome = vma.mm().khugepaged_collapse(vma, *at_);
    if (reclaimer != nullptr) {
        reclaimer->settle();
        reclaimer->set_current(nullptr);
    }
    if (outcome == Collapse::done) ++parts_.memory.huge_pages().khugepaged.pages_collapsed;
    return outcome;
}

// The one it stands in, or the next that may have large pages at all; nullptr: there is none.
std::shared_ptr<mm::MmStruct> Khugepaged::next_space() const {
    std::shared_ptr<mm::MmStruct> next;
    for (const System* system : parts_.processes.tasks()) {
        const auto& mm = system->task.mm;
        if (mm == nullptr || mm->id() < at_space_ || (mm->id() == at_space_ && !at_)) continue;
        if (next != nullptr && next->id() <= mm->id()) continue;
        bool is_candidate = false;
        for (const mm::Vma* vma = mm->vmas().first(); vma != nullptr && !is_candidate; vma = vma->next()) {
            is_candidate = mm->is_thp_eligible(*vma);
        }
        if (is_candidate) next = mm;
    }
    return next;
}

void Khugepaged::sleep(System& system, std::uint64_t nanoseconds) {
    const std::uint64_t deadline_ns = parts_.scheduler.now_ns(TimeBase::monotonic) + nanoseconds;
    (void)parts_.scheduler.wait(system.task, WaitRequest{.deadline_ns = deadline_ns});
}

// khugepaged_wait_work(). Where no program has run since the last pass and none waits for a point of time, only the
// host can bring one about: time is not to run away meanwhile. With scan_sleep_millisecs at 0 programs have a time
// slice.
void Khugepaged::sleep_between_scans(System& system) {
    if (!is_on()) {
        (void)parts_.scheduler.wait(system.task, WaitRequest{});
        return;
    }
    if (!has_run_ && parts_.scheduler.timer_count() == 0) {
        is_parked_ = true;
        (void)parts_.scheduler.wait(system.task, WaitRequest{});
        is_parked_ = false;
    }
    const std::uint64_t wanted_ns = parts_.memory.huge_pages().khugepaged.scan_sleep_millisecs * ns_per_millisecond;
    sleep(system, std::max(wanted_ns, Scheduler::time_slice_instructions));
}

}  // namespace fl::kernel
