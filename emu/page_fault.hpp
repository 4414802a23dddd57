// What the page walker says when it cannot translate, and who is asked then.
#pragma once

#include "emu/address.hpp"

#include <cstdint>

namespace fl::emu {

enum class Access : std::uint8_t { read, write, execute };
enum class Mode : std::uint8_t { user, kernel };

// The error code that the processor pushes for #PF (Intel SDM vol. 3A, 4.7).
struct PageFaultCode {
    static constexpr std::uint32_t present = 1;       // P: the page was there, the access was not allowed
    static constexpr std::uint32_t write = 2;         // W/R
    static constexpr std::uint32_t user = 4;          // U/S: the access came from user mode
    static constexpr std::uint32_t reserved = 8;      // RSVD: a reserved bit was set
    static constexpr std::uint32_t instruction = 16;  // I/D: an instruction fetch
};

struct PageFault;

// One try at one instruction: while it stays the same, the program has got no further.
struct InstructionAttempt {
    VirtAddr address;           // of the instruction, or of the block that is being fetched
    std::uint64_t retired = 0;  // instructions before it, block by block; 0 where nobody counts
    friend bool operator==(const InstructionAttempt&, const InstructionAttempt&) = default;
};

// Works out where inside its page a fault was, and who took it.
class FaultLocator {
public:
    virtual VirtAddr locate(const PageFault& fault) const = 0;
    virtual InstructionAttempt attempt() const { return {}; }
    // Of the general registers: the same as long as the instruction is where it was, whatever it has asked for.
    virtual std::uint64_t registers_hash() const { return 0; }

protected:
    ~FaultLocator() = default;
};

struct PageFault {
    // Exact where `locator` is null; else only the page is known and exact_address() costs a look at the instruction.
    VirtAddr address;
    Access access;
    Mode mode;
    std::uint32_t error_code;  // PageFaultCode bits
    const FaultLocator* locator = nullptr;

    // The address that CR2 would hold. Valid while the fault is handled.
    VirtAddr exact_address() const { return locator != nullptr ? locator->locate(*this) : address; }
};

enum class FaultOutcome : std::uint8_t {
    retry,            // the PTE is good now: walk again
    retry_tlb_stale,  // the same, and TLB entries for other accesses may have lost their ground: flush first
    fatal,            // the access cannot be satisfied: end the run with Exit::fault
};

class PageFaultHandler {
public:
    // An access may fault twice on its way: a fetch from a page that is not there, in a range that forbids execution,
    // first brings the page in, as on Linux. A third fault means that the handler makes no progress.
    static constexpr unsigned max_faults_per_access = 3;

    virtual FaultOutcome handle_page_fault(const PageFault& fault) = 0;

protected:
    ~PageFaultHandler() = default;
};

}  // namespace fl::emu
