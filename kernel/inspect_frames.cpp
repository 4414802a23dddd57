// inspect.hpp: the frame table, and from frames back to addresses.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "kernel/mangle.hpp"

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
    }
    return tables;
}

std::string table_text(const TableUse& use) {
    return fmt::format("{} of process {}, {}", mm::level_name(use.level()), use.pid, range_text(use.range));
}

std::string file_name(const mm::File& file) {
    const std::string& path = file.identity().path;
    return mangled(path.substr(path.rfind('/') + 1), "\n");
}

// What one frame is used for.
FrameRun use_of(const Inspection& machine, const Tables& tables, Pfn pfn) {
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
    if (use.file != nullptr) use.file_page = frame.anchor.index();
    if (use.is_user()) use.letters = frame_letters(machine.memory, pfn);
    if (frame.state == FrameState::anonymous) {
        const auto mappings = mappings_of(machine, pfn);
        if (!mappings.empty()) use.mapped = mappings.front();
    }
    if (frame.state == FrameState::page_table) {
        if (const auto found = tables.find(pfn); found != tables.end()) use.table = found->second;
    }
    return use;
}

bool continues(const FrameRun& run, const FrameRun& use) {
    // What a table covers is its own.
    if (use.state != run.state || use.state == FrameState::page_table) return false;
    if (use.state == FrameState::free) return true;
    const bool alike = use.references == run.references && use.mappings == run.mappings && use.letters == run.letters &&
                       use.file == run.file && use.mapped.has_value() == run.mapped.has_value();
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

unsigned TableUse::level() const {
    unsigned level = 1;
    while (range.size_bytes() > page_size << (9 * level)) ++level;
    return level;
}

std::vector<FrameRun> frame_runs(const Inspection& machine) {
    const Tables tables = all_tables(machine);
    std::vector<FrameRun> runs;
    for (std::uint64_t i = 0; i < machine.memory.frames().page_count().value(); ++i) {
        FrameRun use = use_of(machine, tables, Pfn(i));
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
    append(text, "frames: {} of 4 KiB, {} in use\n", machine.memory.frames().page_count().value(),
           machine.memory.used_page_count().value());
    append(text, "  {:<15} {:>7}  {:<10} {:>4} {:>4}  {:<5}  {}\n", "frames", "count", "state", "refs", "maps", "flags",
           "whose");
    for (const FrameRun& run : frame_runs(machine)) {
        append(text, "  {:<15} {:>7}  {:<10} ", frames_text(run.first.value(), run.first.value() + run.count - 1),
               run.count, frame_state_name(run.state));
        if (run.is_user()) {
            append(text, "{:>4} {:>4}  {:<5}  ", run.references, run.mappings, run.letters);
        } else {
            append(text, "{:>4} {:>4}  {:<5}  ", "", "", "");
        }
        text += whose(run);
        end_line(text);
    }
    append(text, "{}\n", frame_letters_legend);
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
        append(rows, "  {:<15} {:>6}  {:<10} {:>4}  {}\n",
               frames_text(run.first.value(), run.first.value() + run.count - 1), run.count,
               frame_state_name(run.state), run.mappings.size(), mappings_text(run.mappings, run.count));
    }
    std::string text;
    append(text, "rmap: {} of user pages mapped\n", counted(mapped, "frame"));
    append(text, "  {:<15} {:>6}  {:<10} {:>4}  {}\n", "frames", "count", "state", "maps", "process:address");
    return text + rows;
}

std::vector<FoundAt> all_mappings_of(const Inspection& machine, Pfn pfn) {
    std::vector<FoundAt> found;
    for (const InspectedProcess& process : machine.processes) {
        if (machine.owner_of(*process.mm) != process.pid) continue;
        process.mm->page_table().for_each(VirtRange{VirtAddr(0), mm::task_size}, [&](VirtAddr at, const emu::Pte& pte) {
            if (pte.is_resident() && pte.pfn() == pfn) found.push_back({&process, at, pte});
        });
    }
    return found;
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
    if (const mm::File* file = file_of(frame)) append(text, ", {} page {}", file_name(*file), frame.anchor.index());
    if (frame.state == FrameState::anonymous || file_of(frame) != nullptr) {
        append(text, ", {}, {}, {}", counted(frame.reference_count, "reference"), counted(frame.map_count, "mapping"),
               frame_letters(machine.memory, pfn));
        if (const auto slot = frame.swap_slot()) append(text, ", swap slot {}", slot->value());
    }
    text += "\n";
    if (frame.state == FrameState::page_table) {
        const Tables tables = all_tables(machine);
        if (const auto found = tables.find(pfn); found != tables.end()) {
            append(text, "  {}\n", table_text(found->second));
        }
        return text;
    }
    const std::uint64_t offset = address.value() & page_mask;
    const std::vector<FoundAt> found = all_mappings_of(machine, pfn);
    for (const FoundAt& at : found) {
        const mm::Vma* vma = at.process->mm->vmas().find(at.page);
        append(text, "  process {} ({})  {:#x}  {}  {}\n", at.process->pid, at.process->name, at.page.value() + offset,
               mm::pte_letters(at.entry), vma != nullptr ? vma_text(*at.process->mm, *vma) : "no mapping");
    }
    if (found.empty()) text += "  no virtual address leads to it\n";
    return text;
}

}  // namespace fl::kernel
