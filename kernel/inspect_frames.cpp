// inspect.hpp: the frame table, and from frames back to addresses.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "kernel/mangle.hpp"
#include "mm/kernel_space.hpp"
#include "mm/print_to.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace fl::kernel {

namespace {

using mm::FrameState;

using Tables = std::unordered_map<Pfn, TableUse>;

Tables all_tables(const Inspection& machine) {
    Tables tables;
    for (const InspectedProcess& process : machine.processes) {
        process.mm->page_table().for_each_table([&](Pfn table, VirtRange range) {
            tables.try_emplace(table, TableUse{process.pid, range});
        });
        for (const Pfn table : process.mm->page_table().deposited()) {
            tables.try_emplace(table, TableUse{process.pid, VirtRange{}});
        }
    }
    if (const mm::KernelSpace* kernel = machine.memory.kernel_space()) {
        kernel->for_each_table([&](Pfn table, unsigned, VirtRange range) {
            tables.try_emplace(table, TableUse{0, range});
        });
    }
    return tables;
}

bool is_table(FrameState state) { return state == FrameState::page_table || state == FrameState::kernel_table; }

std::string table_text(const TableUse& use) {
    if (use.is_kept()) return fmt::format("kept by process {} for the day when a large page is split", use.pid);
    const std::string whose = use.pid != 0 ? fmt::format("process {}", use.pid) : "the kernel";
    return fmt::format("{} of {}, {}", mm::level_name(use.level()), whose, range_text(use.range));
}

std::string file_name(const mm::File& file) {
    const std::string& path = file.identity().path;
    return mangled(path.substr(path.rfind('/') + 1), "\n");
}

// ", of vm_area_struct, object 0xffff888000012340 in use".
std::string slab_text(const SlabPlace& place) {
    const mm::Slab& slab = place.slab;
    if (slab.cache == nullptr)
        return fmt::format(", a block of {} of kmalloc's", counted(slab.page_count().value(), "frame"));
    if (!place.object) return fmt::format(", of {}, behind its last object", slab.cache->name());
    return fmt::format(", of {}, object {:#x} {}", slab.cache->name(), place.object->value(),
                       place.in_use ? "in use" : "free");
}

using VmallocFrames = std::unordered_map<Pfn, const mm::VmallocArea*>;

VmallocFrames all_vmalloc_frames(const mm::PhysicalMemory& memory) {
    VmallocFrames frames;
    const mm::KernelSpace* kernel = memory.kernel_space();
    if (kernel == nullptr) return frames;
    for (const auto& [start, area] : kernel->vmalloc().areas()) {
        for (std::uint64_t page = 0; page < area.pages.value(); ++page) {
            if (const auto at = kernel->translate(start + page * page_size)) frames.emplace(at->pfn(), &area);
        }
    }
    return frames;
}

// What is known of frames that the frame table does not say.
struct Known {
    explicit Known(const Inspection& machine)
        : tables(all_tables(machine)), vmalloc(all_vmalloc_frames(machine.memory)) {}

    Tables tables;
    VmallocFrames vmalloc;
};

// What one frame is used for.
FrameRun use_of(const Inspection& machine, const Known& known, Pfn pfn) {
    const mm::Frame& frame = machine.memory.frames()[pfn];
    FrameRun use{.first = pfn,
                 .count = 1,
                 .state = frame.state,
                 .references = frame.reference_count,
                 .mappings = frame.map_count,
                 .letters = {},
                 .file = file_of(frame),
                 .mapped = {},
                 .table = {}};
    if (frame.state == FrameState::slab && frame.slab() != nullptr) use.cache = frame.slab()->cache;
    if (const auto found = known.vmalloc.find(pfn); found != known.vmalloc.end()) use.vmalloc = found->second;
    if (use.file != nullptr) use.file_page = frame.anchor.index();
    if (use.is_user()) use.letters = frame_letters(machine.memory, pfn);
    if (frame.state == FrameState::anonymous) {
        const auto mappings = mappings_of(machine, pfn);
        if (!mappings.empty()) use.mapped = mappings.front();
    }
    if (is_table(frame.state)) {
        if (const auto found = known.tables.find(pfn); found != known.tables.end()) use.table = found->second;
    }
    return use;
}

bool continues(const FrameRun& run, const FrameRun& use) {
    // What a table covers is its own.
    if (use.state != run.state || is_table(use.state)) return false;
    if (use.state == FrameState::free) return true;
    const bool alike = use.references == run.references && use.mappings == run.mappings && use.letters == run.letters &&
                       use.file == run.file && use.vmalloc == run.vmalloc && use.cache == run.cache &&
                       use.mapped.has_value() == run.mapped.has_value();
    if (!alike) return false;
    if (use.file != nullptr && use.file_page != run.file_page + run.count) return false;
    return !use.mapped || *use.mapped == MappedAt{run.mapped->pid, run.mapped->address + run.count * page_size};
}

std::string whose(const FrameRun& run) {
    if (run.table) return table_text(*run.table);
    if (run.file != nullptr) {
        const std::uint64_t last = run.file_page + run.count - 1;
        return run.count == 1 ? fmt::format("{} page {}", file_name(*run.file), run.file_page)
                              : fmt::format("{} pages {}-{}", file_name(*run.file), run.file_page, last);
    }
    if (run.vmalloc != nullptr) return fmt::format("{}, {}", run.vmalloc->caller, range_text(run.vmalloc->range()));
    if (run.state == FrameState::slab) return run.cache != nullptr ? run.cache->name() : "kmalloc, a block";
    if (run.state != FrameState::anonymous) return "";
    if (!run.mapped) return "swap cache";
    const VirtAddr start = run.mapped->address;
    return fmt::format("process {} {}{}", run.mapped->pid, range_text({start, start + run.count * page_size}),
                       run.mappings > 1 ? " and others" : "");
}

// "2:0x404000, 4:0x404000", or with more than one page "2:0x404000-0x406000, ...".
std::string mappings_text(const std::vector<MappedAt>& mappings, std::uint64_t pages) {
    std::string text;
    for (const MappedAt& at : mappings) {
        if (!text.empty()) text += ", ";
        const std::uint64_t start = at.address.value();
        print_to(text, "{}:{:#x}", at.pid, start);
        if (pages > 1) print_to(text, "-{:#x}", start + pages * page_size);
    }
    return text;
}

bool follows(const std::vector<MappedAt>& next, const std::vector<MappedAt>& first, std::uint64_t pages) {
    return std::equal(next.begin(), next.end(), first.begin(), first.end(),
                      [pages](const MappedAt& a, const MappedAt& b) {
                          return a == MappedAt{b.pid, b.address + pages * page_size};
                      });
}

}  // namespace

