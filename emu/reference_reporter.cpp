#include "emu/reference_reporter.hpp"

#include "emu/unicorn_error.hpp"

#include <algorithm>
#include <limits>

namespace fl::emu {

ReferenceReporter::ReferenceReporter(uc_engine* engine, Mmu& mmu, ReferenceObserver& observer)
    : engine_(engine), mmu_(mmu), observer_(observer) {
    uc_hook hook = 0;
    must(uc_hook_add(engine, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, reinterpret_cast<void*>(&on_memory), this, 1,
                     0),
         "a memory hook");
}

void ReferenceReporter::on_memory(uc_engine*, uc_mem_type type, std::uint64_t address, int size_bytes, std::int64_t,
                                  void* user_data) noexcept {
    static_cast<ReferenceReporter*>(user_data)->report_data(type == UC_MEM_WRITE ? Access::write : Access::read,
                                                            PhysAddr(address), static_cast<std::uint64_t>(size_bytes));
}

void ReferenceReporter::report_data(Access access, PhysAddr address, std::uint64_t size_bytes) {
    const Pfn pfn = address.pfn();
    add(pfn, access);
    const bool aligned = (address.value() & (size_bytes - 1)) == 0;
    if (aligned) return;
    const bool straddles = address.page_offset() + size_bytes > page_size;
    // Split are stores over a page's end and, where code may have been translated from the frame, all unaligned ones.
    if (access == Access::write && (straddles || mmu_.ram().code_frames().was_fetched(pfn))) wants_restart_ = true;
    if (!straddles) return;
    straddling_ = access;
    fills_to_second_page_ = access == Access::write ? 1 : 2;
    must(uc_ctl_flush_tlb(engine_), "to flush the TLB");
}

bool ReferenceReporter::report_block(Pfn root, VirtAddr start, std::uint32_t size_bytes) {
    if (wants_restart_) return false;
    const VirtAddr last = start + (std::max(size_bytes, 1U) - 1);
    const bool straddles = last.vpn() != start.vpn();
    const CodePage* first = find_code(root, start);
    const CodePage* second = straddles ? find_code(root, last) : first;
    if (first == nullptr || second == nullptr) {
        must(uc_ctl_flush_tlb(engine_), "to flush the TLB");
        wants_restart_ = true;
        return false;
    }
    // The observer is to have heard of the block before, unless this one's reference goes with that.
    if (first->pfn != pfn_ || access_ != Access::execute) tell();
    if (wants_stop_) return false;
    add(first->pfn, Access::execute);
    if (straddles) add(second->pfn, Access::execute);
    return true;
}

// Null where the page is not there.
const ReferenceReporter::CodePage* ReferenceReporter::find_code(Pfn root, VirtAddr address) {
    CodePage& page = code_pages_[address.vpn().value() % code_pages_.size()];
    if (page.vpn != address.vpn()) {
        const Pte pte = mmu_.peek(root, address);
        if (!pte.is_present()) return nullptr;
        page = CodePage{address.vpn(), pte.pfn_at(address)};
    }
    return &page;
}

void ReferenceReporter::add(Pfn pfn, Access access) {
    if (count_ != 0 && pfn == pfn_ && access == access_ && count_ < std::numeric_limits<std::uint32_t>::max()) {
        ++count_;
        return;
    }
    tell();
    pfn_ = pfn;
    access_ = access;
    count_ = 1;
}

void ReferenceReporter::tell() {
    if (count_ != 0 && observer_.on_reference(pfn_, access_, count_) == AfterReference::stop_soon) wants_stop_ = true;
    count_ = 0;
}

void ReferenceReporter::flush_references() {
    tell();
    wants_stop_ = false;
    code_pages_.fill(CodePage{});
}

void ReferenceReporter::note_run_ended() {
    flush_references();
    fills_to_second_page_ = 0;
}

}  // namespace fl::emu
