// History: what has become of pages and frames so far, and what that says of the next event. A page comes from the slot
// that it went to, takes the frame that was freed for it, and has been in memory since the fault that brought it.
//
// The payload holds how far such guesses are off, which is 0 nearly always. The page's scripts make the same ones, in
// page/history.js: what is changed here has to be changed there. A guess may be wrong, but must depend on nothing but
// the events that were noted and on what guess_...() says that it reads.
//
// Order: before a fault come those rows of reclaim that belong to faults before it, or were done for it.
#pragma once

#include "trace/report/rows.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace fl::trace::report {

class History {
public:
    struct FaultGuess {
        std::uint64_t walk = 0, before = 0, after = 0, refault = 0;  // as in FaultRow
    };
    struct ReclaimGuess {
        std::uint64_t pid = 0, page = 0, vma = 0, age = 0, slot = 0;  // as in ReclaimRow; vma: the page's, 0: not known
    };

    // Reads page and before_bits.
    FaultGuess guess_fault(const FaultRow& row, std::uint32_t pid) const;
    void note_fault(const FaultRow& row, std::uint32_t pid);
    // Reads frame, flags, file and time_ns.
    ReclaimGuess guess_reclaim(const ReclaimRow& row) const;
    void note_reclaim(const ReclaimRow& row);

private:
    // What a frame holds.
    struct Holder {
        std::uint64_t pid = 0, page = 0, vma = 0;
        std::uint64_t time_ns = 0;  // of the fault that brought it
        std::uint64_t slot = 0;     // that it has a copy in, and 1; 0: none
    };
    // What became of a page.
    struct Fate {
        std::uint64_t frame = 0;
        std::uint64_t slot = 0;     // that it is in, and 1
        std::uint64_t evicted = 0;  // as the how manieth; 0: it was not
    };

    std::unordered_map<std::uint64_t, Holder> holders_;       // by frame
    std::unordered_map<std::uint64_t, Fate> fates_;           // by page
    std::unordered_map<std::uint64_t, std::uint64_t> walks_;  // by what one table of the last level covers
    std::vector<std::uint64_t> freed_;                        // frames, the last one on top
    std::uint64_t evictions_ = 0;
    std::uint64_t last_before_ = 0, last_after_ = 0;
    std::uint64_t last_pid_ = 0, last_page_ = 0, last_age_ = 0, last_new_slot_ = 0;
};

// What a swap entry names, and 1; 0: `row`'s entry before the fault is none.
std::uint64_t slot_before(const FaultRow& row);

}  // namespace fl::trace::report
