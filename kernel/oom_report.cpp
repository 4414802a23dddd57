#include "kernel/oom_report.hpp"

#include "kernel/memory_census.hpp"
#include "mm/print_to.hpp"
#include "mm/reclaimer.hpp"
#include "mm/swap_device.hpp"

namespace fl::kernel {

namespace {

std::uint64_t kib(PageCount pages) { return pages.bytes() / 1024; }

// Each 2^k blocks of free memory (show_free_areas).
std::string free_blocks_text(const mm::PhysicalMemory& memory) {
    std::string text = "Node 0 Normal:";
    std::uint64_t total_kib = 0, block_kib = page_size / 1024;
    for (const std::uint64_t blocks : memory.buddy().free_blocks()) {
        print_to(text, " {}*{}kB", blocks, block_kib);
        total_kib += blocks * block_kib;
        block_kib *= 2;
    }
    return text + fmt::format(" = {}kB", total_kib);
}

void log_memory(KernelLog& log, const MemoryCensus& census, const mm::PhysicalMemory& memory) {
    // --frames, as mem_cgroup_print_oom_meminfo() tells of a group's limit.
    const mm::Reclaimer* reclaimer = memory.reclaimer();
    if (reclaimer != nullptr && reclaimer->frame_limit()) {
        log.print(LogLevel::warning, "memory: usage {}kB, limit {}kB", kib(reclaimer->frames()),
                  kib(*reclaimer->frame_limit()));
    }
    log.print(LogLevel::warning, "Mem-Info:");
    log.print(LogLevel::warning,
              "anon:{} file:{} shmem:{} mapped:{}\n locked:{} dirty:{} pagetables:{} swapcache:{}\n free:{}",
              census.anonymous.value(), census.file_cache.value(), census.shared_memory.value(), census.mapped.value(),
              census.locked.value(), census.dirty.value(), census.page_tables.value(), census.swap_cached.value(),
              census.free.value());
    log.print(LogLevel::warning, "{}", free_blocks_text(memory));
    log.print(LogLevel::warning, "{} total pagecache pages", (census.file_cache + census.shared_memory).value());
    log.print(LogLevel::warning, "{} pages in swap cache", census.swap_cached.value());
    log.print(LogLevel::warning, "Free swap  = {}kB", kib(census.swap_free));
    log.print(LogLevel::warning, "Total swap = {}kB", kib(census.swap_total));
    log.print(LogLevel::warning, "{} pages RAM", memory.total_page_count().value());
    log.print(LogLevel::warning, "{} pages reserved", (memory.total_page_count() - census.total).value());
}

// dump_tasks().
void log_tasks(KernelLog& log, const Processes& processes) {
    log.print(LogLevel::info, "Tasks state (memory values in pages):");
    log.print(LogLevel::info,
              "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents "
              "oom_score_adj name");
    for (const auto& [pid, process] : processes.all()) {
        if (process->threads.empty() || process->threads.front()->mm == nullptr) continue;
        const Task& task = *process->threads.front();
        const mm::MmStruct& mm = *task.mm;
        log.print(LogLevel::info, "[{:7}] {:5} {:5} {:8} {:8} {:8} {:8} {:9} {:8} {:8}         {:5} {}", pid,
                  task.credentials.user.real, pid, mm.vm().total.value(), mm.rss().total().value(),
                  mm.rss().anonymous.value(), mm.rss().file.value(), mm.rss().shared_memory.value(),
                  mm.pgtables_bytes(), mm.swap_entries().value(), process->oom_score_adjustment, task.name);
    }
}

}  // namespace

std::string killed_text(const Process& victim) {
    const Task& task = *victim.threads.front();
    const mm::MmStruct& mm = *task.mm;
    return fmt::format(
        "Killed process {} ({}) total-vm:{}kB, anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB, UID:{} pgtables:{}kB "
        "oom_score_adj:{}",
        victim.pid, task.name, kib(mm.vm().total), kib(mm.rss().anonymous), kib(mm.rss().file),
        kib(mm.rss().shared_memory), task.credentials.user.real, mm.pgtables_bytes() / 1024,
        victim.oom_score_adjustment);
}

void log_oom(KernelLog& log, const Processes& processes, const mm::PhysicalMemory& memory, const Process* asker,
             const Process& victim) {
    const bool has_task = asker != nullptr && !asker->threads.empty();
    // Frames of user pages are asked for one by one.
    log.print(LogLevel::warning,
              "{} invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj={}",
              has_task ? asker->threads.front()->name : "kernel", has_task ? asker->oom_score_adjustment : 0);
    const auto spaces = processes.address_spaces();
    log_memory(log, take_census(memory, std::vector<const mm::MmStruct*>(spaces.begin(), spaces.end())), memory);
    log_tasks(log, processes);
    const Task& task = *victim.threads.front();
    log.print(LogLevel::info,
              "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,"
              "task={},pid={},uid={}",
              task.name, victim.pid, task.credentials.user.real);
    log.print(LogLevel::error, "Out of memory: {}", killed_text(victim));
}

void log_oom_reaped(KernelLog& log, const Process& victim, const mm::MmStruct& mm) {
    log.print(LogLevel::info, "oom_reaper: reaped process {} ({}), now anon-rss:{}kB, file-rss:{}kB, shmem-rss:{}kB",
              victim.pid, victim.threads.empty() ? victim.name : victim.threads.front()->name, kib(mm.rss().anonymous),
              kib(mm.rss().file), kib(mm.rss().shared_memory));
}

}  // namespace fl::kernel
