#include "kernel/reclaim_work.hpp"

#include "kernel/cond_resched.hpp"
#include "kernel/reclaim_options.hpp"

namespace fl::kernel {

namespace {

constexpr std::uint64_t never = ~std::uint64_t{0};
constexpr PageCount step_pages{32};  // SWAP_CLUSTER_MAX
// include/linux/sched.h
constexpr std::uint32_t pf_memalloc = 0x800, pf_kswapd = 0x2'0000;

}  // namespace

tl::expected<void, std::string> ReclaimWork::start(emu::Cpu& cpu, mm::OomHandler& oom_handler,
                                                   const mm::FaultOriginSource& origins) {
    cpu_ = &cpu;
    const MemoryPressure& pressure = parts_.options.pressure;
    auto swap = mm::SwapDevice::create(
        {pressure.swap.value_or(parts_.options.memory), pressure.swap_file, pressure.swap_errors});
    if (!swap) return tl::unexpected(swap.error());
    swap_ = std::move(*swap);
    mm::ReclaimOptions reclaim = reclaim_options(parts_.options);
    reclaim.time_ns = [this] { return parts_.clock.elapsed_ns(); };
    reclaim.wake_kswapd = [this] {
        wake_kswapd();
        parts_.stop_program();
    };
    auto reclaimer =
        mm::Reclaimer::create(parts_.memory, swap_->slot_count() > PageCount(0) ? swap_.get() : nullptr, reclaim);
    if (!reclaimer) return tl::unexpected(reclaimer.error());
    reclaimer_ = std::move(*reclaimer);
    reclaimer_->set_oom_handler(&oom_handler);
    if (parts_.options.memory_observer != nullptr) {
        reclaimer_->observe_memory(parts_.options.memory_observer, &origins);
    }
    if (reclaimer_->needs_references()) cpu.report_references(reclaimer_.get());
    if (pressure.counts_working_set) reclaimer_->sample_working_set();
    return {};
}

void ReclaimWork::add_kswapd(const System& like) {
    if (!parts_.options.pressure.kswapd) return;
    System& system = parts_.processes.add_kernel_thread(
        like, {.name = "kswapd0", .flags = pf_memalloc | pf_kswapd, .work = [this](System& own) { run_kswapd(own); }});
    kswapd_ = &system.task;
}

void ReclaimWork::do_due_work() {
    const std::uint64_t due_ns = reclaimer_->next_due_ns();
    if (due_ns != never && due_ns <= parts_.clock.elapsed_ns()) reclaimer_->run_due_work();
    wake_kswapd();
}

// Woken again before the program got any further, it would only take what that is about to use.
bool ReclaimWork::kswapd_is_due() const {
    if (!reclaimer_->kswapd_is_awake()) return false;
    return parts_.options.clock == ClockMode::host || cpu_->retired_instructions() != retired_at_kswapd_;
}

void ReclaimWork::wake_kswapd() {
    if (kswapd_ != nullptr && kswapd_is_due()) parts_.scheduler.wake_first(*kswapd_);
}

bool ReclaimWork::wants_processor() const { return kswapd_ != nullptr && kswapd_->state == TaskState::ready; }

void ReclaimWork::run_kswapd(System& system) {
    while (!system.task.exit) {
        if (kswapd_is_due()) {
            balance(system);
        } else {
            (void)parts_.scheduler.wait(system.task, WaitRequest{});
        }
    }
}

// balance_pgdat(), with its cond_resched().
void ReclaimWork::balance(System& system) {
    retired_at_kswapd_ = cpu_->retired_instructions();
    std::uint64_t since_ns = parts_.clock.elapsed_ns();
    while (!system.task.exit) {
        (void)reclaimer_->run_kswapd(step_pages);
        if (!reclaimer_->kswapd_is_awake()) {
            parts_.memory.compaction().kswapd_sleeps();
            return;
        }
        cond_resched(parts_.scheduler, parts_.clock, system.task, since_ns);
    }
}

std::optional<std::uint64_t> ReclaimWork::time_left_ns() const {
    const std::uint64_t due_ns = reclaimer_->next_due_ns();
    if (due_ns == never) return std::nullopt;
    const std::uint64_t now_ns = parts_.clock.elapsed_ns();
    return due_ns > now_ns ? due_ns - now_ns : 1;
}

bool ReclaimWork::has_failed() {
    if (policy_error_.empty() && reclaimer_->has_policy_error()) policy_error_ = reclaimer_->policy_error();
    return !policy_error_.empty();
}

void ReclaimWork::gather(mm::MemorySample& sample) const {
    sample.user_frames = reclaimer_->frames().value();
    sample.used_swap_slots = swap_->used_slot_count().value();
}

void ReclaimWork::gather(MachineStatistics& statistics) const {
    statistics.policy = &reclaimer_->policy_info();
    statistics.policy_state = reclaimer_->policy_state();
    statistics.reclaim = reclaimer_->counters();
    statistics.working_set = reclaimer_->working_set();
    statistics.frame_limit = reclaimer_->frame_limit();
    statistics.user_frames = reclaimer_->frames();
    statistics.peak_user_frames = reclaimer_->peak_frames();
    statistics.swap_slots = swap_->slot_count();
    statistics.used_swap_slots = swap_->used_slot_count();
    statistics.swap = swap_->counters();
}

}  // namespace fl::kernel