unsigned TableUse::level() const {
    unsigned level = 1;
    while (range.size_bytes() > page_size << (9 * level)) ++level;
    return level;
}

std::vector<FrameRun> frame_runs(const Inspection& machine) {
    const Known known(machine);
    std::vector<FrameRun> runs;
    for (std::uint64_t i = 0; i < machine.memory.frames().page_count().value(); ++i) {
        FrameRun use = use_of(machine, known, Pfn(i));
        if (!runs.empty() && continues(runs.back(), use)) {
            ++runs.back().count;
        } else {
            runs.push_back(std::move(use));
        }
    }
    return runs;
}

std::string show_frames(const Inspection& machine) {
    std::string text;
    print_to(text, "frames: {} of 4 KiB, {} in use\n", machine.memory.frames().page_count().value(),
             machine.memory.used_page_count().value());
    print_to(text, "  {:<15} {:>7}  {:<10} {:>4} {:>4}  {:<5}  {}\n", "frames", "count", "state", "refs", "maps",
             "flags", "whose");
    for (const FrameRun& run : frame_runs(machine)) {
        print_to(text, "  {:<15} {:>7}  {:<10} ", frames_text(run.first.value(), run.first.value() + run.count - 1),
                 run.count, frame_state_name(run.state));
        if (run.is_user()) {
            print_to(text, "{:>4} {:>4}  {:<5}  ", run.references, run.mappings, run.letters);
        } else {
            print_to(text, "{:>4} {:>4}  {:<5}  ", "", "", "");
        }
        text += whose(run);
        end_line(text);
    }
    print_to(text, "{}\n", frame_letters_legend);
    return text;
}

std::vector<MappedRun> mapped_runs(const Inspection& machine) {
    const mm::FrameTable& frames = machine.memory.frames();
    std::vector<MappedRun> runs;
    for (std::uint64_t i = 0; i < frames.page_count().value(); ++i) {
        std::vector<MappedAt> mappings = mappings_of(machine, Pfn(i));
        if (mappings.empty()) continue;
        const bool has_run = !runs.empty() && runs.back().first + runs.back().count == Pfn(i);
        if (has_run && frames[Pfn(i)].state == runs.back().state &&
            follows(mappings, runs.back().mappings, runs.back().count)) {
            ++runs.back().count;
        } else {
            runs.push_back({Pfn(i), 1, frames[Pfn(i)].state, std::move(mappings)});
        }
    }
    return runs;
}

std::string show_rmap(const Inspection& machine) {
    std::string rows;
    std::uint64_t mapped = 0;
    for (const MappedRun& run : mapped_runs(machine)) {
        mapped += run.count;
        print_to(rows, "  {:<15} {:>6}  {:<10} {:>4}  {}\n",
                 frames_text(run.first.value(), run.first.value() + run.count - 1), run.count,
                 frame_state_name(run.state), run.mappings.size(), mappings_text(run.mappings, run.count));
    }
    std::string text;
    print_to(text, "rmap: {} of user pages mapped\n", counted(mapped, "frame"));
    print_to(text, "  {:<15} {:>6}  {:<10} {:>4}  {}\n", "frames", "count", "state", "maps", "process:address");
    return text + rows;
}

