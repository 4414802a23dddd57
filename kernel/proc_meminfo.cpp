#include "kernel/proc_meminfo.hpp"

#include "kernel/mangle.hpp"
#include "kernel/vmstat_names.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_map>

namespace fl::kernel {

namespace {

constexpr std::uint64_t page_kib = page_size / 1024;

// How the pages that reclaim could look at are spread over its lists.
struct ReclaimLists {
    PageCount inactive_anonymous;  // shared memory included: it can only go to swap
    PageCount inactive_file;       // what may be given up (MADV_FREE) included
};

ReclaimLists reclaim_lists(const MemoryCensus& census) {
    const PageCount anonymous = census.anonymous - census.lazily_free + census.shared_memory - census.kept_shared;
    return ReclaimLists{.inactive_anonymous = anonymous - census.locked_anonymous,
                        .inactive_file = census.file_cache - census.kept + census.lazily_free - census.locked_file};
}

PageCount unevictable(const MemoryCensus& census) {
    return census.kept + census.kept_shared + census.locked_anonymous + census.locked_file;
}

// What belongs to files and to swap (NR_FILE_PAGES): each page once.
PageCount file_pages(const MemoryCensus& census) {
    return census.file_cache + census.shared_memory + census.swap_cached_anonymous;
}

// si_mem_available: what is free above the reserve, and what could be dropped without harm.
PageCount available(const MemoryCensus& census) {
    const PageCount free = census.free - std::min(census.free, census.watermarks.high);
    const auto droppable = [&census](PageCount pages) {
        return pages - std::min(PageCount(pages.value() / 2), census.watermarks.low);
    };
    return free + droppable(reclaim_lists(census).inactive_file) + droppable(census.slab_reclaimable);
}

// vm_commit_limit, with vm.overcommit_ratio = 50.
PageCount commit_limit(const MemoryCensus& census) { return PageCount(census.total.value() / 2) + census.swap_total; }

class Listing {
public:
    void kib(std::string_view label, std::uint64_t value) { print_to(text_, "{:<16}{:>8} kB\n", label, value); }
    void pages(std::string_view label, PageCount count) { kib(label, count.value() * page_kib); }
    void number(std::string_view label, std::uint64_t value) { print_to(text_, "{:<16}{:>8}\n", label, value); }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

using Counters = std::unordered_map<std::string_view, std::uint64_t>;

// The counts of pages in vmstat and zoneinfo that have a source here; all others are 0.
Counters page_counters(const MemoryCensus& census, const mm::ReclaimCounters& reclaim) {
    const ReclaimLists lists = reclaim_lists(census);
    return Counters{
        {"nr_free_pages", census.free.value()},
        {"nr_zone_inactive_anon", lists.inactive_anonymous.value()},
        {"nr_zone_inactive_file", lists.inactive_file.value()},
        {"nr_zone_unevictable", unevictable(census).value()},
        {"nr_mlock", census.locked.value()},
        {"nr_inactive_anon", lists.inactive_anonymous.value()},
        {"nr_inactive_file", lists.inactive_file.value()},
        {"nr_unevictable", unevictable(census).value()},
        {"workingset_refault_anon", reclaim.refaults_by_list.anonymous},
        {"workingset_refault_file", reclaim.refaults_by_list.file},
        {"nr_anon_pages", census.anonymous_mapped.value()},
        {"nr_mapped", census.mapped.value()},
        {"nr_file_pages", file_pages(census).value()},
        {"nr_dirty", census.dirty.value()},
        {"nr_zone_write_pending", census.dirty.value()},
        {"nr_shmem", census.shared_memory.value()},
        {"nr_vmscan_write", reclaim.dirty + reclaim.ahead},
        {"nr_page_table_pages", census.page_tables.value()},
        {"nr_slab_reclaimable", census.slab_reclaimable.value()},
        {"nr_slab_unreclaimable", census.slab_unreclaimable.value()},
        {"nr_kernel_stack", census.kernel_stacks.value() * page_kib},
        {"nr_swapcached", census.swap_cached.value()},
        {"nr_anon_transparent_hugepages", census.anonymous_huge_pages},
    };
}

// What reclaim did. Who takes a page that he needs himself is direct; advice (MADV_PAGEOUT) is neither.
void add_reclaim_events(Counters& counters, const mm::ReclaimCounters& reclaim) {
    const auto evictions = [&reclaim](mm::ReclaimReason reason) {
        return reclaim.evictions[static_cast<std::size_t>(reason)];
    };
    const std::uint64_t scanned = reclaim.scanned.anonymous + reclaim.scanned.file;
    counters["allocstall_normal"] = reclaim.direct_reclaims;
    counters["pglazyfreed"] = reclaim.lazily_freed;
    counters["pgsteal_kswapd"] = evictions(mm::ReclaimReason::kswapd);
    counters["pgsteal_direct"] = evictions(mm::ReclaimReason::fault) + evictions(mm::ReclaimReason::shrink);
    counters["pgsteal_anon"] = reclaim.reclaimed.anonymous;
    counters["pgsteal_file"] = reclaim.reclaimed.file;
    counters["pgscan_kswapd"] = reclaim.scanned_by_kswapd;
    counters["pgscan_direct"] = scanned - reclaim.scanned_by_kswapd;
    counters["pgscan_anon"] = reclaim.scanned.anonymous;
    counters["pgscan_file"] = reclaim.scanned.file;
    counters["pageoutrun"] = reclaim.kswapd_runs;
    counters["oom_kill"] = reclaim.oom_kills;
}

void add_compaction_events(Counters& counters, const mm::CompactionCounters& compaction) {
    counters["pgmigrate_success"] = compaction.migrated;
    counters["pgmigrate_fail"] = compaction.not_migrated;
    counters["compact_migrate_scanned"] = compaction.migrate_scanned;
    counters["compact_free_scanned"] = compaction.free_scanned;
    counters["compact_isolated"] = compaction.isolated;
    counters["compact_stall"] = compaction.stalls;
    counters["compact_fail"] = compaction.failures;
    counters["compact_success"] = compaction.successes;
    counters["compact_daemon_wake"] = compaction.daemon_wakes;
    counters["compact_daemon_migrate_scanned"] = compaction.daemon_migrate_scanned;
    counters["compact_daemon_free_scanned"] = compaction.daemon_free_scanned;
}

mm::ReclaimCounters reclaim_counters(const mm::PhysicalMemory& memory) {
    const mm::Reclaimer* reclaimer = memory.reclaimer();
    return reclaimer != nullptr ? reclaimer->counters() : mm::ReclaimCounters{};
}

void add_huge_page_events(Counters& counters, const mm::HugePages& huge_pages) {
    const mm::HugePageCounters& huge = huge_pages.counters;
    counters["thp_fault_alloc"] = huge.fault_alloc;
    counters["thp_fault_fallback"] = huge.fault_fallback;
    counters["thp_collapse_alloc"] = huge.collapse_alloc;
    counters["thp_collapse_alloc_failed"] = huge.collapse_alloc_failed;
    counters["thp_split_pmd"] = huge.split_pmd;
    counters["thp_split_page"] = huge.split_page;
    counters["thp_scan_exceed_none_pte"] = huge_pages.khugepaged.scan_exceed_none;
    counters["thp_scan_exceed_swap_pte"] = huge_pages.khugepaged.scan_exceed_swap;
    counters["thp_scan_exceed_share_pte"] = huge_pages.khugepaged.scan_exceed_shared;
}

std::uint64_t counter(const Counters& counters, std::string_view name) {
    const auto found = counters.find(name);
    return found != counters.end() ? found->second : 0;
}

auto name_position(std::string_view name) { return std::find(vmstat_names.begin(), vmstat_names.end(), name); }

}  // namespace

std::string proc_meminfo(const MemoryCensus& census) {
    const ReclaimLists lists = reclaim_lists(census);
    constexpr std::uint64_t vmalloc_total_kib = (std::uint64_t{1} << 45) / 1024 - 1;  // 32 TiB less a page's part
    constexpr std::uint64_t huge_page_kib = emu::large_page_size / 1024;
    Listing list;
    list.pages("MemTotal:", census.total);
    list.pages("MemFree:", census.free);
    list.pages("MemAvailable:", available(census));
    list.kib("Buffers:", 0);
    list.pages("Cached:", file_pages(census) - census.swap_cached);
    list.pages("SwapCached:", census.swap_cached);
    list.kib("Active:", 0);
    list.pages("Inactive:", lists.inactive_anonymous + lists.inactive_file);
    list.kib("Active(anon):", 0);
    list.pages("Inactive(anon):", lists.inactive_anonymous);
    list.kib("Active(file):", 0);
    list.pages("Inactive(file):", lists.inactive_file);
    list.pages("Unevictable:", unevictable(census));
    list.pages("Mlocked:", census.locked);
    list.pages("SwapTotal:", census.swap_total);
    list.pages("SwapFree:", census.swap_free);
    for (const char* label : {"Zswap:", "Zswapped:"}) list.kib(label, 0);
    list.pages("Dirty:", census.dirty);
    list.kib("Writeback:", 0);
    list.pages("AnonPages:", census.anonymous_mapped);
    list.pages("Mapped:", census.mapped);
    list.pages("Shmem:", census.shared_memory);
    list.pages("KReclaimable:", census.slab_reclaimable);
    list.pages("Slab:", census.slab_reclaimable + census.slab_unreclaimable);
    list.pages("SReclaimable:", census.slab_reclaimable);
    list.pages("SUnreclaim:", census.slab_unreclaimable);
    list.pages("KernelStack:", census.kernel_stacks);
    list.pages("PageTables:", census.page_tables);
    for (const char* label : {"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:"}) list.kib(label, 0);
    list.pages("CommitLimit:", commit_limit(census));
    list.pages("Committed_AS:", census.committed);
    list.kib("VmallocTotal:", vmalloc_total_kib);
    list.pages("VmallocUsed:", census.vmalloc);
    for (const char* label : {"VmallocChunk:", "Percpu:"}) list.kib(label, 0);
    list.kib("AnonHugePages:", census.anonymous_huge_pages * huge_page_kib);
    for (const char* label : {"ShmemHugePages:", "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:", "Balloon:"}) {
        list.kib(label, 0);
    }
    for (const char* label : {"HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:", "HugePages_Surp:"}) {
        list.number(label, 0);
    }
    list.kib("Hugepagesize:", huge_page_kib);
    list.kib("Hugetlb:", 0);
    list.kib("DirectMap4k:", census.direct_map.small * page_kib);
    list.kib("DirectMap2M:", census.direct_map.large * huge_page_kib);
    return list.take();
}

std::string proc_vmstat(const MemoryCensus& census, const mm::FaultCounters& faults, const mm::PhysicalMemory& memory) {
    const mm::ReclaimCounters reclaim = reclaim_counters(memory);
    Counters counters = page_counters(census, reclaim);
    add_reclaim_events(counters, reclaim);
    add_compaction_events(counters, memory.compaction().counters());
    counters["pgfault"] = faults.minor + faults.major;
    counters["pgmajfault"] = faults.major;
    counters["pgreuse"] = faults.of(mm::FaultKind::cow_reuse);
    add_huge_page_events(counters, memory.huge_pages());
    if (const mm::SwapDevice* swap = swap_of(memory)) {
        counters["pswpin"] = swap->counters().reads;
        counters["pswpout"] = swap->counters().writes;
    }
    std::string text;
    for (const std::string_view name : vmstat_names) {
        print_to(text, "{} {}\n", name, counter(counters, name));
    }
    return text;
}

std::string proc_zoneinfo(const MemoryCensus& census, const mm::PhysicalMemory& memory) {
    const Counters counters = page_counters(census, reclaim_counters(memory));
    std::string text;
    const auto line = [&](std::string_view name) {
        print_to(text, "      {:<12} {}\n", name, counter(counters, name));
    };
    print_to(text, zone_line, zone_name);
    text += "\n  per-node stats\n";
    const auto* const node = name_position(first_node_counter);
    const auto* const events = name_position(first_event_counter);
    std::for_each(node, events, line);
    print_to(text, "  pages free     {}\n", census.free.value());
    const mm::Watermarks& marks = census.watermarks;
    const auto watermark = [&](std::string_view name, PageCount pages) {
        print_to(text, "        {:<8} {}\n", name, pages.value());
    };
    watermark("boost", PageCount(0));
    watermark("min", marks.min);
    watermark("low", marks.low);
    watermark("high", marks.high);
    watermark("promo", marks.high + (marks.low - marks.min));
    const std::uint64_t present = memory.total_page_count().value();
    print_to(text, "        spanned  {}\n        present  {}\n        managed  {}\n        cma      0\n", present,
             present, census.total.value());
    text += "        protection: (0)\n";
    std::for_each(vmstat_names.begin(), node, line);
    text += "  node_unreclaimable:  0\n  start_pfn:           0\n";
    return text;
}

std::string proc_swaps(const mm::PhysicalMemory& memory) {
    std::string text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
    const mm::SwapDevice* swap = swap_of(memory);
    if (swap == nullptr) return text;
    constexpr std::size_t name_width = 40;
    constexpr std::uint64_t wide_number = 10'000'000;
    const std::string path = swap->file().empty() ? "/swap" : std::filesystem::absolute(swap->file()).string();
    std::string name = mangled(path, " \t\n\\");
    name.append(name.size() < name_width ? name_width - name.size() : 1, ' ');
    const auto column = [](PageCount pages) {
        const std::uint64_t kib = pages.bytes() / 1024;
        return fmt::format("{}{}", kib, kib < wide_number ? "\t\t" : "\t");
    };
    return text + fmt::format("{}file\t\t{}{}-2\n", name, column(swap->slot_count()), column(swap->used_slot_count()));
}

std::string proc_buddyinfo(const mm::PhysicalMemory& memory) {
    std::string text;
    print_to(text, zone_line, zone_name);
    text += ' ';
    for (const std::uint64_t blocks : memory.buddy().free_blocks()) {
        print_to(text, "{:>6} ", blocks);
    }
    return text + "\n";
}

// s_show() of mm/vmalloc.c. There are no offsets into functions here: the caller's name stands alone.
std::string proc_vmallocinfo(const mm::PhysicalMemory& memory) {
    std::string text;
    const mm::KernelSpace* kernel = memory.kernel_space();
    if (kernel == nullptr) return text;
    for (const auto& [start, area] : kernel->vmalloc().areas()) {
        const VirtRange range = area.range();
        print_to(text, "{:#x}-{:#x} {:>7} {} pages={} vmalloc N0={}\n", range.start.value(), range.end.value(),
                 range.size_bytes(), area.caller, area.pages.value(), area.pages.value());
    }
    return text;
}

std::string proc_iomem(const mm::PhysicalMemory& memory) {
    return fmt::format("{:08x}-{:08x} : Reserved\n{:08x}-{:08x} : System RAM\n", 0, page_size - 1, page_size,
                       memory.total_page_count().bytes() - 1);
}

}  // namespace fl::kernel
