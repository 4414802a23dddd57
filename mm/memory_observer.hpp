// MemoryObserver: hears of every use of a user page, and of what becomes of pages, address spaces and processes. Who
// records reference strings is one.
#pragma once

#include "emu/page_fault.hpp"
#include "mm/reclaim_event.hpp"

#include <cstdint>
#include <string>

namespace fl::mm {

class MmStruct;

// Pages are named by the numbers that policies know them by (Reclaimer). A page is told of before the first of its
// references. None of the functions may change what they are told of; the processor may be in the middle of an
// instruction.
class MemoryObserver {
public:
    virtual void on_page(const PageName& page) noexcept = 0;
    // By the processor, or by the kernel for the program, `count` times in a row.
    virtual void on_page_reference(std::uint32_t page, emu::Access access, std::uint32_t count) noexcept = 0;
    // The kernel is about to copy this page to the one that is referenced next: it does not leave before.
    virtual void on_page_held(std::uint32_t page) noexcept = 0;
    // It is no more, or has left memory because the program said that it may. The number may come to mean another.
    virtual void on_page_gone(std::uint32_t page) noexcept = 0;
    // From here on references are made in the address space of this process.
    virtual void on_address_space(std::uint32_t process) noexcept = 0;

    // The machine's part. `process` has these mappings now, unless they are those that it had.
    virtual void on_mappings(std::uint32_t process, const MmStruct& mm) noexcept = 0;
    virtual void on_fork(std::uint32_t parent, std::uint32_t child) noexcept = 0;
    virtual void on_exec(std::uint32_t process, const std::string& path) noexcept = 0;
    virtual void on_exit(std::uint32_t process) noexcept = 0;

protected:
    ~MemoryObserver() = default;
};

}  // namespace fl::mm
