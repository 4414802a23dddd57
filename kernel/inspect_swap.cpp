// inspect.hpp: what reclaim works on: swap, and the replacement policy's lists.
#include "kernel/inspect.hpp"
#include "kernel/inspect_data.hpp"
#include "kernel/mangle.hpp"
#include "mm/print_to.hpp"
#include "mm/reclaimer.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

std::string file_page_text(const mm::File& file, std::uint64_t page) {
    const std::string& path = file.identity().path;
    return fmt::format("{} page {}", mangled(path.substr(path.rfind('/') + 1), "\n"), page);
}

std::string owner_text(const SlotOwner& owner) {
    if (owner.entry) return fmt::format("{}:{:#x}", owner.entry->pid, owner.entry->address.value());
    return file_page_text(*owner.file, owner.file_page);
}

std::string place_of(const Inspection& machine, Pfn pfn) {
    const auto mappings = mappings_of(machine, pfn);
    std::string text;
    if (const mm::File* file = file_of(machine.memory.frames()[pfn])) {
        text = file_page_text(*file, machine.memory.frames()[pfn].anchor.index());
    }
    for (const MappedAt& at : mappings)
        print_to(text, "{}{}:{:#x}", text.empty() ? "" : ", ", at.pid, at.address.value());
    return text.empty() ? "nobody maps it" : text;
}

}  // namespace

std::map<std::uint64_t, std::vector<SlotOwner>> slot_owners(const Inspection& machine) {
    std::map<std::uint64_t, std::vector<SlotOwner>> owners;
    for (const InspectedProcess& process : machine.processes) {
        if (machine.owner_of(*process.mm) != process.pid) continue;
        const VirtRange everything{VirtAddr(0), mm::task_size};
        process.mm->page_table().for_each_entry(everything, [&](VirtAddr at, const emu::Pte& pte) {
            if (pte.is_swapped()) owners[pte.slot().value()].push_back({.entry = MappedAt{process.pid, at}});
        });
    }
    for (const auto& file : machine.files) {
        for (const auto& [page, slot] : file->swapped_pages()) {
            owners[slot.value()].push_back({.entry = {}, .file = file.get(), .file_page = page});
        }
    }
    return owners;
}

const mm::SwapDevice* swap_of(const Inspection& machine) {
    const mm::Reclaimer* reclaimer = machine.memory.reclaimer();
    const mm::SwapDevice* swap = reclaimer != nullptr ? reclaimer->swap() : nullptr;
    return swap != nullptr && swap->slot_count() != PageCount(0) ? swap : nullptr;
}

std::string show_swap(const Inspection& machine) {
    const mm::SwapDevice* swap = swap_of(machine);
    if (swap == nullptr) return "swap: none\n";
    std::string text;
    print_to(text, "swap: {} of 4 KiB in {}, {} used, {} of these only beside a frame; {}, {}\n",
             counted(swap->slot_count().value(), "slot"), swap->file().empty() ? "memory" : mangled(swap->file(), "\n"),
             swap->used_slot_count().value(), swap->spare_slot_count().value(), counted(swap->counters().reads, "read"),
             counted(swap->counters().writes, "write"));
    if (swap->used_slot_count() == PageCount(0)) return text;
    print_to(text, "  {:>6} {:>4}  {:<10}  {}\n", "slot", "refs", "frame", "whose (process:address)");
    const auto owners = slot_owners(machine);
    swap->for_each_used([&](mm::SwapSlot slot) {
        const auto frame = swap->frame(slot);
        print_to(text, "  {:>6} {:>4}  {:<10}  ", slot.value(), swap->references(slot),
                 frame ? fmt::format("{:#x}", frame->value()) : "-");
        std::string whose;
        if (const auto found = owners.find(slot.value()); found != owners.end()) {
            for (const SlotOwner& owner : found->second) {
                print_to(whose, "{}{}", whose.empty() ? "" : ", ", owner_text(owner));
            }
        }
        if (frame) print_to(whose, "{}in memory: {}", whose.empty() ? "" : "; ", place_of(machine, *frame));
        text += whose;
        end_line(text);
    });
    return text;
}

std::string show_lists(const Inspection& machine) {
    const mm::Reclaimer* reclaimer = machine.memory.reclaimer();
    if (reclaimer == nullptr) return "lists: nobody reclaims\n";
    const replacement::PolicyInfo& info = reclaimer->policy_info();
    std::string text;
    print_to(text, "lists: policy {} ({}), {} of user pages", info.name, info.title,
             counted(reclaimer->frames().value(), "frame"));
    if (const auto limit = reclaimer->frame_limit()) print_to(text, ", {} at most", limit->value());
    text += "\n";
    reclaimer->for_each_pool([&](const mm::MmStruct* mm, std::uint64_t resident, const std::string& state) {
        const std::string whose = mm != nullptr ? fmt::format("process {}", machine.owner_of(*mm)) : "all";
        print_to(text, "  {}: {} resident{}{}\n", whose, counted(resident, "page"), state.empty() ? "" : "; ", state);
    });
    print_to(text, "  {:>6}  {:<10} {:<5}  {:<38}  {}\n", "page", "frame", "flags", "whose (process:address)",
             "the policy says");
    reclaimer->for_each_page([&](mm::PageId page, std::optional<Pfn> pfn) {
        const std::string said = reclaimer->policy_says_of(page);
        // Of pages that have left only what the policy still knows.
        if (!pfn && said.empty()) return;
        print_to(text, "  {:>6}  {:<10} {:<5}  {:<38}  {}", page, pfn ? fmt::format("{:#x}", pfn->value()) : "-",
                 pfn ? frame_letters(machine.memory, *pfn) : "", pfn ? place_of(machine, *pfn) : "has left memory",
                 said);
        end_line(text);
    });
    print_to(text, "{}\n", frame_letters_legend);
    return text;
}

}  // namespace fl::kernel
