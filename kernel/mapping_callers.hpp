// MappingCallers: where the last system calls that changed mappings came from, for what mm::MappingHistory keeps of
// these changes. It hears of changes as any observer does, once the call is over.
//
// Bounded, of all processes together: the oldest are forgotten.
#pragma once

#include "emu/ram.hpp"
#include "kernel/call_site.hpp"
#include "kernel/clock.hpp"
#include "mm/mapping_history.hpp"
#include "mm/process_observer.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::kernel {

class MappingCallers final : public mm::ProcessObserver {
public:
    static constexpr std::size_t capacity = 2 * mm::MappingHistory::capacity;
    // Of the stack: the frames of a C library's functions around a system call take less.
    static constexpr std::size_t stack_bytes = 256;

    // Both must outlive it.
    MappingCallers(const emu::Ram& ram, const Clock& clock) : ram_(ram), clock_(clock) {}

    // Whose turn it is; they must stay until it is another's.
    void set_registers(const emu::Registers& registers) { registers_ = &registers; }
    // The call that made the change; nullptr: it is forgotten.
    const CallSite* find(const mm::MappingChange& change) const;

    void on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange changed) noexcept override;
    void on_fork(std::uint32_t /*parent*/, std::uint32_t /*child*/) noexcept override {}
    void on_exec(std::uint32_t /*process*/, const std::string& /*path*/) noexcept override {}
    void on_exit(std::uint32_t /*process*/, const mm::ProcessEnd& /*end*/) noexcept override {}

private:
    // The change was made after `since_ns`, and not after `until_ns`.
    struct Entry {
        std::uint64_t since_ns = 0, until_ns = 0;
        CallSite site;
    };

    const emu::Ram& ram_;
    const Clock& clock_;
    const emu::Registers* registers_ = nullptr;
    std::vector<Entry> entries_;
    std::size_t newest_ = 0;
    std::uint64_t told_ns_ = 0;  // when it was told of mappings last, changed or not
};

}  // namespace fl::kernel
