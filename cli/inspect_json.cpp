#include "cli/inspect_json.hpp"

#include "kernel/inspect_data.hpp"
#include "mm/file_identity.hpp"
#include "mm/fragmentation.hpp"
#include "mm/kernel_space.hpp"
#include "mm/reclaimer.hpp"
#include "mm/slab/slab_allocator.hpp"
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

Json kernel_mapping_or_null(const mm::PhysicalMemory& memory, VirtAddr address) {
    const auto found = kernel::kernel_mapping_at(memory, address);
    if (!found) return {};
    return {{"start", hex(found->range.start)}, {"end", hex(found->range.end)}, {"name", found->what}};
}

// A table that is kept for a large page has no place yet, and one of the kernel half is nobody's.
void add_table(Json& row, const kernel::TableUse& table) {
    row["pid"] = table.pid != 0 ? Json(table.pid) : Json();
    row["level"] = table.is_kept() ? Json() : Json(table.level());
    row["addr"] = table.is_kept() ? Json() : Json(hex(table.range.start));
}

Json cache_name(const mm::KmemCache* cache) { return cache != nullptr ? Json(cache->name()) : Json(); }

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
        if (row.level > 2 || (row.level == 2 && !row.entry.is_large())) continue;
        const mm::Vma* vma = kernel::mapping_at(mm, address);
        rows.back()["mapping"] = vma != nullptr ? Json(mm.vma_name(*vma)) : Json();
    }
    return {{"root", tree.root.value()},
            {"tables", tree.table_count},
            {"left_out", tree.left_out},
            {"rows", std::move(rows)}};
}