std::vector<FoundAt> all_mappings_of(const Inspection& machine, Pfn pfn) {
    std::vector<FoundAt> found;
    for (const InspectedProcess& process : machine.processes) {
        if (machine.owner_of(*process.mm) != process.pid) continue;
        const VirtRange everything{VirtAddr(0), mm::task_size};
        process.mm->page_table().for_each_entry(everything, [&](VirtAddr start, const emu::Pte& entry) {
            if (!entry.is_resident()) return;
            // Of a large page the 4 KiB that the frame can be.
            const std::uint64_t index = entry.is_large() ? pfn.value() % emu::large_page_frames : 0;
            const VirtAddr at = start + index * page_size;
            if (entry.pfn_at(at) == pfn) found.push_back({&process, at, entry.at(at), entry.is_large()});
        });
    }
    return found;
}

std::vector<KernelAddress> kernel_addresses_of(const mm::PhysicalMemory& memory, PhysAddr address) {
    std::vector<KernelAddress> found;
    const mm::KernelSpace* kernel = memory.kernel_space();
    if (kernel == nullptr) return found;
    const Pfn pfn = address.pfn();
    found.push_back({mm::direct_map_address(address), "direct map"});
    kernel->for_each_page([&](VirtAddr at, emu::Pte pte, std::uint64_t size_bytes) {
        if (mm::is_direct_map_address(at) || pte.pfn() > pfn || pfn - pte.pfn() >= size_bytes / page_size) return;
        const mm::VmallocArea* area = kernel->vmalloc().find(at);
        found.push_back(
            {at + (address - pte.pfn().address()), area != nullptr ? "vmalloc, " + area->caller : "memory map"});
    });
    return found;
}

std::optional<SlabPlace> slab_place(const mm::PhysicalMemory& memory, PhysAddr address) {
    const mm::Frame& frame = memory.frames()[address.pfn()];
    if (frame.state != FrameState::slab || frame.slab() == nullptr) return std::nullopt;
    SlabPlace place{.slab = *frame.slab(), .object = {}};
    const mm::KmemCache* cache = place.slab.cache;
    if (cache != nullptr) place.object = cache->object_at(mm::direct_map_address(address));
    place.in_use = place.object && cache->is_in_use(*place.object);
    return place;
}

std::optional<TableUse> table_use(const Inspection& machine, Pfn pfn) {
    if (!is_table(machine.memory.frames()[pfn].state)) return std::nullopt;
    const Tables tables = all_tables(machine);
    const auto found = tables.find(pfn);
    return found != tables.end() ? std::optional(found->second) : std::nullopt;
}

std::string show_physical(const Inspection& machine, PhysAddr address) {
    std::string text;
    print_to(text, "phys: {:#x}: ", address.value());
    const Pfn pfn = address.pfn();
    if (pfn.value() >= machine.memory.total_page_count().value()) {
        print_to(text, "no memory: RAM ends at {:#x}\n", machine.memory.total_page_count().bytes());
        return text;
    }
    const mm::Frame& frame = machine.memory.frames()[pfn];
    print_to(text, "frame {:#x}, {}", pfn.value(), frame_state_name(frame.state));
    if (const auto place = slab_place(machine.memory, address)) text += slab_text(*place);
    if (const mm::File* file = file_of(frame)) print_to(text, ", {} page {}", file_name(*file), frame.anchor.index());
    if (frame.state == FrameState::anonymous || file_of(frame) != nullptr) {
        print_to(text, ", {}, {}, {}", counted(frame.reference_count, "reference"), counted(frame.map_count, "mapping"),
                 frame_letters(machine.memory, pfn));
        if (const auto slot = frame.swap_slot()) print_to(text, ", swap slot {}", slot->value());
    }
    text += "\n";
    for (const KernelAddress& at : kernel_addresses_of(machine.memory, address)) {
        print_to(text, "  the kernel    {:#x}  {}\n", at.address.value(), at.what);
    }
    if (is_table(frame.state)) {
        if (const auto table = table_use(machine, pfn)) print_to(text, "  {}\n", table_text(*table));
        return text;
    }
    const std::uint64_t offset = address.value() & page_mask;
    const std::vector<FoundAt> found = all_mappings_of(machine, pfn);
    for (const FoundAt& at : found) {
        const mm::Vma* vma = at.process->mm->vmas().find(at.page);
        print_to(text, "  process {} ({})  {:#x}  {}  {}{}\n", at.process->pid, at.process->name,
                 at.page.value() + offset, mm::pte_letters(at.entry),
                 vma != nullptr ? vma_text(*at.process->mm, *vma) : "no mapping",
                 at.is_large ? ", in a large page" : "");
    }
    const bool is_in_kernel_half = machine.memory.kernel_space() != nullptr;
    if (found.empty()) {
        text += is_in_kernel_half ? "  no program's address leads to it\n" : "  no virtual address leads to it\n";
    }
    return text;
}

}  // namespace fl::kernel
