// CpuidStandIn: makes a traced program of the host see the emulated machine's processor.
//
// C libraries choose their string functions, and walk their cache tables, by what CPUID says, so that the same program
// touches other pages on another processor. Few processors let CPUID be trapped. But the emulated run tells where the
// program executes it, and one that is given the same answers goes the same way: a hardware breakpoint waits at each
// next place, and the instruction is answered instead of executed. The program's memory is neither read nor written,
// which could save it a fault.
#pragma once

#include "emu/address.hpp"
#include "emu/cpuid.hpp"

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace fl::trace {

class CpuidStandIn {
public:
    // The program's CPUID instructions in the order in which they were executed.
    explicit CpuidStandIn(std::vector<VirtAddr> sites) : sites_(std::move(sites)) {}

    // The program is stopped before its first instruction.
    void arm(pid_t pid) const;
    // The program was stopped by SIGTRAP: whether it stands at the next CPUID, which is answered now.
    bool answer(pid_t pid);
    // Places that the program has not come to.
    std::size_t left() const { return sites_.size() - next_; }

private:
    std::vector<VirtAddr> sites_;
    std::size_t next_ = 0;
    emu::CpuidReader cpuid_;
};

}  // namespace fl::trace
