// MemoryObserver: hears of every use of a user page, and of what becomes of pages, beside what a
// ProcessObserver hears. Who records reference strings is one.
#pragma once

#include "emu/page_fault.hpp"
#include "mm/process_observer.hpp"
#include "mm/reclaim_event.hpp"

#include <cstdint>

namespace fl::mm {

// Pages are named by the numbers that policies know them by (Reclaimer). A page is told of before the first of its
// references. None of the functions may change what they are told of; the processor may be in the middle of an
// instruction.
class MemoryObserver : public ProcessObserver {
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

protected:
    ~MemoryObserver() = default;
};

}  // namespace fl::mm
