#include "kernel/flusher.hpp"

#include <algorithm>
#include <utility>

namespace fl::kernel {

namespace {

constexpr std::uint64_t ns_per_centisecond = 10'000'000;
// include/linux/sched.h
constexpr std::uint32_t pf_wq_worker = 0x20, pf_memalloc = 0x800;

}  // namespace

void Flusher::add_thread(const System& like) {
    if (!parts_.options.pressure.flusher) return;
    System& system = parts_.processes.add_kernel_thread(
        like, {.name = "kworker/u1:0", .flags = pf_wq_worker | pf_memalloc, .work = [this](System& own) { run(own); }});
    thread_ = &system.task;
    parts_.processes.kernel().writeback.changed = [this] { start_timer(); };
}

void Flusher::note_fault(mm::MmStruct& mm, const mm::FaultEvent& event) {
    if (thread_ == nullptr || event.access != emu::Access::write) return;
    const mm::Vma* vma = event.address < mm::task_size ? mm.vmas().find(event.address) : nullptr;
    if (vma == nullptr || vma->start() > event.address || vma->file() == nullptr || !vma->is_shared()) return;
    if (vma->file()->kind() == mm::FileKind::regular) note_dirtied(*vma->file());
}

// Its age is that of the first write since the thread wrote it back.
void Flusher::note_dirtied(mm::File& file) {
    const bool is_known =
        std::ranges::any_of(dirty_, [&file](const Dirty& known) { return known.file.lock().get() == &file; });
    if (!is_known) dirty_.push_back({file.weak_from_this(), parts_.scheduler.now_ns(TimeBase::monotonic)});
    start_timer();
}

// wb_wakeup_delayed().
void Flusher::start_timer() {
    if (timer_ || thread_ == nullptr || dirty_.empty() || parts_.processes.kernel().writeback.interval_centisecs == 0)
        return;
    const std::uint64_t wait_ns = parts_.processes.kernel().writeback.interval_centisecs * ns_per_centisecond;
    timer_ = parts_.scheduler.timers().add(parts_.scheduler.now_ns(TimeBase::monotonic) + wait_ns, [this] {
        timer_.reset();
        is_due_ = true;
        parts_.scheduler.wake(*thread_, WakeReason::event);
    });
    parts_.stop_program();
}

void Flusher::run(System& system) {
    while (!system.task.exit) {
        if (std::exchange(is_due_, false)) {
            write_back_old();
            start_timer();
        } else {
            (void)parts_.scheduler.wait(system.task, WaitRequest{});
        }
    }
    if (timer_) parts_.scheduler.timers().cancel(*timer_);
    timer_.reset();
    thread_ = nullptr;
    dirty_.clear();
    parts_.processes.kernel().writeback.changed = {};
}

// A file that could not be written is as young as if it had been written to just now (redirty_tail).
void Flusher::write_back_old() {
    const std::uint64_t now_ns = parts_.scheduler.now_ns(TimeBase::monotonic);
    const std::uint64_t age_ns = parts_.processes.kernel().writeback.expire_centisecs * ns_per_centisecond;
    std::vector<Dirty> old;
    std::erase_if(dirty_, [&](Dirty& known) {
        const bool is_old = now_ns - known.since_ns >= age_ns;
        if (is_old) old.push_back(std::move(known));
        return is_old;
    });
    for (const Dirty& known : old) {
        const auto file = known.file.lock();
        if (file == nullptr || file->write_back(0, file->page_count())) continue;
        dirty_.push_back({known.file, now_ns});
    }
}

}  // namespace fl::kernel
