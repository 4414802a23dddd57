// inspect.hpp: the kernel half of every address space.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "kernel/proc_meminfo.hpp"
#include "mm/kernel_space.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t mib = 1 << 20;
    return bytes % mib == 0 ? fmt::format("{}M", bytes / mib) : fmt::format("{}K", bytes / 1024);
}

// With what it is mapped with.
KernelStretch counted_in(const mm::KernelSpace& kernel, KernelStretch stretch) {
    kernel.for_each_page([&](VirtAddr at, emu::Pte pte, std::uint64_t size_bytes) {
        if (!stretch.range.contains(at)) return;
        const bool is_large = size_bytes > page_size;
        ++(is_large ? stretch.large_pages : stretch.small_pages);
        (is_large ? stretch.large_entry : stretch.small_entry) = pte;
    });
    return stretch;
}

}  // namespace

std::vector<KernelStretch> kernel_stretches(const mm::KernelSpace& kernel) {
    const mm::Vmalloc& vmalloc = kernel.vmalloc();
    const VirtRange direct = kernel.direct_map_range(), map = kernel.memory_map_range();
    std::vector<KernelStretch> stretches{
        {.name = "direct map", .what = "all of RAM", .range = direct, .used_bytes = direct.size_bytes()},
        {.name = "vmalloc areas", .what = "", .range = vmalloc.range(), .used_bytes = vmalloc.page_count().bytes()},
        {.name = "memory map", .what = "64 bytes for each frame", .range = map, .used_bytes = map.size_bytes()}};
    for (KernelStretch& stretch : stretches) stretch = counted_in(kernel, stretch);
    return stretches;
}

std::string show_kernel_space(const mm::PhysicalMemory& memory) {
    if (memory.kernel_space() == nullptr) return "kernel: no kernel half\n";
    const mm::KernelSpace& kernel = *memory.kernel_space();
    std::string text;
    print_to(text, "kernel: {}, {} since boot; the root is frame {:#x}\n",
             counted(kernel.table_count().value(), "page table"), kernel.later_table_count().value(),
             kernel.root().value());
    for (const KernelStretch& stretch : kernel_stretches(kernel)) {
        print_to(text, "  {}  {:>6}  {}{}{}\n", range_text(stretch.range), size_text(stretch.used_bytes), stretch.name,
                 *stretch.what != 0 ? ": " : "", stretch.what);
        if (stretch.small_pages > 0) {
            print_to(text, "    {:>6} of 4K  {}\n", stretch.small_pages, mm::pte_text(stretch.small_entry));
        }
        if (stretch.large_pages > 0) {
            print_to(text, "    {:>6} of 2M  {}\n", stretch.large_pages, mm::pte_text(stretch.large_entry));
        }
    }
    text += "  shared: each process's pgd has these entries\n";
    const auto root = memory.ram().table(kernel.root());
    for (unsigned i = 0; i < root.size(); ++i) {
        if (root[i].is_none()) continue;
        print_to(text, "    [{:>3}]  {:#018x}  {} -> table {:#x}\n", i, root[i].raw(), mm::pte_text(root[i]),
                 root[i].pfn().value());
    }
    if (!kernel.vmalloc().areas().empty())
        text += "  vmalloc areas, as /proc/vmallocinfo has them\n" + proc_vmallocinfo(memory);
    return text;
}

}  // namespace fl::kernel
