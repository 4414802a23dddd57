#include "kernel/crash.hpp"

#include "kernel/peek.hpp"
#include "mm/mm_struct.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>

namespace fl::kernel {

namespace {

using Effect = mm::MappingChange::Effect;

bool same_signal(const SignalInfo& a, const SignalInfo& b) {
    return a.number == b.number && a.code == b.code && a.detail == b.detail && a.address == b.address;
}

// From its first argument to its answer everything is about one access.
class Examination {
public:
    Examination(const mm::MmStruct& mm, const CrashTrap& trap)
        : mm_(mm), trap_(trap), address_(trap.address), next_(find(address_)) {}

    Crash run() {
        Crash crash{.signal = trap_.signal.number,
                    .code = trap_.signal.code,
                    .reason = reason(),
                    .address = address_,
                    .access = trap_.access,
                    .instruction = VirtAddr(trap_.registers.rip),
                    .stack_pointer = VirtAddr(trap_.registers.rsp),
                    .stack_limit_bytes = mm_.limits().stack_bytes};
        add_neighbours(crash);
        crash.change = change_that_explains(crash.reason);
        if (holder() != nullptr && holder()->file() != nullptr) crash.file_bytes = holder()->file()->size_bytes();
        if (trap_.access == emu::Access::execute) crash.return_address = return_address();
        return crash;
    }

private:
    const mm::Vma* find(VirtAddr address) const { return address < mm::task_size ? mm_.vmas().find(address) : nullptr; }
    const mm::Vma* holder() const { return next_ != nullptr && next_->start() <= address_ ? next_ : nullptr; }
    const mm::Vma* below() const { return mm_.vmas().find_previous(address_); }
    bool is_write() const { return trap_.access == emu::Access::write; }
    bool is_fetch() const { return trap_.access == emu::Access::execute; }

    CrashReason reason() const {
        if (!trap_.kind) {
            if (address_ == VirtAddr(0)) return CrashReason::privileged;
            return address_.canonical() ? CrashReason::other : CrashReason::non_canonical;
        }
        if (address_ >= mm::task_size) return CrashReason::kernel_address;
        if (*trap_.kind == mm::FaultKind::sigbus) return reason_of_bus_error();
        if (*trap_.kind == mm::FaultKind::poisoned) return CrashReason::poisoned;
        return holder() != nullptr ? reason_inside(*holder()) : reason_outside();
    }

    CrashReason reason_of_bus_error() const {
        const mm::Vma* vma = holder();
        const bool is_past =
            vma != nullptr && vma->file() != nullptr && vma->page_index(address_) >= vma->file()->page_count().value();
        if (is_past) return CrashReason::past_file;
        if (vma == nullptr || vma->is_special()) return CrashReason::other;
        return vma->userfault() != nullptr ? CrashReason::poisoned : CrashReason::unreadable;
    }

    CrashReason reason_inside(const mm::Vma& vma) const {
        const emu::Pte* pte = mm_.page_table().find(address_);
        if (pte != nullptr && pte->is_guard()) return CrashReason::guard_page;
        if (!vma.is_accessible()) {
            return is_below_thread_stack(vma) ? CrashReason::thread_stack : CrashReason::inaccessible;
        }
        if (is_fetch() && !vma.flags().has(mm::vm_exec)) return CrashReason::not_executable;
        if (is_write() && !vma.flags().has(mm::vm_write)) return CrashReason::read_only;
        return CrashReason::other;
    }

    // Around the stack pointer, as far as code reaches from it, or below it as far as a large frame does.
    bool is_near_stack_pointer() const {
        const VirtAddr sp(trap_.registers.rsp);
        const std::uint64_t apart = sp > address_ ? sp - address_ : address_ - sp;
        return apart <= Crash::near_bytes;
    }

    // What pthread_create() leaves below a stack, and the mapping above it is that stack.
    bool is_below_thread_stack(const mm::Vma& guard) const {
        const mm::Vma* stack = guard.next();
        return stack != nullptr && stack->start() == guard.end() && stack->flags().has(mm::vm_write) &&
               is_near_stack_pointer();
    }

    CrashReason reason_outside() const {
        if (address_ < mm::mmap_min_addr) return CrashReason::null_pointer;
        const bool under_stack = next_ != nullptr && next_->flags().has(mm::vm_growsdown);
        if (under_stack && is_near_stack_pointer()) {
            const bool too_large = next_->end() - address_.page_floor() > mm_.limits().stack_bytes;
            return too_large ? CrashReason::stack_limit : CrashReason::stack_blocked;
        }
        if (change_that_explains(CrashReason::unmapped)) return CrashReason::unmapped;
        if (const mm::Vma* previous = below(); previous != nullptr && address_ - previous->end() < Crash::near_bytes) {
            return mm_.vma_name(*previous) == "[heap]" ? CrashReason::past_heap : CrashReason::past_mapping;
        }
        if (is_fetch()) return CrashReason::wild_jump;
        if (next_ != nullptr && next_->start() - address_ <= Crash::near_bytes) return CrashReason::before_mapping;
        return CrashReason::wild_pointer;
    }

    std::optional<mm::MappingChange> change_that_explains(CrashReason reason) const {
        const auto last = mm_.history().last_at(address_);
        if (!last) return std::nullopt;
        switch (reason) {
            case CrashReason::unmapped:
                return last->effect == Effect::unmapped || last->effect == Effect::moved_away ? last : std::nullopt;
            case CrashReason::read_only:
            case CrashReason::inaccessible:
            case CrashReason::not_executable:
                return last->effect == Effect::protected_ || last->effect == Effect::mapped ? last : std::nullopt;
            default: return std::nullopt;
        }
    }

    void add_neighbours(Crash& crash) const {
        if (!trap_.kind && address_ == VirtAddr(0)) return;
        if (const mm::Vma* vma = holder()) {
            crash.holder = mm_.snapshot(*vma);
            return;
        }
        if (const mm::Vma* vma = below()) crash.below = mm_.snapshot(*vma);
        if (next_ != nullptr) crash.above = mm_.snapshot(*next_);
    }

    // What a call has just put there.
    std::optional<VirtAddr> return_address() const {
        std::array<std::byte, 8> bytes{};
        const VirtAddr top(trap_.registers.rsp);
        if (peek_memory(mm_.memory().ram(), mm_, top, bytes) < bytes.size()) return std::nullopt;
        std::uint64_t value = 0;
        std::memcpy(&value, bytes.data(), bytes.size());
        const mm::Vma* code = find(VirtAddr(value));
        const bool is_code = code != nullptr && code->start() <= VirtAddr(value) && code->flags().has(mm::vm_exec);
        return is_code ? std::optional(VirtAddr(value)) : std::nullopt;
    }

    const mm::MmStruct& mm_;
    const CrashTrap& trap_;
    VirtAddr address_;
    const mm::Vma* next_;  // the first that ends above the address
};

}  // namespace

Crash examine_crash(const mm::MmStruct& mm, const CrashTrap& trap) { return Examination(mm, trap).run(); }

bool is_death_by(const CrashTrap& trap, const SignalInfo& last) {
    const bool deadly = last.number == SIGSEGV || last.number == SIGBUS;
    return deadly && same_signal(trap.signal, last);
}

// Signals::frame_failed()
bool is_failed_handler(const CrashTrap& trap, const SignalInfo& before_last, const SignalInfo& last) {
    const bool failed = last.number == SIGSEGV && last.code == si_code_kernel;
    return failed && same_signal(trap.signal, before_last);
}

}  // namespace fl::kernel
