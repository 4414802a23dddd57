// ReferenceObserver: hears of every frame that guest code references, as a policy needs it that does not content itself
// with the accessed bits of page-table entries.
#pragma once

#include "emu/address.hpp"
#include "emu/page_fault.hpp"

#include <cstdint>

namespace fl::emu {

enum class AfterReference : std::uint8_t {
    go_on,
    stop_soon,  // the run ends before the next block of code, as by Cpu::request_stop_soon()
};

class ReferenceObserver {
public:
    // The processor has referenced a frame, `count` times in a row; consecutive references by the same kind of access
    // are told of together. Data accesses are told in program order, an instruction's as the processor makes them:
    // first the read, then the write of one that does both; more than eight bytes as several accesses; an access over
    // a page's end as one to each page. A page of code is referenced by each translated block that lies in it, whenever
    // that is entered: where a jump led, behind the instruction at which a run or a fault had ended, for each
    // repetition of a string instruction. The processor may be in the middle of the instruction that follows: page
    // tables must not change.
    virtual AfterReference on_reference(Pfn pfn, Access access, std::uint32_t count) noexcept = 0;

protected:
    ~ReferenceObserver() = default;
};

}  // namespace fl::emu
