// Mmu: the four-level page walk of an x86-64 processor (Intel SDM vol. 3A, 4.5), over tables that lie in Ram.
//
// EFER.NXE = 1 and CR0.WP = 1, so a supervisor's write to a read-only page faults too. There is no SMAP: the kernel
// checks user pointers itself. Pages are of 4 KiB, or of 2 MiB where the entry of level 2 says so; there are none of 1
// GiB: bit 7 of the levels above is reserved.
#pragma once

#include "emu/page_fault.hpp"
#include "emu/ram.hpp"

#include <tl/expected.hpp>

namespace fl::emu {

struct Translation {
    Pfn pfn;  // of the 4 KiB frame, inside of a large page too
    // What a TLB entry may grant without another walk. A write is granted only once the PTE is dirty, so that the
    // first write walks again and sets D.
    bool writable;
    bool executable;
};

// PageFaultCode bits for the access that could not be translated.
using WalkError = std::uint32_t;

class Mmu {
public:
    explicit Mmu(Ram& ram) : ram_(ram) {}

    // Walks the tables under `root` for one access to `address` (canonical), setting A on the way and D on a write.
    // The frame counts as held by the TLB from here to the next flush.
    tl::expected<Translation, WalkError> translate(Pfn root, VirtAddr address, Access access, Mode mode);

    // The same walk without side effects on A and D: the leaf entry, which may be that of a large page; Pte::none()
    // where a table is missing.
    Pte peek(Pfn root, VirtAddr address) const;

    Ram& ram() { return ram_; }

private:
    Ram& ram_;
};

}  // namespace fl::emu
