#include "kernel/oom_killer.hpp"

#include "kernel/memory_census.hpp"
#include "kernel/oom_report.hpp"

#include <spdlog/spdlog.h>

#include <csignal>

namespace fl::kernel {

namespace {

constexpr int oom_score_adj_min = -1000;

const mm::MmStruct* memory_of(const Process& process) {
    return process.threads.empty() ? nullptr : process.threads.front()->mm.get();
}

}  // namespace

std::optional<std::int64_t> oom_badness(const Process& process, PageCount total) {
    const mm::MmStruct* mm = memory_of(process);
    if (mm == nullptr || process.oom_score_adjustment == oom_score_adj_min) return std::nullopt;
    const PageCount pages = mm->rss().total() + mm->swap_entries() + PageCount(mm->pgtables_bytes() / page_size);
    const auto unit = static_cast<std::int64_t>(total.value() / 1000);
    return static_cast<std::int64_t>(pages.value()) + process.oom_score_adjustment * unit;
}

bool OomKiller::kill_for_memory() {
    const PageCount total = total_memory(memory_);
    Process* worst = nullptr;
    std::optional<std::int64_t> most;
    for (const auto& [pid, process] : processes_.all()) {
        // Who is ending has given what he had.
        if (process->exit) continue;
        const auto badness = oom_badness(*process, total);
        if (!badness || (most && *badness <= *most)) continue;
        most = badness;
        worst = process.get();
    }
    // Before the first program runs there is nobody to blame but itself.
    const Process* current = current_();
    if (worst == nullptr || current == nullptr || memory_of(*worst) == memory_of(*current)) return false;
    const auto mm = worst->threads.front()->mm;
    kill(*worst);
    const PageCount before = memory_.buddy().free_page_count();
    const PageCount held = memory_.reclaimer()->frames();
    mm->reap();
    log_oom_reaped(log_, *worst, *mm);
    // Of one that held nothing alone another is the next.
    if (memory_.buddy().free_page_count() > before || memory_.reclaimer()->frames() < held) return true;
    return kill_for_memory();
}

void OomKiller::kill(Process& process) {
    if (process.exit) return;
    const mm::MmStruct* mm = memory_of(process);
    if (mm != nullptr) {
        log_oom(log_, processes_, memory_, current_(), process);
        spdlog::error("Out of memory: " + killed_text(process));
    }
    if (mm::Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->count_oom_kill();
    const ExitStatus status{128 + SIGKILL, SIGKILL, true};
    processes_.end_process(process, status);
    for (const auto& [pid, other] : processes_.all()) {
        const bool shares = mm != nullptr && other.get() != &process && memory_of(*other) == mm;
        if (shares && other->oom_score_adjustment != oom_score_adj_min) processes_.end_process(*other, status);
    }
}

}  // namespace fl::kernel
