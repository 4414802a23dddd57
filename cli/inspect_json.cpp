#include "cli/inspect_json.hpp"

#include "kernel/inspect_data.hpp"
#include "mm/reclaimer.hpp"
#include "trace/table_tree.hpp"

#include <fmt/format.h>

#include <array>

namespace fl::cli {

namespace {

using kernel::InspectedProcess;
using kernel::Inspection;

std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }
std::string hex(VirtAddr address) { return hex(address.value()); }

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json json_of(const mm::File* file) { return file != nullptr ? Json(file->identity().path) : Json(); }

Json json_of(const std::vector<kernel::MappedAt>& mappings) {
    Json list = Json::array();
    for (const kernel::MappedAt& at : mappings) list.push_back({{"pid", at.pid}, {"addr", hex(at.address)}});
    return list;
}

Json mapping(const mm::MmStruct& mm, const mm::Vma& vma) {
    return {{"start", hex(vma.start())},
            {"end", hex(vma.end())},
            {"prot", mm::protection_string(vma.flags())},
            {"name", mm.vma_name(vma)}};
}

Json mapping_or_null(const mm::MmStruct& mm, VirtAddr address) {
    const mm::Vma* vma = kernel::mapping_at(mm, address);
    return vma != nullptr ? mapping(mm, *vma) : Json();
}

Json maps(const InspectedProcess& process) {
    const mm::MmStruct& mm = *process.mm;
    const kernel::Residency all = kernel::residency(mm, VirtRange{VirtAddr(0), mm::task_size});
    Json rows = Json::array();
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) {
        const kernel::Residency here = kernel::residency(mm, vma->range());
        Json row = mapping(mm, *vma);
        row["pages"] = vma->page_count().value();
        row["in_memory"] = here.in_memory;
        row["zero_page"] = here.zero_page;
        row["in_swap"] = here.in_swap;
        row["offset"] = vma->file() != nullptr ? Json(hex(vma->pgoff() << page_shift)) : Json();
        rows.push_back(std::move(row));
    }
    return {{"pages", mm.vm().total.value()},
            {"in_memory", all.in_memory},
            {"zero_page", all.zero_page},
            {"in_swap", all.in_swap},
            {"mappings", std::move(rows)}};
}

Json mm_struct(const InspectedProcess& process) {
    const mm::MmStruct& mm = *process.mm;
    const mm::ImageBounds& bounds = mm.bounds();
    const mm::VmCounters& vm = mm.vm();
    const mm::RssCounters& rss = mm.rss();
    Json auxv = Json::array();
    const auto& saved = mm.saved_auxv();
    for (std::size_t i = 0; i + 1 < saved.size() && saved[i] != 0; i += 2) {
        auxv.push_back({{"type", saved[i]}, {"value", hex(saved[i + 1])}});
    }
    return {{"task_size", hex(mm::task_size)},
            {"highest_vm_end", hex(mm.highest_vm_end())},
            {"mmap_base", hex(mm.mmap_base())},
            {"start_code", hex(bounds.start_code)},
            {"end_code", hex(bounds.end_code)},
            {"start_data", hex(bounds.start_data)},
            {"end_data", hex(bounds.end_data)},
            {"start_brk", hex(mm.start_brk())},
            {"brk", hex(mm.brk())},
            {"start_stack", hex(bounds.start_stack)},
            {"arg_start", hex(bounds.arg_start)},
            {"arg_end", hex(bounds.arg_end)},
            {"env_start", hex(bounds.env_start)},
            {"env_end", hex(bounds.env_end)},
            {"def_flags", hex(mm.def_flags().bits())},
            {"mm_users", mm.mm_users()},
            {"mm_count", mm.mm_count()},
            {"map_count", mm.map_count()},
            {"pgd", mm.page_table().root().value()},
            {"pgtables_bytes", mm.pgtables_bytes()},
            {"total_vm", vm.total.value()},
            {"hiwater_vm", mm.hiwater_vm().value()},
            {"data_vm", vm.data.value()},
            {"exec_vm", vm.exec.value()},
            {"stack_vm", vm.stack.value()},
            {"shared_vm", mm.shared_vm().value()},
            {"locked_vm", vm.locked.value()},
            {"pinned_vm", mm::MmStruct::pinned_vm().value()},
            {"rss_anon", rss.anonymous.value()},
            {"rss_file", rss.file.value()},
            {"rss_shmem", rss.shared_memory.value()},
            {"swap_entries", mm.swap_entries().value()},
            {"hiwater_rss", mm.hiwater_rss().value()},
            {"saved_auxv", std::move(auxv)}};
}

