// FaultHandler: the kernel's answer to a page fault (Linux: do_user_addr_fault and handle_mm_fault).
//
// It answers in two steps: classify() names the fault, a pure function; resolve() makes the PTE good. Every allocation
// of a fault happens before its first change, so that running out of frames leaves the address space as it was (but for
// a stack that has grown, which stays grown, as on Linux).
#pragma once

#include "emu/page_fault.hpp"
#include "mm/fault_event.hpp"
#include "mm/mm_struct.hpp"
#include "mm/reclaimer.hpp"

namespace fl::mm {

// All that the name of a fault depends on.
struct FaultSituation {
    const Vma* vma = nullptr;  // the VMA that holds the address; nullptr: none, and the stack cannot grow to it
    emu::Access access{};
    emu::Pte pte;               // as found; none() where tables are missing; of a large page what it says of 4 KiB
    bool stack_grew = false;    // the VMA was extended for this fault
    bool is_zero_page = false;  // pte is present and points to the shared page of zeroes
    bool sole_owner = false;    // pte is resident, anonymous, and nobody else refers to its frame
    bool past_file_end = false;
    bool in_page_cache = false;
    bool in_swap = false;           // a page of a file that is only in memory
    bool forced = false;            // whatever the VMA's rights
    bool has_special_page = false;  // the kernel keeps a page for this place of its own range
    emu::Mode mode{};
    bool cannot_wait = false;  // for a userfaultfd's answer
};

FaultKind classify(const FaultSituation& situation);

// Whether a mapping's rights count. Overridden: a read of what mprotect has closed works, and a write to private memory
// that forbids it, which gets a copy of its own.
enum class Rights : std::uint8_t { obeyed, overridden };

// The largest window of fault-around: one page table.
inline constexpr PageCount max_fault_around{512};

class FaultHandler final : public emu::PageFaultHandler {
public:
    explicit FaultHandler(PhysicalMemory& memory) : memory_(memory) {}

    // The address space that faults are about; it must outlive its use. nullptr: none.
    void set_mm(MmStruct* mm) {
        mm_ = mm;
        if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->set_current(mm);
    }
    MmStruct* mm() { return mm_; }
    // Observed faults cost what the observer costs; without one nothing is gathered.
    void observe(FaultObserver* observer, const FaultOriginSource* origins) {
        observer_ = observer;
        origins_ = origins;
        if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->observe(observer, origins);
    }

    // A read of a file's page maps so many around it that are in the page cache: a power of two up to 512; 0 or 1: it
    // alone (mm/memory.c, fault_around_bytes). Nor does it read more than that ahead.
    void set_fault_around(PageCount pages) {
        FL_ASSERT((pages.value() & (pages.value() - 1)) == 0 && pages <= max_fault_around);
        fault_around_pages_ = pages;
    }

    emu::FaultOutcome handle_page_fault(const emu::PageFault& fault) override;

    // What an access by the program would lead to now; nullopt: nothing, the page table allows it. Changes nothing.
    std::optional<FaultKind> forecast(const MmStruct& mm, VirtAddr address, emu::Access access) const;

    // The frame behind an address, brought in for an access that the processor does not make (forced_access.cpp).
    // EFAULT where it is refused, or no page can be had.
    // Where a userfaultfd has to answer first and the caller may wait, has_userfault() says so.
    Result<Pfn> reach(VirtAddr address, emu::Access access, Rights rights);

    // The last fatal fault was of the kind `userfault`: lets the task wait. Returns whether the access is to be tried
    // again. Other tasks have run meanwhile.
    bool has_userfault() const { return userfault_.has_value(); }
    bool wait_for_userfault();
    void set_userfault_waiter(UserfaultWaiter* waiter) { userfault_waiter_ = waiter; }

    // The kernel touches a page for the program: policies that need every reference hear of it.
    void note_kernel_access(Pfn pfn, emu::Access access) {
        if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->note_kernel_access(pfn, access);
    }

