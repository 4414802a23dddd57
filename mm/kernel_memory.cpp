#include "mm/kernel_memory.hpp"

#include "emu/assert.hpp"
#include "mm/physical_memory.hpp"
#include "mm/slab/kernel_object.hpp"

namespace fl::mm {

namespace {

constexpr std::uint64_t kept_part = 16;  // of RAM

std::uint64_t frames_for(std::uint64_t bytes) { return (bytes + page_mask) >> page_shift; }

}  // namespace

KernelCharge::~KernelCharge() {
    if (memory_ != nullptr) memory_->give_back(pooled_bytes());
}

KernelMemory::~KernelMemory() { FL_ASSERT(bytes_ == 0 && frames_.empty()); }

Result<KernelCharge> KernelMemory::charge(std::uint64_t bytes) {
    if (bytes > memory_.total_page_count().bytes()) return fail(Errno::enomem);
    const std::uint64_t part = memory_.slab() != nullptr ? bytes & page_mask : 0;
    const std::uint64_t wanted = frames_for(bytes_ + bytes - part);
    const std::uint64_t more = wanted - frames_.size() + (part > 0 ? 1 : 0);
    const std::uint64_t kept = memory_.total_page_count().value() / kept_part;
    if (more > 0 && memory_.buddy().free_page_count().value() < more + kept) return fail(Errno::enomem);
    auto object = new_kmalloc_object(memory_, part);
    if (!object) return fail(object.error());
    bytes_ += bytes - part;
    KernelCharge charged(*this, bytes);
    charged.part_ = std::move(*object);
    while (frames_.size() < wanted) {
        const auto frame = memory_.allocate(FrameState::reserved, Fill::caller);
        if (!frame) return fail(frame.error());
        frames_.push_back(*frame);
    }
    return charged;
}

void KernelMemory::give_back(std::uint64_t bytes) {
    FL_ASSERT(bytes <= bytes_);
    bytes_ -= bytes;
    const std::uint64_t needed = frames_for(bytes_);
    while (frames_.size() > needed) {
        memory_.release(frames_.back());
        frames_.pop_back();
    }
}

}  // namespace fl::mm
