// MmObjects: what one address space needs of the slab allocator, had beforehand, so that a change of its mappings that
// has begun does not run out of memory half-way (Linux: vm_area_alloc() and anon_vma_prepare() before the commit).
//
// Of a machine that does not account for its objects every reservation is granted, and what is taken is empty.
#pragma once

#include "mm/slab/kernel_object.hpp"

#include <cstddef>
#include <vector>

namespace fl::mm {

// How many of each.
struct MmObjectCounts {
    std::size_t vmas = 0;      // vm_area_struct
    std::size_t chains = 0;    // anon_vma_chain
    std::size_t families = 0;  // anon_vma
};

class MmObjects {
public:
    explicit MmObjects(PhysicalMemory& memory) : memory_(memory) {}
    MmObjects(const MmObjects&) = delete;
    MmObjects& operator=(const MmObjects&) = delete;

    // What was reserved and not taken goes back with it.
    class Reservation {
    public:
        explicit Reservation(MmObjects& objects) : objects_(&objects) {}
        Reservation(Reservation&& other) noexcept : objects_(std::exchange(other.objects_, nullptr)) {}
        Reservation& operator=(Reservation&&) = delete;
        ~Reservation() {
            if (objects_ != nullptr) objects_->give_back();
        }

    private:
        MmObjects* objects_;
    };
    // ENOMEM, and then nothing is reserved.
    Result<Reservation> reserve(const MmObjectCounts& counts);

    SlabObject take_vma() { return take(vmas_, KernelObject::vm_area_struct); }
    SlabObject take_chain() { return take(chains_, KernelObject::anon_vma_chain); }
    SlabObject take_family() { return take(families_, KernelObject::anon_vma); }

private:
    using Spares = std::vector<SlabObject>;
    Result<void> fill(Spares& spares, KernelObject kind, std::size_t count);
    SlabObject take(Spares& spares, KernelObject kind);
    void give_back();

    PhysicalMemory& memory_;
    Spares vmas_, chains_, families_;
};

}  // namespace fl::mm