Json buddy(const Inspection& machine) {
    constexpr double one = 1000;
    const mm::PhysicalMemory& memory = machine.memory;
    const kernel::FreeBlocks blocks = kernel::free_blocks(memory.buddy());
    Json orders = Json::array();
    for (unsigned order = 0; order < blocks.size(); ++order) {
        Json firsts = Json::array();
        for (const Pfn first : blocks.at(order)) firsts.push_back(first.value());
        orders.push_back({{"order", order},
                          {"free", blocks.at(order).size()},
                          {"unusable", mm::unusable_free_index(memory.buddy(), order) / one},
                          {"extfrag", mm::fragmentation_index(memory.buddy(), order) / one},
                          {"blocks", std::move(firsts)}});
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
        if (run.table) add_table(row, *run.table);
        if (run.state == mm::FrameState::slab) row["cache"] = cache_name(run.cache);
        if (run.vmalloc != nullptr) {
            row["caller"] = run.vmalloc->caller;
            row["addr"] = hex(run.vmalloc->start);
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

Json slab(const Inspection& machine) {
    const mm::SlabAllocator* allocator = machine.memory.slab();
    if (allocator == nullptr) return {};
    Json caches = Json::array();
    for (const auto& cache : allocator->caches()) {
        const mm::Slab* first = kernel::first_slab(*cache);
        if (first == nullptr) continue;
        caches.push_back(
            {{"name", cache->name()},
             {"size", cache->layout().bytes},
             {"used", cache->object_count()},
             {"room", cache->room_count()},
             {"slabs", cache->slab_count()},
             {"partial", cache->partial_slab_count()},
             {"frames", cache->page_count().value()},
             {"first_slab", {{"frame", first->first.value()}, {"used", first->inuse}, {"objects", first->objects}}}});
    }
    return {{"frames", allocator->page_count().value()},
            {"reclaimable", allocator->reclaimable_page_count().value()},
            {"objects", allocator->object_count()},
            {"blocks", allocator->block_count()},
            {"without_slab", allocator->caches().size() - caches.size()},
            {"caches", std::move(caches)}};
}

// The pages of one size that a stretch of the kernel half is mapped with.
Json pages_of_size(std::uint64_t count, emu::Pte entry) {
    return {{"count", count}, {"bits", count > 0 ? Json(mm::pte_text(entry)) : Json()}};
}

Json kernel_half(const Inspection& machine) {
    const mm::KernelSpace* space = machine.memory.kernel_space();
    if (space == nullptr) return {};
    Json ranges = Json::array();
    for (const kernel::KernelStretch& stretch : kernel::kernel_stretches(*space)) {
        ranges.push_back({{"start", hex(stretch.range.start)},
                          {"end", hex(stretch.range.end)},
                          {"name", stretch.name},
                          {"used_bytes", stretch.used_bytes},
                          {"small_pages", pages_of_size(stretch.small_pages, stretch.small_entry)},
                          {"large_pages", pages_of_size(stretch.large_pages, stretch.large_entry)}});
    }
    Json shared = Json::array();
    const auto root = machine.memory.ram().table(space->root());
    for (std::size_t i = 0; i < root.size(); ++i) {
        if (root[i].is_none()) continue;
        shared.push_back({{"index", i},
                          {"entry", hex(root[i].raw())},
                          {"bits", mm::pte_text(root[i])},
                          {"table", root[i].pfn().value()}});
    }
    Json areas = Json::array();
    for (const auto& [start, area] : space->vmalloc().areas()) {
        areas.push_back({{"start", hex(start)},
                         {"end", hex(area.range().end)},
                         {"pages", area.pages.value()},
                         {"caller", area.caller}});
    }
    return {{"root", space->root().value()},
            {"tables", space->table_count().value()},
            {"tables_since_boot", space->later_table_count().value()},
            {"ranges", std::move(ranges)},
            {"shared", std::move(shared)},
            {"vmalloc", std::move(areas)}};
}

Json log_records(const Inspection& machine) {
    if (machine.log == nullptr) return {};
    Json records = Json::array();
    for (std::uint64_t at = machine.log->first_sequence(); at < machine.log->next_sequence(); ++at) {
        const kernel::LogRecord& record = *machine.log->find(at);
        records.push_back({{"seq", record.sequence},
                           {"time", record.time_ns},
                           {"facility", record.facility},
                           {"level", static_cast<unsigned>(record.level)},
                           {"text", record.text}});
    }
    return {{"pushed_out", machine.log->first_sequence()}, {"records", std::move(records)}};
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

Json json_eviction(const mm::EvictionEvent& event, std::uint64_t number) {
    const mm::PageName& page = event.page;
    return {{"number", number},
            {"reason", mm::reclaim_reason_name(event.reason)},
            {"for_fault", event.for_fault != 0 ? Json(event.for_fault) : Json()},
            {"page", page.id},
            {"pid", page.address ? Json(page.owner) : Json()},
            {"addr", page.address ? Json(hex(*page.address)) : Json()},
            {"file", page.file != nullptr ? Json(page.file->path) : Json()},
            {"file_page", page.file != nullptr ? Json(page.file_page) : Json()}};
}

Json json_borrower(const Inspection& machine, const kernel::Borrower& borrower) {
    const std::uint32_t lender = borrower.active_mm != nullptr ? machine.owner_of(*borrower.active_mm) : 0;
    return {{"pid", borrower.pid}, {"name", borrower.name}, {"active_mm", lender != 0 ? Json(lender) : Json()}};
}

}  // namespace

Json json_view(std::string_view view, const Inspection& machine, const InspectedProcess& process) {
    if (view == "maps") return maps(process);
    if (view == "mm") return mm_struct(process);
    if (view == "pagetable") return page_table(process);
    if (view == "buddy") return buddy(machine);
    if (view == "slab") return slab(machine);
    if (view == "frames") return frames(machine);
    if (view == "rmap") return rmap(machine);
    if (view == "swap") return swap(machine);
    if (view == "kernel") return kernel_half(machine);
    if (view == "log") return log_records(machine);
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
    const std::uint64_t frame = end.empty() ? levels.back().entry.pfn_at(address).address().value() : 0;
    walk["steps"] = std::move(steps);
    walk["phys"] = end.empty() ? Json(hex(frame + address.page_offset())) : Json();
    walk["ended"] = or_null(end);
    const bool is_user = address < mm::task_size;
    walk["mapping"] = is_user ? mapping_or_null(*process.mm, address) : kernel_mapping_or_null(machine.memory, address);
    walk["faults"] = is_user ? forecast(machine, *process.mm, address) : Json();
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
    if (const auto table = kernel::table_use(machine, pfn)) add_table(json["table"], *table);
    if (const auto place = kernel::slab_place(machine.memory, address)) {
        json["cache"] = cache_name(place->slab.cache);
        json["object"] = place->object ? Json(hex(*place->object)) : Json();
        json["in_use"] = place->object ? Json(place->in_use) : Json();
    }
    Json kernel_addresses = Json::array();
    for (const kernel::KernelAddress& at : kernel::kernel_addresses_of(machine.memory, address)) {
        kernel_addresses.push_back({{"addr", hex(at.address)}, {"name", at.what}});
    }
    json["kernel"] = std::move(kernel_addresses);
    Json mappings = Json::array();
    for (const kernel::FoundAt& at : kernel::all_mappings_of(machine, pfn)) {
        mappings.push_back({{"pid", at.process->pid},
                            {"addr", hex(at.page + (address.value() & page_mask))},
                            {"entry", hex(at.entry.raw())},
                            {"large", at.is_large},
                            {"mapping", mapping_or_null(*at.process->mm, at.page)}});
    }
    json["mappings"] = std::move(mappings);
    return json;
}

Json json_standing(const Inspection& machine, const StoppedAt& at, const StopPoint& point) {
    constexpr std::array letters{"r", "w", "x"};
    const InspectedProcess* current = machine.find(machine.current_pid);
    Json fault;
    if (const mm::FaultEvent* event = at.fault) {
        fault = {{"seq", event->sequence},
                 {"kind", mm::fault_kind_name(event->kind)},
                 {"access", letters.at(event->access == emu::Access::read    ? 0
                                       : event->access == emu::Access::write ? 1
                                                                             : 2)},
                 {"addr", hex(event->address)}};
    }
    return {{"fault", std::move(fault)},
            {"eviction", at.eviction != nullptr ? json_eviction(*at.eviction, *point.eviction) : Json()},
            {"borrower", machine.borrower ? json_borrower(machine, *machine.borrower) : Json()},
            {"pid", current != nullptr ? Json(current->pid) : Json()},
            {"program", current != nullptr ? Json(current->name) : Json()},
            {"instructions", machine.instructions > 0 ? Json(machine.instructions) : Json()},
            {"time", machine.time_ns}};
}

std::string json_line(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace) + '\n'; }

}  // namespace fl::cli
