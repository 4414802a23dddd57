// FaultEvent: all that is known of one page fault, for whoever observes.
#pragma once

#include "emu/page_fault.hpp"
#include "emu/pte.hpp"
#include "mm/page_walk.hpp"
#include "mm/reclaim_event.hpp"
#include "mm/vma.hpp"

#include <array>
#include <optional>
#include <string>

namespace fl::mm {

// What a fault led to.
enum class FaultKind : std::uint8_t {
    demand_zero,   // first touch of an anonymous page, by a write: a zeroed frame
    zero_page,     // first touch by a read: the shared page of zeroes, read-only
    zero_upgrade,  // first write to a page that the shared page of zeroes stood in for
    file_minor,    // a page of a file that was in the page cache
    file_major,    // a page of a file that had to be read
    cow,           // a write to a page that others see too: a copy
    cow_reuse,     // a write to a page that turned out to be nobody else's: made writable in place
    write_notify,  // the first write to a clean page of a shared file: noted, so that it can be written back
    swap_in,       // a page that came back from swap
    stack_grow,    // the stack was extended downwards to hold the address
    spurious,      // the PTE allowed the access already
    userfault,     // a userfaultfd was told of it, and the task waits for its answer
    segv_maperr,   // no mapping at the address
    segv_accerr,   // the mapping does not allow the access
    sigbus,        // past the end of the mapped file, or refused by a userfaultfd
    poisoned,      // a userfaultfd said that the page cannot be read (UFFDIO_POISON)
    oom,           // out of frames
};
inline constexpr std::size_t fault_kind_count = 17;

const char* fault_kind_name(FaultKind kind);
// The access cannot be satisfied: the program gets a signal.
bool is_fatal(FaultKind kind);

// Who faulted, and when; supplied by the kernel.
struct FaultOrigin {
    std::uint64_t time_ns = 0;  // virtual time since start
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    // The faulting instruction; in kernel mode the system call's; 0 while exec builds the image.
    VirtAddr instruction{};
};

// The VMA as it is once the fault is resolved.
struct VmaSnapshot {
    VirtRange range;
    VmFlags flags;
    std::string name;                          // as /proc/PID/maps prints it; empty for anonymous memory
    std::shared_ptr<const FileIdentity> file;  // nullptr where there is none
    std::uint64_t pgoff = 0;                   // pages; of range.start in the file
};

struct FaultEvent {
    std::uint64_t sequence = 0;  // 1, 2, ...
    FaultOrigin origin;
    VirtAddr address;
    emu::Access access{};
    emu::Mode mode{};
    std::uint32_t error_code = 0;  // emu::PageFaultCode bits
    FaultKind kind{};
    bool major = false;  // something was read from a file or swap, or a userfaultfd was asked
    std::optional<VmaSnapshot> vma;
    std::optional<Pfn> pfn;  // the frame behind the address afterwards
    emu::Pte pte_before;
    emu::Pte pte_after;
    PageWalk walk;                                    // afterwards
    std::uint32_t tables_allocated = 0;               // page-table pages
    std::uint32_t pages_around = 0;                   // file pages mapped beside the one asked for (fault-around)
    ReclaimWork reclaim;                              // done so that the fault found its frames
    std::optional<EvictionEvent> victim{};            // the first page that left for it
    std::optional<emu::SwapSlot> slot{};              // where the page came from
    std::optional<std::uint64_t> refault_distance{};  // pages evicted since this one was; nullopt: it was not

    // Of the page that the entry maps afterwards: 4 KiB, or 2 MiB.
    std::uint64_t page_bytes() const { return pte_after.is_large() ? emu::large_page_size : page_size; }
};

class MmStruct;

class FaultObserver {
public:
    // The fault is about to be handled, under this number: nothing has changed for it yet. Not each one is reported
    // afterwards (one that turned out to be none leaves its number to the next).
    virtual void before_fault(std::uint64_t /*sequence*/, const MmStruct& /*mm*/, VirtAddr /*address*/) {}
    virtual void on_fault(const FaultEvent& event) = 0;
    // During a fault, before on_fault(); or outside of any.
    virtual void on_eviction(const EvictionEvent& /*event*/) {}
    virtual void on_write_back(const WriteBackEvent& /*event*/) {}

protected:
    ~FaultObserver() = default;
};

class FaultOriginSource {
public:
    virtual FaultOrigin fault_origin(emu::Mode mode) const = 0;
    // The process that an address space belongs to; 0: none.
    virtual std::uint32_t owner_of(const MmStruct& /*mm*/) const { return 0; }

protected:
    ~FaultOriginSource() = default;
};

// Counted always, observed or not.
struct FaultCounters {
    std::array<std::uint64_t, fault_kind_count> by_kind{};
    std::uint64_t minor = 0;  // ru_minflt
    std::uint64_t major = 0;  // ru_majflt

    std::uint64_t of(FaultKind kind) const { return by_kind[static_cast<std::size_t>(kind)]; }
    std::uint64_t total() const;
};

}  // namespace fl::mm
