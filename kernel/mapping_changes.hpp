// What a system call did to the mappings of its process, for the history that mm keeps of them.
#pragma once

#include "kernel/system.hpp"

#include <array>
#include <cstddef>

namespace fl::kernel {

// The parts of a range that are mapped, each as large as can be: what an unmapping will take. Of many parts the first.
class MappedParts {
public:
    static constexpr std::size_t most = 8;

    MappedParts(mm::MmStruct& mm, VirtRange range);
    const VirtRange* begin() const { return parts_.data(); }
    const VirtRange* end() const { return parts_.data() + count_; }

private:
    std::array<VirtRange, most> parts_;
    std::size_t count_ = 0;
};

// `call` is a system call's name. The change is the task's own, and has just been made. Empty ranges are passed over.
void note_mapped(System& system, const char* call, VirtRange range, std::uint64_t prot);
void note_unmapped(System& system, const char* call, const MappedParts& parts);
void note_protected(System& system, const char* call, VirtRange range, std::uint64_t prot);
// mremap(2): `from` was made as large as `to` in place, or moved there.
void note_remapped(System& system, VirtRange from, VirtRange to);

}  // namespace fl::kernel
