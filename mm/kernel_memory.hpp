// KernelMemory: RAM that the kernel takes for what programs make it keep: bytes on their way through pipes and sockets
// (Linux: alloc_page() and kmalloc()). The bytes themselves live in the emulator's own memory; frames of the machine
// stand for them, and where there is a slab allocator objects of kmalloc()'s for what fills no page, so that the size
// of RAM bounds both, and who fills it is refused as on Linux.
//
// Invariant: it holds as many frames as the bytes fill that are charged and that no object stands for.
#pragma once

#include "emu/address.hpp"
#include "mm/errno.hpp"
#include "mm/slab/kmem_cache.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace fl::mm {

class KernelMemory;
class PhysicalMemory;

// Bytes that were charged; given back when it goes.
class KernelCharge {
public:
    KernelCharge() = default;
    KernelCharge(KernelMemory& memory, std::uint64_t bytes) : memory_(&memory), bytes_(bytes) {}
    KernelCharge(KernelCharge&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)),
          bytes_(std::exchange(other.bytes_, 0)),
          part_(std::move(other.part_)) {}
    KernelCharge& operator=(KernelCharge&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(bytes_, other.bytes_);
        part_ = std::move(other.part_);
        return *this;
    }
    ~KernelCharge();

    std::uint64_t bytes() const { return bytes_; }

private:
    friend class KernelMemory;

    std::uint64_t pooled_bytes() const { return part_ ? bytes_ & ~page_mask : bytes_; }

    KernelMemory* memory_ = nullptr;
    std::uint64_t bytes_ = 0;
    SlabObject part_;  // for what fills no page
};

class KernelMemory {
public:
    explicit KernelMemory(PhysicalMemory& memory) : memory_(memory) {}
    KernelMemory(const KernelMemory&) = delete;
    KernelMemory& operator=(const KernelMemory&) = delete;
    ~KernelMemory();

    // ENOMEM where less than a sixteenth of RAM would stay free, which is left to the programs' own pages.
    Result<KernelCharge> charge(std::uint64_t bytes);
    // In frames of its own.
    std::uint64_t charged_bytes() const { return bytes_; }

private:
    friend class KernelCharge;
    void give_back(std::uint64_t bytes);

    PhysicalMemory& memory_;
    std::vector<Pfn> frames_;
    std::uint64_t bytes_ = 0;
};

}  // namespace fl::mm