// Rows as a trace's event page_tables has them, with the name of the mapping.
Json page_table(const InspectedProcess& process) {
    const mm::MmStruct& mm = *process.mm;
    const trace::TableTree tree = trace::table_tree(mm.page_table(), process.pid);
    Json rows = Json::array();
    for (const trace::TableRow& row : tree.rows) {
        const VirtAddr address(row.page << page_shift);
        rows.push_back(
            {{"level", row.level}, {"addr", hex(address)}, {"count", row.count}, {"entry", hex(row.entry.raw())}});
        if (row.level > 1) continue;
        const mm::Vma* vma = kernel::mapping_at(mm, address);
        rows.back()["mapping"] = vma != nullptr ? Json(mm.vma_name(*vma)) : Json();
    }
    return {{"root", tree.root.value()},
            {"tables", tree.table_count},
            {"left_out", tree.left_out},
            {"rows", std::move(rows)}};
}

Json buddy(const Inspection& machine) {
    const mm::PhysicalMemory& memory = machine.memory;
    const kernel::FreeBlocks blocks = kernel::free_blocks(memory.frames());
    Json orders = Json::array();
    for (std::size_t order = 0; order < blocks.size(); ++order) {
        Json firsts = Json::array();
        for (const Pfn first : blocks.at(order)) firsts.push_back(first.value());
        orders.push_back({{"order", order}, {"free", blocks.at(order).size()}, {"blocks", std::move(firsts)}});
    }
    return {{"frames", memory.buddy().managed_page_count().value()},
            {"free", memory.buddy().free_page_count().value()},
            {"longest_free_run", kernel::longest_free_run(memory.frames())},
            {"orders", std::move(orders)}};
}

Json frames(const Inspection& machine) {
    Json runs = Json::array();
    for (const kernel::FrameRun& run : kernel::frame_runs(machine)) {
        Json row{{"first", run.first.value()}, {"count", run.count}, {"state", kernel::frame_state_name(run.state)}};
        if (run.is_user()) {
            row["references"] = run.references;
            row["mappings"] = run.mappings;
            row["flags"] = run.letters;
            row["file"] = json_of(run.file);
            row["file_page"] = run.file != nullptr ? Json(run.file_page) : Json();
            row["pid"] = run.mapped ? Json(run.mapped->pid) : Json();
            row["addr"] = run.mapped ? Json(hex(run.mapped->address)) : Json();
        }
        if (run.table) {
            row["pid"] = run.table->pid;
            row["level"] = run.table->level();
            row["addr"] = hex(run.table->range.start);
        }
        runs.push_back(std::move(row));
    }
    return {{"frames", machine.memory.frames().page_count().value()},
            {"in_use", machine.memory.used_page_count().value()},
            {"runs", std::move(runs)}};
}

Json rmap(const Inspection& machine) {
    Json runs = Json::array();
    for (const kernel::MappedRun& run : kernel::mapped_runs(machine)) {
        runs.push_back({{"first", run.first.value()},
                        {"count", run.count},
                        {"state", kernel::frame_state_name(run.state)},
                        {"mappings", json_of(run.mappings)}});
    }
    return {{"runs", std::move(runs)}};
}

Json swap(const Inspection& machine) {
    const mm::SwapDevice* device = kernel::swap_of(machine);
    if (device == nullptr) return {};
    const auto owners = kernel::slot_owners(machine);
    Json slots = Json::array();
    device->for_each_used([&](mm::SwapSlot slot) {
        const auto frame = device->frame(slot);
        Json whose = Json::array();
        if (const auto found = owners.find(slot.value()); found != owners.end()) {
            for (const kernel::SlotOwner& owner : found->second) {
                whose.push_back(owner.entry ? Json{{"pid", owner.entry->pid}, {"addr", hex(owner.entry->address)}}
                                            : Json{{"file", json_of(owner.file)}, {"file_page", owner.file_page}});
            }
        }
        slots.push_back({{"slot", slot.value()},
                         {"references", device->references(slot)},
                         {"frame", frame ? Json(frame->value()) : Json()},
                         {"owners", std::move(whose)}});
    });
    return {{"slots", device->slot_count().value()},
            {"used", device->used_slot_count().value()},
            {"spare", device->spare_slot_count().value()},
            {"file", or_null(device->file())},
            {"reads", device->counters().reads},
            {"writes", device->counters().writes},
            {"in_use", std::move(slots)}};
}

Json lists(const Inspection& machine) {
    const mm::Reclaimer* reclaimer = machine.memory.reclaimer();
    if (reclaimer == nullptr) return {};
    Json pools = Json::array();
    reclaimer->for_each_pool([&](const mm::MmStruct* mm, std::uint64_t resident, const std::string& state) {
        pools.push_back({{"pid", mm != nullptr ? Json(machine.owner_of(*mm)) : Json()},
                         {"resident", resident},
                         {"state", or_null(state)}});
    });
    Json pages = Json::array();
    reclaimer->for_each_page([&](mm::PageId page, std::optional<Pfn> pfn) {
        const std::string said = reclaimer->policy_says_of(page);
        // As in the text: of pages that have left only what the policy still knows.
        if (!pfn && said.empty()) return;
        const mm::File* file = pfn ? kernel::file_of(machine.memory.frames()[*pfn]) : nullptr;
        pages.push_back({{"page", page},
                         {"frame", pfn ? Json(pfn->value()) : Json()},
                         {"flags", pfn ? Json(kernel::frame_letters(machine.memory, *pfn)) : Json()},
                         {"file", json_of(file)},
                         {"file_page", file != nullptr ? Json(machine.memory.frames()[*pfn].anchor.index()) : Json()},
                         {"mappings", pfn ? json_of(kernel::mappings_of(machine, *pfn)) : Json::array()},
                         {"policy_says", or_null(said)}});
    });
    const auto limit = reclaimer->frame_limit();
    return {{"policy", reclaimer->policy_info().name},
            {"frames", reclaimer->frames().value()},
            {"frame_limit", limit ? Json(limit->value()) : Json()},
            {"pools", std::move(pools)},
            {"pages", std::move(pages)}};
}