    const FaultCounters& counters() const { return counters_; }
    // What the last fault was that the access did not survive; the kernel makes a signal of it, or waits.
    FaultKind last_fatal() const { return last_fatal_; }
    // A fault ran out of frames since the last call: the process is to be killed.
    bool take_oom() { return std::exchange(oom_, false); }

private:
    struct Resolution {
        FaultKind kind;
        bool major = false;
        std::uint32_t pages_around = 0;
        std::optional<SwapSlot> slot{};  // where the page came from
    };
    // While it lives, what is evicted is evicted for this fault.
    class Scope {
    public:
        Scope(FaultHandler& handler, const emu::PageFault& fault) : reclaimer_(handler.memory_.reclaimer()) {
            if (reclaimer_ != nullptr) reclaimer_->begin_fault(handler.sequence_ + 1, fault.access, fault.locator);
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;
        ~Scope() {
            if (reclaimer_ != nullptr) reclaimer_->end_fault();
        }
        // The fault's pages are resident: they are the policy's to choose from now on.
        void settle() {
            if (reclaimer_ != nullptr) reclaimer_->settle();
        }
        // The access itself follows.
        void expect_reference(const MmStruct& mm, VirtAddr address) {
            if (reclaimer_ == nullptr || !reclaimer_->needs_references()) return;
            const emu::Pte* slot = address < task_size ? mm.page_table().find(address) : nullptr;
            if (slot != nullptr && slot->is_present()) reclaimer_->expect_reference(slot->pfn_at(address));
        }

    private:
        Reclaimer* reclaimer_;
    };

    Vma* find_vma_or_grow(VirtAddr address, bool& grew);
    FaultSituation situation(const Vma* vma, const emu::PageFault& fault, emu::Pte pte, bool grew) const;
    Resolution resolve(FaultKind kind, Vma& vma, const emu::PageFault& fault);
    Resolution map_zero_page(FaultKind kind, const Vma& vma, VirtAddr page);
    Resolution map_fresh_page(FaultKind kind, Vma& vma, VirtAddr page);
    Resolution map_special_page(FaultKind kind, const Vma& vma, VirtAddr page);
    Resolution map_file_page(const Vma& vma, const emu::PageFault& fault);
    Resolution copy_page(FaultKind kind, Vma& vma, VirtAddr page);
    Resolution reuse_page(FaultKind kind, Vma& vma, VirtAddr page);
    void note_userfault(const Vma& vma, const emu::PageFault& fault);
    void own_page(Pfn pfn, const Vma& vma, VirtAddr page);
    // fault_huge.cpp. nullopt: it is to be a page of 4 KiB.
    std::optional<Resolution> map_huge_page(FaultKind kind, Vma& vma, VirtAddr address);
    bool reuse_huge_page(emu::Pte& slot, Vma& vma, VirtAddr page);
    Resolution swap_in_page(Vma& vma, const emu::PageFault& fault);
    void read_ahead(const Vma& vma, VirtAddr page);
    Resolution refuse(FaultKind kind, Vma* vma, const emu::PageFault& fault);
    void map_around_refusal(const Vma& vma, VirtAddr page);
    std::uint32_t map_around(const Vma& vma, VirtAddr page);
    void hide_pages(const Vma& vma, VirtAddr address);
    void account(const Resolution& done);
    void emit(const emu::PageFault& fault, const Resolution& done, const Vma* vma, emu::Pte before,
              PageCount tables_before);

    PhysicalMemory& memory_;
    MmStruct* mm_ = nullptr;
    FaultObserver* observer_ = nullptr;
    const FaultOriginSource* origins_ = nullptr;
    PageCount fault_around_pages_{16};
    FaultCounters counters_;
    std::uint64_t sequence_ = 0;
    FaultKind last_fatal_{};
    std::optional<Userfault> userfault_;
    UserfaultWaiter* userfault_waiter_ = nullptr;
    bool oom_ = false;
};

}  // namespace fl::mm
