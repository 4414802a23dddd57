// Crash: the access that a program died of, and the likely reason for it.
//
// Looked for once the program is known to die, so that nothing is kept for it while programs run but the history of
// mappings (mm/mapping_history.hpp).
#pragma once

#include "emu/page_fault.hpp"
#include "emu/registers.hpp"
#include "kernel/call_site.hpp"
#include "kernel/signals.hpp"
#include "mm/fault_event.hpp"
#include "mm/mapping_history.hpp"

#include <cstdint>
#include <optional>

namespace fl::mm {
class MmStruct;
}

namespace fl::kernel {

// What the processor refused, and the signal that came of it.
struct CrashTrap {
    SignalInfo signal;
    emu::Registers registers;  // as the instruction found them
    VirtAddr address{};        // of the access; 0 where an exception was not about one
    emu::Access access{};
    std::optional<mm::FaultKind> kind;  // nullopt: an exception other than a page fault
};

enum class CrashReason : std::uint8_t {
    null_pointer,    // below mmap_min_addr, where nothing is ever mapped
    kernel_address,  // above the user half
    non_canonical,   // between the two halves
    privileged,      // an instruction that is not for user mode
    guard_page,      // MADV_GUARD_INSTALL
    stack_limit,     // the stack cannot grow to it: RLIMIT_STACK
    stack_blocked,   // something lies in the stack's way, or another limit
    thread_stack,    // the inaccessible pages below the stack of a thread
    read_only,       // a write to a mapping that is read-only
    inaccessible,    // a mapping without any rights (PROT_NONE)
    not_executable,  // executing data
    unmapped,        // the address was mapped, and has been unmapped or moved since
    past_heap,       // behind the break
    past_mapping,    // behind the end of a mapping
    before_mapping,  // in front of one
    past_file,       // in a mapping of a file, behind the file's end
    unreadable,      // the page could not be read from swap, or from its file
    poisoned,        // a userfaultfd called the page unreadable, or refused it
    wild_jump,       // executing where nothing is
    wild_pointer,    // nothing is near
    other,           // what the kernel does not know a reason for
};

struct Crash {
    // How far an access may be from a mapping and count as one that just missed it.
    static constexpr std::uint64_t near_bytes = 64 << 10;

    int signal = 0;  // SIGSEGV, SIGBUS
    int code = 0;    // si_code
    CrashReason reason{};
    VirtAddr address{};  // as CrashTrap has it
    emu::Access access{};
    VirtAddr instruction{}, stack_pointer{};
    // The VMA that holds the address, or else the nearest on both sides.
    std::optional<mm::VmaSnapshot> holder{}, below{}, above{};
    // The last system call that changed the address, where that explains it: unmapped, read_only, inaccessible,
    // not_executable.
    std::optional<mm::MappingChange> change{};
    // Where that call came from; nullopt: there is no change, or it is too long ago.
    std::optional<CallSite> call_site{};
    // not_executable, wild_jump, and null_pointer of a jump: what the top of the stack says of who jumped, where it
    // points into code.
    std::optional<VirtAddr> return_address{};
    std::uint64_t stack_limit_bytes = 0;  // RLIMIT_STACK
    std::uint64_t file_bytes = 0;         // past_file: the file's size
    bool handler_failed = false;          // the signal had a handler, and there was no room for its frame
};

// The address space is as it was when the access was refused.
Crash examine_crash(const mm::MmStruct& mm, const CrashTrap& trap);

// Whether the signals that took effect last, the very last one killed, are the trap's own or come of it that its
// handler found no stack.
bool is_death_by(const CrashTrap& trap, const SignalInfo& last);
bool is_failed_handler(const CrashTrap& trap, const SignalInfo& before_last, const SignalInfo& last);

}  // namespace fl::kernel