// What each access would lead to; null: no fault.
Json forecast(const Inspection& machine, const mm::MmStruct& mm, VirtAddr address) {
    const auto kind_of = [&](emu::Access access) {
        const auto kind = machine.faults.forecast(mm, address, access);
        return kind ? Json(mm::fault_kind_name(*kind)) : Json();
    };
    return {{"read", kind_of(emu::Access::read)},
            {"write", kind_of(emu::Access::write)},
            {"fetch", kind_of(emu::Access::execute)}};
}

}  // namespace

Json json_view(std::string_view view, const Inspection& machine, const InspectedProcess& process) {
    if (view == "maps") return maps(process);
    if (view == "mm") return mm_struct(process);
    if (view == "pagetable") return page_table(process);
    if (view == "buddy") return buddy(machine);
    if (view == "frames") return frames(machine);
    if (view == "rmap") return rmap(machine);
    if (view == "swap") return swap(machine);
    return lists(machine);
}

Json json_walk(const Inspection& machine, const InspectedProcess& process, VirtAddr address) {
    Json walk{{"addr", hex(address)}, {"canonical", address.canonical()}};
    if (!address.canonical()) return walk;
    Json steps = Json::array();
    const std::vector<mm::LevelStep> levels = mm::walk_levels(process.mm->page_table(), address);
    for (const mm::LevelStep& step : levels) {
        steps.push_back({{"level", step.level},
                         {"table", step.table.value()},
                         {"index", step.index},
                         {"entry", hex(step.entry.raw())},
                         {"bits", mm::pte_text(step.entry)}});
    }
    const std::string end = kernel::end_of_walk(levels.back());
    const std::uint64_t frame = end.empty() ? levels.back().entry.pfn().address().value() : 0;
    walk["steps"] = std::move(steps);
    walk["phys"] = end.empty() ? Json(hex(frame + address.page_offset())) : Json();
    walk["ended"] = or_null(end);
    walk["mapping"] = mapping_or_null(*process.mm, address);
    walk["faults"] = address < mm::task_size ? forecast(machine, *process.mm, address) : Json();
    return walk;
}

Json json_physical(const Inspection& machine, PhysAddr address) {
    Json json{{"addr", hex(address.value())}, {"frame", nullptr}};
    const Pfn pfn = address.pfn();
    if (pfn.value() >= machine.memory.total_page_count().value()) return json;
    const mm::Frame& frame = machine.memory.frames()[pfn];
    const mm::File* file = kernel::file_of(frame);
    json["frame"] = pfn.value();
    json["state"] = kernel::frame_state_name(frame.state);
    json["file"] = json_of(file);
    json["file_page"] = file != nullptr ? Json(frame.anchor.index()) : Json();
    if (frame.state == mm::FrameState::anonymous || file != nullptr) {
        const auto slot = frame.swap_slot();
        json["references"] = frame.reference_count;
        json["map_count"] = frame.map_count;
        json["flags"] = kernel::frame_letters(machine.memory, pfn);
        json["slot"] = slot ? Json(slot->value()) : Json();
    }
    Json mappings = Json::array();
    for (const kernel::FoundAt& at : kernel::all_mappings_of(machine, pfn)) {
        mappings.push_back({{"pid", at.process->pid},
                            {"addr", hex(at.page + (address.value() & page_mask))},
                            {"entry", hex(at.entry.raw())},
                            {"mapping", mapping_or_null(*at.process->mm, at.page)}});
    }
    json["mappings"] = std::move(mappings);
    return json;
}

Json json_standing(const Inspection& machine, const mm::FaultEvent* event) {
    constexpr std::array letters{"r", "w", "x"};
    const InspectedProcess* current = machine.find(machine.current_pid);
    Json fault;
    if (event != nullptr) {
        fault = {{"seq", event->sequence},
                 {"kind", mm::fault_kind_name(event->kind)},
                 {"access", letters.at(event->access == emu::Access::read    ? 0
                                       : event->access == emu::Access::write ? 1
                                                                             : 2)},
                 {"addr", hex(event->address)}};
    }
    return {{"fault", std::move(fault)},
            {"pid", current != nullptr ? Json(current->pid) : Json()},
            {"program", current != nullptr ? Json(current->name) : Json()},
            {"instructions", machine.instructions > 0 ? Json(machine.instructions) : Json()},
            {"time", machine.time_ns}};
}

std::string json_line(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n'; }

}  // namespace fl::cli
