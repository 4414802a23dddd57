// Vmalloc: ranges of the kernel half that are contiguous although their frames are not (Linux: mm/vmalloc.c).
//
// Invariants: areas do not overlap, and behind each lies a page that is not mapped; every page before that is mapped to
// a frame in state vmalloc or kernel_stack, which holds one reference; page_count() is their sum. A call that fails
// changes nothing, page tables included. Tables that were needed once stay, as on Linux.
#pragma once

#include "mm/physical_memory.hpp"

#include <map>
#include <optional>
#include <string>

namespace fl::mm {

class KernelSpace;

struct VmallocRequest {
    std::uint64_t size_bytes = 0;
    std::string caller{};                    // the function that asks, as /proc/vmallocinfo names it
    std::uint64_t align_bytes = page_size;   // of the first byte; a power of two, a page at least
    Fill fill = Fill::caller;                // zeroed: vzalloc()
    FrameState state = FrameState::vmalloc;  // of its frames; kernel_stack: they are counted as such, too
};

// Bytes that the kernel writes over memory that nobody may rely on.
enum class Poisoning : std::uint8_t { off, on };
inline constexpr std::byte poison_in_use{0x5a};  // allocated, not yet written to (POISON_INUSE)
inline constexpr std::byte page_poison{0xaa};    // freed (PAGE_POISON)

// struct vm_struct.
struct VmallocArea {
    VirtAddr start;
    PageCount pages;  // without the guard page
    std::string caller;
    PageCount with_guard() const { return pages + PageCount(1); }
    VirtRange range() const { return {start, start + with_guard().bytes()}; }
};

class Vmalloc {
public:
    // Areas lie in `range`, whose upper page tables are there.
    Vmalloc(KernelSpace& space, PhysicalMemory& memory, VirtRange range);
    Vmalloc(const Vmalloc&) = delete;
    Vmalloc& operator=(const Vmalloc&) = delete;
    ~Vmalloc();

    // The first byte of a new area. ENOMEM: more than RAM or nothing was asked for, or there is no address range, no
    // frame, or none for a page table.
    Result<VirtAddr> allocate(const VmallocRequest& request);
    // vfree(): `start` is what allocate() returned.
    void free(VirtAddr start);
    // The area that holds `address`, guard page included; nullptr: none (find_vm_area()).
    const VmallocArea* find(VirtAddr address) const;

    // By address.
    const std::map<VirtAddr, VmallocArea>& areas() const { return areas_; }
    PageCount page_count() const { return pages_; }  // VmallocUsed
    VirtRange range() const { return range_; }
    void set_poisoning(Poisoning poisoning) { poisoning_ = poisoning; }

    // Recomputes everything from the areas and the page tables; empty when all is well.
    std::optional<std::string> inconsistency() const;

private:
    // The lowest place for that many bytes.
    std::optional<VirtAddr> find_hole(std::uint64_t size_bytes, std::uint64_t align_bytes);
    void take_hole(VirtRange range);
    void give_hole(VirtRange range);
    Result<void> populate(VirtRange pages, const VmallocRequest& request);
    void unmap(VirtRange pages);

    KernelSpace& space_;
    PhysicalMemory& memory_;
    VirtRange range_;
    std::map<VirtAddr, VmallocArea> areas_;
    std::map<VirtAddr, VirtAddr> holes_;  // from where to where no area is; no two touch each other
    // No hole that begins before `from` has room for so many bytes (free_vmap_cache, before Linux had a tree of holes).
    struct Passed {
        std::uint64_t size_bytes, align_bytes;
        VirtAddr from;
    };
    std::optional<Passed> passed_;
    PageCount pages_;
    Poisoning poisoning_ = Poisoning::off;
};

}  // namespace fl::mm
