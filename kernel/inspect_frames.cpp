// inspect.hpp: the frame table, and from frames back to addresses.
#include "kernel/inspect.hpp"
#include "kernel/inspect_text.hpp"
#include "kernel/mangle.hpp"
#include "mm/kernel_space.hpp"
#include "mm/page_walk_text.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <algorithm>
#include <unordered_map>

namespace fl::kernel {

namespace {

using mm::FrameState;

// Which table of which process; of the kernel half: 0.
struct TableUse {
    std::uint32_t pid;
    VirtRange range;
};
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
    if (use.range.empty()) return fmt::format("kept by process {} for the day when a large page is split", use.pid);
    unsigned level = 1;
    while (use.range.size_bytes() > page_size << (9 * level)) ++level;
    const std::string whose = use.pid != 0 ? fmt::format("process {}", use.pid) : "the kernel";
    return fmt::format("{} of {}, {}", mm::level_name(level), whose, range_text(use.range));
}

std::string file_name(const mm::File& file) {
    const std::string& path = file.identity().path;
    return mangled(path.substr(path.rfind('/') + 1), "\n");
}

// ", of vm_area_struct, object 0xffff888000012340 in use".
std::string slab_text(const mm::Slab& slab, PhysAddr address) {
    if (slab.cache == nullptr)
        return fmt::format(", a block of {} of kmalloc's", counted(slab.page_count().value(), "frame"));
    const VirtAddr at = mm::direct_map_address(address);
    const auto object = slab.cache->object_at(at);
    if (!object) return fmt::format(", of {}, behind its last object", slab.cache->name());
    return fmt::format(", of {}, object {:#x} {}", slab.cache->name(), object->value(),
                       slab.cache->is_in_use(*object) ? "in use" : "free");
}

// What one frame is used for, as far as neighbours can have it in common.
struct Use {
    FrameState state;
    std::uint32_t references, mappings;
    std::string letters;
    const mm::File* file;
    std::uint64_t file_page;
    std::optional<MappedAt> mapped;  // of private pages
    const mm::VmallocArea* vmalloc = nullptr;
    const mm::KmemCache* cache = nullptr;  // of a slab's
};

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

std::string vmalloc_text(const mm::VmallocArea& area) {
    return fmt::format("{}, {}", area.caller, range_text(area.range()));
}

class FrameView {
public:
    explicit FrameView(const Inspection& machine)
        : machine_(machine), tables_(all_tables(machine)), vmalloc_(all_vmalloc_frames(machine.memory)) {}

    std::string text() {
        const mm::FrameTable& frames = machine_.memory.frames();
        append(text_, "frames: {} of 4 KiB, {} in use\n", frames.page_count().value(),
               machine_.memory.used_page_count().value());
        append(text_, "  {:<15} {:>7}  {:<10} {:>4} {:>4}  {:<5}  {}\n", "frames", "count", "state", "refs", "maps",
               "flags", "whose");
        for (std::uint64_t i = 0; i < frames.page_count().value(); ++i) {
            const Use use = use_of(Pfn(i));
            if (count_ == 0 || !continues(use, Pfn(i))) {
                flush();
                first_ = Pfn(i);
                run_ = use;
            }
            ++count_;
        }
        flush();
        append(text_, "{}\n", frame_letters_legend);
        return std::move(text_);
    }

private:
    Use use_of(Pfn pfn) const {
        const mm::Frame& frame = machine_.memory.frames()[pfn];
        Use use{.state = frame.state,
                .references = frame.reference_count,
                .mappings = frame.map_count,
                .letters = "",
                .file = file_of(frame),
                .file_page = 0,
                .mapped = {}};
        if (frame.state == FrameState::slab) use.cache = frame.slab()->cache;
        if (use.file != nullptr) use.file_page = frame.anchor.index();
        if (const auto found = vmalloc_.find(pfn); found != vmalloc_.end()) use.vmalloc = found->second;
        if (use.file != nullptr || frame.state == FrameState::anonymous) {
            use.letters = frame_letters(machine_.memory, pfn);
        }
        if (frame.state == FrameState::anonymous) {
            const auto mappings = mappings_of(machine_, pfn);
            if (!mappings.empty()) use.mapped = mappings.front();
        }
        return use;
    }

