// KernelStack: the 16 KiB that a thread runs on inside of the kernel (THREAD_SIZE): four frames, anywhere in RAM, as
// CONFIG_VMAP_STACK has them. The kernel of this machine runs on the host's stacks; these are what it would take.
#pragma once

#include "emu/address.hpp"
#include "mm/errno.hpp"

#include <array>
#include <utility>

namespace fl::mm {

class PhysicalMemory;

class KernelStack {
public:
    static constexpr std::size_t frame_count = 4;

    KernelStack() = default;
    KernelStack(KernelStack&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), frames_(other.frames_), count_(other.count_) {}
    KernelStack& operator=(KernelStack&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(frames_, other.frames_);
        std::swap(count_, other.count_);
        return *this;
    }
    ~KernelStack();
    // ENOMEM. Of a machine that does not account for its objects the stack takes nothing.
    static Result<KernelStack> create(PhysicalMemory& memory);

    std::size_t held_frame_count() const { return memory_ != nullptr ? count_ : 0; }

private:
    explicit KernelStack(PhysicalMemory& memory) : memory_(&memory) {}

    PhysicalMemory* memory_ = nullptr;
    std::array<Pfn, frame_count> frames_{};
    std::size_t count_ = 0;
};

}  // namespace fl::mm
