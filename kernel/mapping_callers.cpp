#include "kernel/mapping_callers.hpp"

#include "mm/mm_struct.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <span>
#include <utility>

namespace fl::kernel {

namespace {

constexpr std::uint64_t syscall_instruction_bytes = 2;

// As far as it is in memory. No VMA is looked for, which would count.
std::size_t copy_stack(const emu::Ram& ram, const mm::PageTable& table, VirtAddr top, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto at = top.checked_add(done);
        const emu::Pte* entry = at && *at < mm::task_size ? table.find(*at) : nullptr;
        if (entry == nullptr || !entry->is_resident()) break;
        const std::size_t part = std::min<std::size_t>(into.size() - done, page_size - at->page_offset());
        const auto bytes = ram.frame(entry->pfn()).subspan(at->page_offset(), part);
        std::copy(bytes.begin(), bytes.end(), into.begin() + static_cast<std::ptrdiff_t>(done));
        done += part;
    }
    return done;
}

}  // namespace

void MappingCallers::on_mappings(std::uint32_t /*process*/, const mm::MmStruct& mm, VirtRange changed) noexcept {
    const std::uint64_t since_ns = std::exchange(told_ns_, clock_.elapsed_ns());
    if (changed.empty() || registers_ == nullptr) return;
    try {
        std::array<std::byte, stack_bytes> stack;
        const std::size_t size = copy_stack(ram_, mm.page_table(), VirtAddr(registers_->rsp), stack);
        newest_ = entries_.size() < capacity ? entries_.size() : (newest_ + 1) % capacity;
        if (newest_ == entries_.size()) entries_.emplace_back();
        Entry& entry = entries_[newest_];
        entry.since_ns = since_ns;
        entry.until_ns = told_ns_;
        entry.site.registers = *registers_;
        entry.site.stack.assign(stack.begin(), stack.begin() + static_cast<std::ptrdiff_t>(size));
    } catch (const std::exception&) {
        // No memory left: nobody will know who called.
    }
}

const CallSite* MappingCallers::find(const mm::MappingChange& change) const {
    const std::uint64_t behind_call = change.instruction.value() + syscall_instruction_bytes;
    for (const Entry& entry : entries_) {
        const bool is_then = entry.since_ns < change.time_ns && change.time_ns <= entry.until_ns;
        if (is_then && entry.site.registers.rip == behind_call) return &entry.site;
    }
    return nullptr;
}

}  // namespace fl::kernel
