#include "mm/mm_objects.hpp"

#include "mm/physical_memory.hpp"

namespace fl::mm {

Result<void> MmObjects::fill(Spares& spares, KernelObject kind, std::size_t count) {
    while (spares.size() < count) {
        auto object = new_kernel_object(memory_, kind);
        if (!object) return fail(object.error());
        spares.push_back(std::move(*object));
    }
    return {};
}

Result<MmObjects::Reservation> MmObjects::reserve(const MmObjectCounts& counts) {
    Reservation reservation(*this);
    if (memory_.slab() == nullptr) return reservation;
    if (auto done = fill(vmas_, KernelObject::vm_area_struct, counts.vmas); !done) return fail(done.error());
    if (auto done = fill(chains_, KernelObject::anon_vma_chain, counts.chains); !done) return fail(done.error());
    if (auto done = fill(families_, KernelObject::anon_vma, counts.families); !done) return fail(done.error());
    return reservation;
}

// Every commit reserves what it takes; where one takes more all the same, the object is had if it can be.
SlabObject MmObjects::take(Spares& spares, KernelObject kind) {
    if (memory_.slab() == nullptr) return {};
    if (spares.empty()) {
        auto object = new_kernel_object(memory_, kind);
        return object ? std::move(*object) : SlabObject();
    }
    SlabObject object = std::move(spares.back());
    spares.pop_back();
    return object;
}

void MmObjects::give_back() {
    vmas_.clear();
    chains_.clear();
    families_.clear();
}

}  // namespace fl::mm
