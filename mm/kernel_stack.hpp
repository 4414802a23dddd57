// KernelStack: the 16 KiB that a thread runs on inside of the kernel (THREAD_SIZE): an area of vmalloc()'s, as
// CONFIG_VMAP_STACK has it: four frames, anywhere in RAM, and behind them a page that is not mapped, where a stack that
// runs over ends. The kernel of this machine runs on the host's stacks; these are what it would take.
#pragma once

#include "emu/address.hpp"
#include "mm/errno.hpp"

#include <optional>
#include <utility>

namespace fl::mm {

class PhysicalMemory;

class KernelStack {
public:
    static constexpr PageCount size{4};

    KernelStack() = default;
    KernelStack(KernelStack&& other) noexcept
        : memory_(other.memory_), start_(std::exchange(other.start_, std::nullopt)) {}
    KernelStack& operator=(KernelStack&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(start_, other.start_);
        return *this;
    }
    ~KernelStack();
    // ENOMEM. In a machine without a kernel half the stack takes nothing.
    static Result<KernelStack> create(PhysicalMemory& memory);

    // Its lowest byte; nullopt: it takes nothing.
    std::optional<VirtAddr> start() const { return start_; }

private:
    KernelStack(PhysicalMemory& memory, VirtAddr start) : memory_(&memory), start_(start) {}

    PhysicalMemory* memory_ = nullptr;
    std::optional<VirtAddr> start_;
};

}  // namespace fl::mm
