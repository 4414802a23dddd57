#include "kernel/proc_meminfo.hpp"

#include "kernel/vmstat_names.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>
#include <unordered_map>

namespace fl::kernel {

namespace {

constexpr std::uint64_t page_kib = page_size / 1024;
constexpr const char* zone_line = "Node 0, zone {:>8}";
constexpr const char* zone_name = "Normal";

// How the pages that reclaim could look at are spread over its lists.
struct ReclaimLists {
    PageCount inactive_anonymous;  // shared memory included: it could only go to swap
    PageCount inactive_file;
};

ReclaimLists reclaim_lists(const MemoryCensus& census) {
    return ReclaimLists{.inactive_anonymous = census.anonymous + census.shared_memory - census.locked_anonymous,
                        .inactive_file = census.file_cache - census.locked_file};
}

class Listing {
public:
    void kib(std::string_view label, std::uint64_t value) {
        fmt::format_to(std::back_inserter(text_), "{:<16}{:>8} kB\n", label, value);
    }
    void pages(std::string_view label, PageCount count) { kib(label, count.value() * page_kib); }
    void number(std::string_view label, std::uint64_t value) {
        fmt::format_to(std::back_inserter(text_), "{:<16}{:>8}\n", label, value);
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

using Counters = std::unordered_map<std::string_view, std::uint64_t>;

// The counters of vmstat that have a source here; all others are 0.
Counters page_counters(const MemoryCensus& census) {
    const ReclaimLists lists = reclaim_lists(census);
    const PageCount file_pages = census.file_cache + census.shared_memory;
    return Counters{
        {"nr_free_pages", census.free.value()},
        {"nr_zone_inactive_anon", lists.inactive_anonymous.value()},
        {"nr_zone_inactive_file", lists.inactive_file.value()},
        {"nr_zone_unevictable", census.locked.value()},
        {"nr_mlock", census.locked.value()},
        {"nr_inactive_anon", lists.inactive_anonymous.value()},
        {"nr_inactive_file", lists.inactive_file.value()},
        {"nr_unevictable", census.locked.value()},
        {"nr_anon_pages", census.anonymous.value()},
        {"nr_mapped", census.mapped.value()},
        {"nr_file_pages", file_pages.value()},
        {"nr_dirty", census.dirty.value()},
        {"nr_zone_write_pending", census.dirty.value()},
        {"nr_shmem", census.shared_memory.value()},
        {"nr_page_table_pages", census.page_tables.value()},
    };
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
    constexpr std::uint64_t huge_page_kib = 2048;
    Listing list;
    list.pages("MemTotal:", census.total);
    list.pages("MemFree:", census.free);
    // si_mem_available without watermarks: what is free, and what could be dropped.
    list.pages("MemAvailable:", census.free + lists.inactive_file);
    list.kib("Buffers:", 0);
    list.pages("Cached:", census.file_cache + census.shared_memory);
    list.kib("SwapCached:", 0);
    list.kib("Active:", 0);
    list.pages("Inactive:", lists.inactive_anonymous + lists.inactive_file);
    list.kib("Active(anon):", 0);
    list.pages("Inactive(anon):", lists.inactive_anonymous);
    list.kib("Active(file):", 0);
    list.pages("Inactive(file):", lists.inactive_file);
    list.pages("Unevictable:", census.locked);
    list.pages("Mlocked:", census.locked);
    for (const char* label : {"SwapTotal:", "SwapFree:", "Zswap:", "Zswapped:"}) list.kib(label, 0);
    list.pages("Dirty:", census.dirty);
    list.kib("Writeback:", 0);
    list.pages("AnonPages:", census.anonymous);
    list.pages("Mapped:", census.mapped);
    list.pages("Shmem:", census.shared_memory);
    for (const char* label : {"KReclaimable:", "Slab:", "SReclaimable:", "SUnreclaim:", "KernelStack:"}) {
        list.kib(label, 0);
    }
    list.pages("PageTables:", census.page_tables);
    for (const char* label : {"SecPageTables:", "NFS_Unstable:", "Bounce:", "WritebackTmp:"}) list.kib(label, 0);
    list.pages("CommitLimit:", PageCount(census.total.value() / 2));  // vm.overcommit_ratio = 50
    list.pages("Committed_AS:", census.committed);
    list.kib("VmallocTotal:", vmalloc_total_kib);
    for (const char* label : {"VmallocUsed:", "VmallocChunk:", "Percpu:", "AnonHugePages:", "ShmemHugePages:",
                              "ShmemPmdMapped:", "FileHugePages:", "FilePmdMapped:", "Balloon:"}) {
        list.kib(label, 0);
    }
    for (const char* label : {"HugePages_Total:", "HugePages_Free:", "HugePages_Rsvd:", "HugePages_Surp:"}) {
        list.number(label, 0);
    }
    list.kib("Hugepagesize:", huge_page_kib);
    for (const char* label : {"Hugetlb:", "DirectMap4k:", "DirectMap2M:"}) list.kib(label, 0);
    return list.take();
}

std::string proc_vmstat(const MemoryCensus& census, const mm::FaultCounters& faults) {
    Counters counters = page_counters(census);
    counters["pgfault"] = faults.minor + faults.major;
    counters["pgmajfault"] = faults.major;
    counters["pgreuse"] = faults.of(mm::FaultKind::cow_reuse);
    counters["oom_kill"] = faults.of(mm::FaultKind::oom) != 0 ? 1 : 0;
    std::string text;
    for (const std::string_view name : vmstat_names) {
        fmt::format_to(std::back_inserter(text), "{} {}\n", name, counter(counters, name));
    }
    return text;
}

std::string proc_zoneinfo(const MemoryCensus& census, const mm::PhysicalMemory& memory) {
    const Counters counters = page_counters(census);
    std::string text;
    const auto out = std::back_inserter(text);
    const auto line = [&](std::string_view name) {
        fmt::format_to(out, "      {:<12} {}\n", name, counter(counters, name));
    };
    fmt::format_to(out, zone_line, zone_name);
    text += "\n  per-node stats\n";
    const auto* const node = name_position(first_node_counter);
    const auto* const events = name_position(first_event_counter);
    std::for_each(node, events, line);
    fmt::format_to(out, "  pages free     {}\n", census.free.value());
    for (const char* watermark : {"boost", "min", "low", "high", "promo"}) {
        fmt::format_to(out, "        {:<8} 0\n", watermark);
    }
    const std::uint64_t present = memory.total_page_count().value();
    fmt::format_to(out, "        spanned  {}\n        present  {}\n        managed  {}\n        cma      0\n", present,
                   present, census.total.value());
    text += "        protection: (0)\n";
    std::for_each(vmstat_names.begin(), node, line);
    text += "  node_unreclaimable:  0\n  start_pfn:           0\n";
    return text;
}

std::string proc_buddyinfo(const mm::PhysicalMemory& memory) {
    std::string text;
    fmt::format_to(std::back_inserter(text), zone_line, zone_name);
    text += ' ';
    for (const std::uint64_t blocks : memory.buddy().free_blocks()) {
        fmt::format_to(std::back_inserter(text), "{:>6} ", blocks);
    }
    return text + "\n";
}

std::string proc_iomem(const mm::PhysicalMemory& memory) {
    return fmt::format("{:08x}-{:08x} : Reserved\n{:08x}-{:08x} : System RAM\n", 0, page_size - 1, page_size,
                       memory.total_page_count().bytes() - 1);
}

}  // namespace fl::kernel
