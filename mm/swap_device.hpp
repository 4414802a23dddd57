// SwapDevice: where pages wait that have no frame (Linux: struct swap_info_struct): slots of one page each, in memory
// or in a file of the host's.
//
// A slot is referred to by page-table entries and by files that keep pages only in memory. While its page has a frame
// as well, the two are tied to each other (the swap cache): the page comes back without a read, and leaves without a
// write for as long as nobody wrote to it.
//
// Invariant: a slot is in use while it has references or a frame; used plus free slots are all there are.
#pragma once

#include "emu/pte.hpp"
#include "emu/ram.hpp"
#include "mm/errno.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::mm {

using emu::SwapSlot;

// Every n-th transfer of a kind fails with EIO; 0: none does.
struct SwapErrors {
    std::uint64_t every_read = 0;
    std::uint64_t every_write = 0;
};

struct SwapOptions {
    PageCount slots;
    std::string file{};  // host file that is made, or cut to size, to hold the slots; empty: they are in memory
    SwapErrors errors{};
};

struct SwapCounters {
    std::uint64_t reads = 0;   // pswpin
    std::uint64_t writes = 0;  // pswpout
    std::uint64_t read_errors = 0;
    std::uint64_t write_errors = 0;
};

class SwapDevice {
public:
    // As many slots as a swap entry can name.
    static constexpr std::uint64_t max_slot_count = 1ULL << 32;

    // The error is one line that names the file.
    static tl::expected<std::unique_ptr<SwapDevice>, std::string> create(const SwapOptions& options);
    ~SwapDevice();
    SwapDevice(const SwapDevice&) = delete;
    SwapDevice& operator=(const SwapDevice&) = delete;

    PageCount slot_count() const { return slot_count_; }
    PageCount free_slot_count() const { return slot_count_ - used_; }
    PageCount used_slot_count() const { return used_; }
    // Slots that nobody refers to but a frame: they can be had without loss.
    PageCount spare_slot_count() const { return spare_; }
    // More than half is in use: what comes back gives up its slot at once (vm_swap_full).
    bool is_nearly_full() const { return used_.value() * 2 > slot_count_.value(); }
    const std::string& file() const { return path_; }

    // A slot for the page `page_id` (a number of the caller's), tied to `pfn`, without references yet. Where all are in
    // use, one that only a frame refers to is taken from it: `loser` is that frame. nullopt: none can be had.
    struct Allocation {
        SwapSlot slot;
        std::optional<Pfn> loser;
    };
    std::optional<Allocation> allocate(Pfn pfn, std::uint32_t page_id);
    void add_reference(SwapSlot slot);
    // Returns the references that remain.
    std::uint32_t drop_reference(SwapSlot slot);
    std::uint32_t references(SwapSlot slot) const { return at(slot).references; }

    std::optional<Pfn> frame(SwapSlot slot) const;
    std::uint32_t page_id(SwapSlot slot) const { return at(slot).page_id; }
    void tie(SwapSlot slot, Pfn pfn);
    // The page that the slot is tied to lies in another frame now.
    void move_tie(SwapSlot slot, Pfn pfn);
    // The slot is free afterwards unless somebody refers to it; returns whether it is.
    bool untie(SwapSlot slot);

    // EIO.
    Result<void> write(SwapSlot slot, std::span<const std::byte, page_size> page);
    Result<void> read(SwapSlot slot, emu::FrameBytes into);
    // The same without counting, and without injected errors, for who only looks.
    Result<void> peek(SwapSlot slot, emu::FrameBytes into) const;

    const SwapCounters& counters() const { return counters_; }

    // For verify(): every slot in use, once.
    template <class Visitor>
    void for_each_used(Visitor&& visit) const {
        for (std::uint64_t i = 0; i < slots_.size(); ++i) {
            if (slots_[i].used) visit(SwapSlot(i));
        }
    }

private:
    struct Slot {
        std::uint32_t references = 0;
        std::uint32_t frame = 0;  // 0: none
        std::uint32_t page_id = 0;
        bool used = false;
    };

    SwapDevice(const SwapOptions& options, int descriptor, std::byte* memory);
    Slot& at(SwapSlot slot) {
        FL_ASSERT(slot.value() < slots_.size() && slots_[slot.value()].used);
        return slots_[slot.value()];
    }
    const Slot& at(SwapSlot slot) const { return const_cast<SwapDevice*>(this)->at(slot); }
    void release(SwapSlot slot);
    std::optional<SwapSlot> find_spare();

    PageCount slot_count_;
    std::string path_;
    int descriptor_;     // -1: in memory
    std::byte* memory_;  // of all slots; the host gives what is written to
    SwapErrors errors_;
    std::vector<Slot> slots_;  // as many as were ever in use at the same time
    std::vector<std::uint32_t> free_;
    PageCount used_;
    PageCount spare_;
    std::uint64_t spare_hand_ = 0;
    SwapCounters counters_;
};

}  // namespace fl::mm
