#include "mm/kernel_memory.hpp"

#include "emu/assert.hpp"
#include "mm/physical_memory.hpp"

namespace fl::mm {

namespace {

constexpr std::uint64_t kept_part = 16;  // of RAM

std::uint64_t frames_for(std::uint64_t bytes) { return (bytes + page_mask) >> page_shift; }

}  // namespace

KernelCharge::~KernelCharge() {
    if (memory_ != nullptr) memory_->give_back(bytes_);
}

KernelMemory::~KernelMemory() { FL_ASSERT(bytes_ == 0 && frames_.empty()); }

Result<KernelCharge> KernelMemory::charge(std::uint64_t bytes) {
    if (bytes > memory_.total_page_count().bytes()) return fail(Errno::enomem);
    const std::uint64_t wanted = frames_for(bytes_ + bytes);
    const std::uint64_t more = wanted - frames_.size();
    const std::uint64_t kept = memory_.total_page_count().value() / kept_part;
    if (more > 0 && memory_.buddy().free_page_count().value() < more + kept) return fail(Errno::enomem);
    bytes_ += bytes;
    KernelCharge charged(*this, bytes);
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
