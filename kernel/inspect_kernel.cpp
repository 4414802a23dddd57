// inspect.hpp: the kernel half of every address space.
#include "kernel/inspect.hpp"
#include "kernel/inspect_text.hpp"
#include "kernel/proc_meminfo.hpp"
#include "mm/kernel_space.hpp"
#include "mm/page_walk_text.hpp"

namespace fl::kernel {

namespace {

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t mib = 1 << 20;
    return bytes % mib == 0 ? fmt::format("{}M", bytes / mib) : fmt::format("{}K", bytes / 1024);
}

// What a stretch of one kind is mapped with.
class Stretch {
public:
    Stretch(const mm::KernelSpace& kernel, VirtRange range) {
        kernel.for_each_page([&](VirtAddr at, emu::Pte pte, std::uint64_t size_bytes) {
            if (!range.contains(at)) return;
            ++(size_bytes > page_size ? large_ : small_);
            (size_bytes > page_size ? large_bits_ : small_bits_) = mm::pte_text(pte);
        });
    }

    void add_to(std::string& text) const {
        if (small_ > 0) append(text, "    {:>6} of 4K  {}\n", small_, small_bits_);
        if (large_ > 0) append(text, "    {:>6} of 2M  {}\n", large_, large_bits_);
    }

private:
    std::uint64_t small_ = 0, large_ = 0;
    std::string small_bits_, large_bits_;
};

}  // namespace

std::string show_kernel_space(const mm::PhysicalMemory& memory) {
    if (memory.kernel_space() == nullptr) return "kernel: no kernel half\n";
    const mm::KernelSpace& kernel = *memory.kernel_space();
    std::string text;
    append(text, "kernel: {}, {} since boot; the root is frame {:#x}\n",
           counted(kernel.table_count().value(), "page table"), kernel.later_table_count().value(),
           kernel.root().value());
    const auto stretch = [&](const char* name, VirtRange range, std::uint64_t bytes) {
        append(text, "  {}  {:>6}  {}\n", range_text(range), size_text(bytes), name);
        Stretch(kernel, range).add_to(text);
    };
    const mm::Vmalloc& vmalloc = kernel.vmalloc();
    stretch("direct map: all of RAM", kernel.direct_map_range(), kernel.direct_map_range().size_bytes());
    stretch("vmalloc areas", vmalloc.range(), vmalloc.page_count().bytes());
    stretch("memory map: 64 bytes for each frame", kernel.memory_map_range(), kernel.memory_map_range().size_bytes());
    text += "  shared: each process's pgd has these entries\n";
    const auto root = memory.ram().table(kernel.root());
    for (unsigned i = 0; i < root.size(); ++i) {
        if (root[i].is_none()) continue;
        append(text, "    [{:>3}]  {:#018x}  {} -> table {:#x}\n", i, root[i].raw(), mm::pte_text(root[i]),
               root[i].pfn().value());
    }
    if (!vmalloc.areas().empty()) text += "  vmalloc areas, as /proc/vmallocinfo has them\n" + proc_vmallocinfo(memory);
    return text;
}

}  // namespace fl::kernel