    bool continues(const Use& use, Pfn pfn) const {
        // What a table covers is its own.
        if (use.state != run_.state || is_table(use.state)) return false;
        if (use.state == FrameState::free) return true;
        if (use.vmalloc != run_.vmalloc) return false;
        const bool alike = use.references == run_.references && use.mappings == run_.mappings &&
                           use.letters == run_.letters && use.file == run_.file && use.cache == run_.cache &&
                           use.mapped.has_value() == run_.mapped.has_value();
        if (!alike) return false;
        const std::uint64_t pages = pfn - first_;
        if (use.file != nullptr && use.file_page != run_.file_page + pages) return false;
        return !use.mapped || *use.mapped == MappedAt{run_.mapped->pid, run_.mapped->address + pages * page_size};
    }

    std::string whose() const {
        if (is_table(run_.state)) {
            const auto found = tables_.find(first_);
            return found != tables_.end() ? table_text(found->second) : "";
        }
        if (run_.file != nullptr) {
            const std::uint64_t last = run_.file_page + count_ - 1;
            return count_ == 1 ? fmt::format("{} page {}", file_name(*run_.file), run_.file_page)
                               : fmt::format("{} pages {}-{}", file_name(*run_.file), run_.file_page, last);
        }
        if (run_.vmalloc != nullptr) return vmalloc_text(*run_.vmalloc);
        if (run_.state == FrameState::slab) return run_.cache != nullptr ? run_.cache->name() : "kmalloc, a block";
        if (run_.state != FrameState::anonymous) return "";
        if (!run_.mapped) return "swap cache";
        const VirtAddr start = run_.mapped->address;
        return fmt::format("process {} {}{}", run_.mapped->pid, range_text({start, start + count_ * page_size}),
                           run_.mappings > 1 ? " and others" : "");
    }

    void flush() {
        if (count_ == 0) return;
        const bool is_user = run_.file != nullptr || run_.state == FrameState::anonymous;
        append(text_, "  {:<15} {:>7}  {:<10} ", frames_text(first_.value(), first_.value() + count_ - 1), count_,
               frame_state_name(run_.state));
        if (is_user) {
            append(text_, "{:>4} {:>4}  {:<5}  ", run_.references, run_.mappings, run_.letters);
        } else {
            append(text_, "{:>4} {:>4}  {:<5}  ", "", "", "");
        }
        text_ += whose();
        end_line(text_);
        count_ = 0;
    }

