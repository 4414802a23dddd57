#include "emu/tlb_fill.hpp"

#include "emu/current_instruction.hpp"
#include "emu/reference_reporter.hpp"
#include "emu/unicorn_error.hpp"
#include "emu/unicorn_registers.hpp"

namespace fl::emu {

void TlbFill::attach(uc_engine* engine) {
    engine_ = engine;
    uc_hook hook = 0;
    must(uc_hook_add(engine, &hook, UC_HOOK_TLB_FILL, reinterpret_cast<void*>(&on_tlb_fill), this, 1, 0), "a TLB hook");
}

void TlbFill::set_root(Pfn root) {
    if (root == root_) return;
    root_ = root;
    stale_ = true;
}

void TlbFill::flush() {
    must(uc_ctl_flush_tlb(engine_), "to flush the TLB");
    mmu_.ram().cached_translations().note_flushed();
    stale_ = false;
    ++stats_.flushes;
}

bool TlbFill::on_tlb_fill(uc_engine*, std::uint64_t address, uc_mem_type type, uc_tlb_entry* entry,
                          void* user_data) noexcept {
    const Access access = type == UC_MEM_WRITE ? Access::write : type == UC_MEM_FETCH ? Access::execute : Access::read;
    return static_cast<TlbFill*>(user_data)->fill(VirtAddr(address), access, *entry);
}

bool TlbFill::fill(VirtAddr page, Access access, uc_tlb_entry& entry) {
    ++stats_.fills;
    if (!page.canonical()) {
        PageFault access_there{page, access, Mode::user, 0, this};
        access_there.address = locate(access_there);
        access_there.locator = nullptr;
        exit_ = Exit{Exit::Reason::exception, non_canonical_vector(page, access), access_there};
        return false;
    }
    auto translation = mmu_.translate(root_, page, access, Mode::user);
    if (!translation && access == Access::read && current_instruction_writes(page)) {
        // Unicorn reads before it writes; a processor faults once, for the write.
        access = Access::write;
        translation = mmu_.translate(root_, page, access, Mode::user);
    }
    for (unsigned handled = 0; !translation; ++handled) {
        FL_ASSERT(handled < PageFaultHandler::max_faults_per_access);
        if (reporter_ != nullptr) reporter_->flush_references();
        PageFault fault{page, access, Mode::user, translation.error(), this};
        const FaultOutcome outcome = handler_.handle_page_fault(fault);
        if (outcome == FaultOutcome::fatal) {
            fault.address = locate(fault);
            fault.locator = nullptr;
            if (!exit_.has_value()) exit_ = Exit{Exit::Reason::fault, Vector::page_fault, fault};
            return false;
        }
        if (outcome == FaultOutcome::retry_tlb_stale) stale_ = true;
        translation = mmu_.translate(root_, page, access, Mode::user);
    }
    bool writable = translation->writable;
    // EXEC only where a fetch asks for it: an executable TLB entry sends every store through the slow path.
    bool executable = access == Access::execute;
    CodeFrames& code = mmu_.ram().code_frames();
    if (executable) {
        if (code.is_stale(translation->pfn)) {
            wants_retranslation_ = true;
            return false;
        }
        if (code.note_fetched(translation->pfn) == CodeFrames::OtherEntry::may_exist) stale_ = true;
    } else if (writable && code.was_fetched(translation->pfn)) {
        // Stores to translated code. Through an executable entry Unicorn sees each of them; through another only the
        // first, so that what was translated has to go before the next fetch. A read need not grant the write yet.
        if (translation->executable) {
            executable = true;
        } else if (access == Access::write) {
            if (code.note_writable(translation->pfn) == CodeFrames::OtherEntry::may_exist) stale_ = true;
        } else {
            writable = false;
        }
    } else if (writable) {
        (void)code.note_writable(translation->pfn);
    }
    if (writable) mmu_.ram().written_frames().note_written(translation->pfn);
    const bool grows = stats_.fills >= next_growth_;
    if (grows) {
        growth_distance_ *= 2;
        next_growth_ = stats_.fills + growth_distance_;
    }
    if (stale_ || grows) {
        flush();
        mmu_.ram().cached_translations().note_walked(translation->pfn);
        if (!executable) keep_code_page();
    }
    if (reporter_ != nullptr) reporter_->note_filled(translation->pfn);
    entry.paddr = translation->pfn.address().value();
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | (writable ? UC_PROT_WRITE : 0) | (executable ? UC_PROT_EXEC : 0));
    return true;
}

InstructionAttempt TlbFill::attempt() const {
    std::uint64_t rip = 0;
    must(uc_reg_read(engine_, UC_X86_REG_RIP, &rip), "to read RIP");
    return {VirtAddr(rip), retired_ != nullptr ? *retired_ : 0};
}

std::uint64_t TlbFill::registers_hash() const {
    Registers registers;
    load_registers(engine_, registers);
    // FNV-1a, word by word.
    constexpr std::uint64_t basis = 0xcbf2'9ce4'8422'2325, prime = 0x100'0000'01b3;
    std::uint64_t hash = basis;
    for (const std::uint64_t value :
         {registers.rax, registers.rbx, registers.rcx, registers.rdx, registers.rsi, registers.rdi, registers.rbp,
          registers.rsp, registers.r8, registers.r9, registers.r10, registers.r11, registers.r12, registers.r13,
          registers.r14, registers.r15, registers.rip}) {
        hash = (hash ^ value) * prime;
    }
    return hash;
}

void TlbFill::keep_code_page() {
    const Pte pte = mmu_.peek(root_, attempt().address);
    // Of a page that was moved to another frame, what executes is the old one.
    const CodeFrames& code = mmu_.ram().code_frames();
    const VirtAddr address = attempt().address;
    const bool executes =
        pte.is_present() && code.was_fetched(pte.pfn_at(address)) && !code.is_stale(pte.pfn_at(address));
    if (executes && pte.accessed()) {
        mmu_.ram().cached_translations().note_walked(pte.pfn_at(address));
    } else {
        wants_restart_ = true;
    }
}

VirtAddr TlbFill::locate(const PageFault& fault) const {
    Registers registers;
    load_registers(engine_, registers);
    return CurrentInstruction(mmu_, root_, registers, decoder_).address_in(fault.address.page_floor(), fault.access);
}

bool TlbFill::current_instruction_writes(VirtAddr page) const {
    Registers registers;
    registers.rip = attempt().address.value();
    const CurrentInstruction instruction(mmu_, root_, registers, decoder_);
    // All of the registers cost more than the instruction's bytes, and most that read do not write.
    if (!instruction.writes_memory()) return false;
    load_registers(engine_, registers);
    return instruction.writes(page);
}

// #SS for an access through the stack segment, else #GP.
Vector TlbFill::non_canonical_vector(VirtAddr page, Access access) const {
    if (access == Access::execute) return Vector::general_protection;
    Registers registers;
    load_registers(engine_, registers);
    const CurrentInstruction instruction(mmu_, root_, registers, decoder_);
    return instruction.reaches_through_stack_segment(page) ? Vector::stack_fault : Vector::general_protection;
}

}  // namespace fl::emu
