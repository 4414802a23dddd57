#include "kernel/mapping_changes.hpp"

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t syscall_instruction_bytes = 2;

void note(System& system, mm::MappingChange change) {
    if (change.range.start >= change.range.end) return;
    change.instruction = VirtAddr(system.task.registers.rip - syscall_instruction_bytes);
    change.time_ns = system.clock.elapsed_ns();
    system.task.mm->history().note(change);
}

using Effect = mm::MappingChange::Effect;

}  // namespace

MappedParts::MappedParts(mm::MmStruct& mm, VirtRange range) {
    if (range.start >= range.end) return;
    const mm::Vma* vma = mm.vmas().find_intersection(range);
    for (; vma != nullptr && vma->start() < range.end; vma = vma->next()) {
        const VirtRange part{std::max(vma->start(), range.start), std::min(vma->end(), range.end)};
        if (count_ > 0 && parts_[count_ - 1].end == part.start) {
            parts_[count_ - 1].end = part.end;
        } else if (count_ < most) {
            parts_[count_++] = part;
        } else {
            return;
        }
    }
}

void note_mapped(System& system, const char* call, VirtRange range, std::uint64_t prot) {
    note(system, {.effect = Effect::mapped, .call = call, .range = range, .prot = prot});
}

void note_unmapped(System& system, const char* call, const MappedParts& parts) {
    for (const VirtRange& part : parts) note(system, {.effect = Effect::unmapped, .call = call, .range = part});
}

void note_protected(System& system, const char* call, VirtRange range, std::uint64_t prot) {
    note(system, {.effect = Effect::protected_, .call = call, .range = range, .prot = prot});
}

void note_remapped(System& system, VirtRange from, VirtRange to) {
    constexpr const char* call = "mremap";
    if (from.start != to.start) {
        note(system, {.effect = Effect::moved_away, .call = call, .range = from, .moved_to = to});
        note(system, {.effect = Effect::mapped, .call = call, .range = to});
    } else if (to.end > from.end) {
        note(system, {.effect = Effect::mapped, .call = call, .range = VirtRange{from.end, to.end}});
    } else {
        note(system, {.effect = Effect::unmapped, .call = call, .range = VirtRange{to.end, from.end}});
    }
}

}  // namespace fl::kernel