    const Inspection& machine_;
    Tables tables_;
    VmallocFrames vmalloc_;
    std::string text_;
    Pfn first_{};
    std::uint64_t count_ = 0;
    Use run_{};
};

// "2:0x404000, 4:0x404000", or with more than one page "2:0x404000-0x406000, ...".
std::string mappings_text(const std::vector<MappedAt>& mappings, std::uint64_t pages) {
    std::string text;
    for (const MappedAt& at : mappings) {
        if (!text.empty()) text += ", ";
        const std::uint64_t start = at.address.value();
        append(text, "{}:{:#x}", at.pid, start);
        if (pages > 1) append(text, "-{:#x}", start + pages * page_size);
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

std::string show_frames(const Inspection& machine) { return FrameView(machine).text(); }

std::string show_rmap(const Inspection& machine) {
    const mm::FrameTable& frames = machine.memory.frames();
    std::string rows;
    std::uint64_t mapped = 0, count = 0;
    Pfn first{};
    FrameState state{};
    std::vector<MappedAt> run;
    const auto flush = [&] {
        if (count == 0) return;
        append(rows, "  {:<15} {:>6}  {:<10} {:>4}  {}\n", frames_text(first.value(), first.value() + count - 1), count,
               frame_state_name(state), run.size(), mappings_text(run, count));
        count = 0;
    };
    for (std::uint64_t i = 0; i < frames.page_count().value(); ++i) {
        std::vector<MappedAt> mappings = mappings_of(machine, Pfn(i));
        if (mappings.empty()) {
            flush();
            continue;
        }
        ++mapped;
        if (count == 0 || frames[Pfn(i)].state != state || !follows(mappings, run, count)) {
            flush();
            first = Pfn(i);
            state = frames[first].state;
            run = std::move(mappings);
        }
        ++count;
    }
    flush();
    std::string text;
    append(text, "rmap: {} of user pages mapped\n", counted(mapped, "frame"));
    append(text, "  {:<15} {:>6}  {:<10} {:>4}  {}\n", "frames", "count", "state", "maps", "process:address");
    return text + rows;
}

std::string show_physical(const Inspection& machine, PhysAddr address) {
    std::string text;
    append(text, "phys: {:#x}: ", address.value());
    const Pfn pfn = address.pfn();
    if (pfn.value() >= machine.memory.total_page_count().value()) {
        append(text, "no memory: RAM ends at {:#x}\n", machine.memory.total_page_count().bytes());
        return text;
    }
    const mm::Frame& frame = machine.memory.frames()[pfn];
    append(text, "frame {:#x}, {}", pfn.value(), frame_state_name(frame.state));
    if (frame.state == FrameState::slab) text += slab_text(*frame.slab(), address);
    if (const mm::File* file = file_of(frame)) append(text, ", {} page {}", file_name(*file), frame.anchor.index());
    if (frame.state == FrameState::anonymous || file_of(frame) != nullptr) {
        append(text, ", {}, {}, {}", counted(frame.reference_count, "reference"), counted(frame.map_count, "mapping"),
               frame_letters(machine.memory, pfn));
        if (const auto slot = frame.swap_slot()) append(text, ", swap slot {}", slot->value());
    }
    text += "\n";
    if (const mm::KernelSpace* kernel = machine.memory.kernel_space()) {
        append(text, "  the kernel    {:#x}  direct map\n", mm::direct_map_address(address).value());
        kernel->for_each_page([&](VirtAddr at, emu::Pte pte, std::uint64_t size_bytes) {
            if (mm::is_direct_map_address(at) || pte.pfn() > pfn || pfn - pte.pfn() >= size_bytes / page_size) return;
            const mm::VmallocArea* area = kernel->vmalloc().find(at);
            append(text, "  the kernel    {:#x}  {}\n", (at + (address - pte.pfn().address())).value(),
                   area != nullptr ? "vmalloc, " + area->caller : "memory map");
        });
    }
    if (is_table(frame.state)) {
        const Tables tables = all_tables(machine);
        if (const auto found = tables.find(pfn); found != tables.end()) {
            append(text, "  {}\n", table_text(found->second));
        }
        return text;
    }
    const std::uint64_t offset = address.value() & page_mask;
    std::uint64_t found = 0;
    for (const InspectedProcess& process : machine.processes) {
        if (machine.owner_of(*process.mm) != process.pid) continue;
        process.mm->page_table().for_each_entry(
            VirtRange{VirtAddr(0), mm::task_size}, [&](VirtAddr at, emu::Pte entry) {
                // Of a large page the 4 KiB that the frame is.
                const std::uint64_t index = entry.is_large() ? pfn.value() % emu::large_page_frames : 0;
                at = at + index * page_size;
                const emu::Pte pte = entry.is_resident() ? entry.at(at) : entry;
                if (!pte.is_resident() || pte.pfn() != pfn) return;
                ++found;
                const mm::Vma* vma = process.mm->vmas().find(at);
                append(text, "  process {} ({})  {:#x}  {}  {}{}\n", process.pid, process.name, at.value() + offset,
                       mm::pte_letters(pte), vma != nullptr ? vma_text(*process.mm, *vma) : "no mapping",
                       entry.is_large() ? ", in a large page" : "");
            });
    }
    const bool is_in_kernel_half = machine.memory.kernel_space() != nullptr;
    if (found == 0)
        text += is_in_kernel_half ? "  no program's address leads to it\n" : "  no virtual address leads to it\n";
    return text;
}

}  // namespace fl::kernel
