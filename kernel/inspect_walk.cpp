// inspect.hpp: one address, through all levels of the page table.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "mm/kernel_space.hpp"
#include "mm/print_to.hpp"

#include <fmt/format.h>

#include <array>

namespace fl::kernel {

namespace {

using emu::Access;
using emu::PteKind;
using mm::FaultKind;

void add_step(std::string& text, const mm::LevelStep& step) {
    print_to(text, "  {}  table {:#8x}  [{:>3}]  {:#018x}  {}", mm::level_name(step.level), step.table.value(),
             step.index, step.entry.raw(), mm::pte_text(step.entry));
    if (step.entry.is_resident()) {
        print_to(text, " -> {} {:#x}", step.is_leaf() ? "frame" : "table", step.entry.pfn().value());
    }
    end_line(text);
}

void add_mapping(std::string& text, const mm::MmStruct& mm, VirtAddr address) {
    if (const mm::Vma* vma = mapping_at(mm, address)) {
        print_to(text, "  mapping: {} {} {}", range_text(vma->range()), mm::protection_string(vma->flags()),
                 vma_text(mm, *vma));
        if (vma->file() != nullptr) print_to(text, ", page {} of the file", vma->page_index(address));
        text += "\n";
    } else {
        text += "  mapping: none\n";
    }
}

void add_forecast(std::string& text, const Inspection& machine, const mm::MmStruct& mm, VirtAddr address) {
    struct Question {
        Access access;
        const char* name;
    };
    constexpr std::array questions{Question{Access::read, "a read"}, Question{Access::write, "a write"},
                                   Question{Access::execute, "a fetch"}};
    for (const auto& [access, name] : questions) {
        const auto kind = machine.faults.forecast(mm, address, access);
        if (kind) {
            print_to(text, "  {:<7}: fault {}: {}\n", name, mm::fault_kind_name(*kind), fault_outcome(*kind));
        } else {
            print_to(text, "  {:<7}: no fault\n", name);
        }
    }
}

}  // namespace

const char* fault_outcome(FaultKind kind) {
    switch (kind) {
        case FaultKind::demand_zero: return "it would get a frame full of zeroes";
        case FaultKind::zero_page: return "the shared page of zeroes would stand in, read-only";
        case FaultKind::zero_upgrade: return "it would get a frame of its own in place of the page of zeroes";
        case FaultKind::file_minor: return "the page is in the page cache and would be mapped";
        case FaultKind::file_major: return "the page would be read from its file";
        case FaultKind::cow: return "it would get a copy of its own";
        case FaultKind::cow_reuse: return "nobody else has the page: it would become writable in place";
        case FaultKind::write_notify: return "noted for writing back, and writable from then on";
        case FaultKind::swap_in: return "the page would come back from swap";
        case FaultKind::stack_grow: return "the stack would grow down to it";
        case FaultKind::spurious: return "the entry allows it already";
        case FaultKind::userfault: return "a userfaultfd would be asked";
        case FaultKind::segv_maperr: return "no mapping: SIGSEGV (SEGV_MAPERR)";
        case FaultKind::segv_accerr: return "the mapping forbids it: SIGSEGV (SEGV_ACCERR)";
        case FaultKind::sigbus: return "no page stands behind it: SIGBUS";
        case FaultKind::poisoned: return "called unreadable by a userfaultfd: SIGBUS";
        case FaultKind::oom: return "no frame is left";
    }
    return "";
}

std::string end_of_walk(const mm::LevelStep& last) {
    if (!last.is_leaf()) {
        return fmt::format("no {} table: none of the {} around it has ever been touched",
                           mm::level_name(last.level - 1),
                           last.level == 2   ? "2 MiB"
                           : last.level == 3 ? "1 GiB"
                                             : "512 GiB");
    }
    switch (last.entry.kind()) {
        case PteKind::none: return "no page: the entry is empty";
        case PteKind::swapped: return fmt::format("the page is in swap, slot {}", last.entry.slot().value());
        case PteKind::guard: return "a guard (MADV_GUARD_INSTALL)";
        case PteKind::write_protected: return "no page, and the first write is to be told to a userfaultfd";
        case PteKind::poisoned: return "called unreadable by a userfaultfd";
        case PteKind::prot_none: return fmt::format("frame {:#x}, hidden by PROT_NONE", last.entry.pfn().value());
        case PteKind::present: break;
    }
    return "";
}

const mm::Vma* mapping_at(const mm::MmStruct& mm, VirtAddr address) {
    const mm::Vma* vma = address < mm::task_size ? mm.vmas().find(address) : nullptr;
    return vma != nullptr && vma->start() <= address ? vma : nullptr;
}

std::optional<KernelMapping> kernel_mapping_at(const mm::PhysicalMemory& memory, VirtAddr address) {
    const mm::KernelSpace* kernel = memory.kernel_space();
    if (kernel == nullptr) return std::nullopt;
    if (kernel->direct_map_range().contains(address)) return KernelMapping{kernel->direct_map_range(), "direct map"};
    if (const VirtRange map = kernel->memory_map_range(); map.contains(address)) {
        const std::uint64_t frame = (address - map.start) / sizeof(mm::Frame);
        return KernelMapping{map, fmt::format("memory map, struct page of frame {:#x}", frame)};
    }
    if (const mm::VmallocArea* area = kernel->vmalloc().find(address)) {
        return KernelMapping{area->range(), "vmalloc, " + area->caller};
    }
    return std::nullopt;
}

std::string show_walk(const Inspection& machine, const InspectedProcess& process, VirtAddr address) {
    std::string text;
    print_to(text, "walk: {:#x} in process {} ({})\n", address.value(), process.pid, process.name);
    if (!address.canonical()) {
        text += "  not canonical: bits 63 to 47 are not all equal, so that any access is a general protection fault\n";
        return text;
    }
    const std::vector<mm::LevelStep> steps = mm::walk_levels(process.mm->page_table(), address);
    for (const mm::LevelStep& step : steps) add_step(text, step);
    const mm::LevelStep& last = steps.back();
    if (last.is_leaf() && last.entry.is_present()) {
        const Pfn pfn = last.entry.pfn_at(address);
        const mm::Frame& frame = machine.memory.frames()[pfn];
        print_to(text, "  physical: {:#x}, {}", pfn.address().value() + address.page_offset(),
                 frame_state_name(frame.state));
        if (machine.memory.counts_mappings(pfn)) {
            print_to(text, " frame with {} and {}", counted(frame.reference_count, "reference"),
                     counted(frame.map_count, "mapping"));
        }
        text += "\n";
    } else {
        print_to(text, "  physical: none: {}\n", end_of_walk(last));
    }
    if (address >= mm::task_size) {
        const auto mapping = kernel_mapping_at(machine.memory, address);
        print_to(text, "  mapping: {}\n",
                 mapping ? fmt::format("{} {}", range_text(mapping->range), mapping->what) : "none");
        text += "  the kernel's half: any access by the program is SIGSEGV\n";
        return text;
    }
    add_mapping(text, *process.mm, address);
    add_forecast(text, machine, *process.mm, address);
    return text;
}

}  // namespace fl::kernel
