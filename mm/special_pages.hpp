// SpecialPages: pages of the kernel's own that it maps into programs, such as the vDSO and the data that it reads
// (Linux: struct vm_special_mapping).
//
// Invariants: each frame is in state special (counted when it is mapped) or reserved (only shown), and this object
// holds one reference on it. Address spaces that map the pages do not outlive it, nor does it the PhysicalMemory.
#pragma once

#include "mm/physical_memory.hpp"

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace fl::mm {

enum class SpecialPageKind : std::uint8_t {
    counted,  // mapped as a file's pages are: references, map counts, RSS ([vdso])
    shown,    // the bare frame, in no program's books (VM_PFNMAP; [vvar])
};

class SpecialPages {
public:
    // `page_count` zeroed pages; ENOMEM.
    static Result<std::shared_ptr<SpecialPages>> create(PhysicalMemory& memory, PageCount page_count,
                                                        SpecialPageKind kind);
    SpecialPages(const SpecialPages&) = delete;
    SpecialPages& operator=(const SpecialPages&) = delete;
    ~SpecialPages();

    PageCount page_count() const { return PageCount(frames_.size()); }
    // nullopt: no page stands there, touching it is SIGBUS.
    std::optional<Pfn> frame(std::uint64_t page_index) const {
        return page_index < frames_.size() ? std::optional(frames_[page_index]) : std::nullopt;
    }
    // The bytes of a page, which the kernel may write at any time.
    emu::FrameBytes bytes(std::uint64_t page_index) { return memory_.ram().frame(frames_[page_index]); }

private:
    explicit SpecialPages(PhysicalMemory& memory) : memory_(memory) {}

    PhysicalMemory& memory_;
    std::vector<Pfn> frames_;
};

}  // namespace fl::mm
