// What reclaim does, for whoever observes: pages that leave memory, and pages that are written out.
#pragma once

#include "emu/pte.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace fl::mm {

struct FileIdentity;

enum class ReclaimReason : std::uint8_t {
    fault,   // direct reclaim: somebody needed a frame
    shrink,  // the policy let go of it (variable allocation)
    kswapd,  // the background reclaimer
    advice,  // MADV_PAGEOUT
    ahead,   // the policy had a page written before it has to leave
};
inline constexpr std::size_t reclaim_reason_count = 5;
const char* reclaim_reason_name(ReclaimReason reason);

// Which page it is: of a process's private memory, or of a file.
struct PageName {
    std::uint32_t id = 0;                      // what policies call it
    std::uint32_t owner = 0;                   // the process that maps it, the first of several; 0: none does
    std::optional<VirtAddr> address;           // where that process maps it
    std::shared_ptr<const FileIdentity> file;  // nullptr: a private page
    std::uint64_t file_page = 0;
};

struct EvictionEvent {
    std::uint64_t time_ns = 0;
    std::uint64_t for_fault = 0;  // the number of the fault that needed the frame; 0: none
    ReclaimReason reason{};
    PageName page;
    Pfn pfn;
    bool dirty = false;        // differed from what swap or the file held, or had no place there yet
    bool dropped = false;      // given up for good (MADV_FREE), or never written to
    std::uint64_t age_ns = 0;  // since it became resident
    std::optional<emu::SwapSlot> slot;
};

struct WriteBackEvent {
    std::uint64_t time_ns = 0;
    std::uint64_t for_fault = 0;
    ReclaimReason reason{};
    PageName page;
    Pfn pfn;
    std::optional<emu::SwapSlot> slot;
    bool failed = false;
};

// What one fault had done so that it found its frames.
struct ReclaimWork {
    std::uint32_t evicted = 0;
    std::uint32_t written = 0;
    std::uint64_t frames_looked_at = 0;  // evictable() asked by the policy
    friend bool operator==(const ReclaimWork&, const ReclaimWork&) = default;
};

}  // namespace fl::mm
