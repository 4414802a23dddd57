// UserMemory: the kernel's way to a program's memory (Linux: copy_from_user, copy_to_user, strncpy_from_user), through
// the same page walk and the same fault handler as the program's own accesses. A fatal fault is EFAULT.
#pragma once

#include "emu/mmu.hpp"
#include "mm/errno.hpp"
#include "mm/fault_handler.hpp"

#include <span>
#include <string>
#include <type_traits>

namespace fl::mm {

class UserMemory {
public:
    UserMemory(emu::Mmu& mmu, FaultHandler& handler, MmStruct& mm) : mmu_(mmu), handler_(handler), mm_(mm) {}

    // All bytes or EFAULT; what was copied before the fault stays copied.
    Result<void> copy_from(VirtAddr source, std::span<std::byte> into);
    Result<void> copy_to(VirtAddr target, std::span<const std::byte> from);
    Result<void> clear(VirtAddr target, std::uint64_t size_bytes);
    // As many bytes as there are before a fault: read(2) and write(2) answer with the part that worked.
    std::uint64_t copy_from_partial(VirtAddr source, std::span<std::byte> into);
    std::uint64_t copy_to_partial(VirtAddr target, std::span<const std::byte> from);
    // forced_access.cpp. The same, as another process reaches this memory (access_process_vm).
    std::uint64_t copy_from_remote(VirtAddr source, std::span<std::byte> into, Rights rights);
    std::uint64_t copy_to_remote(VirtAddr target, std::span<const std::byte> from, Rights rights);
    // populate.cpp. Brings in the pages of `range` before they are touched (mm_populate): of writable private memory as
    // by a write, of other memory as by a read; none of what is locked on fault. Each VMA goes as far as it can; the
    // answer is the first failure: EFAULT for a page that cannot be had, ENOMEM without a frame for it.
    enum class Failures : std::uint8_t { stop, pass_over };
    Result<void> populate(VirtRange range, Failures failures);
    // MADV_POPULATE_READ and _WRITE. ENOMEM for a hole, EINVAL where the VMA forbids the access, EFAULT for a page that
    // cannot be had.
    Result<void> populate_for(VirtRange range, emu::Access access);
    // A NUL-terminated string without its NUL; ENAMETOOLONG where it is longer than `max_bytes`.
    Result<std::string> read_string(VirtAddr source, std::uint64_t max_bytes);

    template <class T>
    requires std::is_trivially_copyable_v<T> Result<T> read(VirtAddr source) {
        T value{};
        if (auto done = copy_from(source, std::as_writable_bytes(std::span(&value, 1))); !done) {
            return fail(done.error());
        }
        return value;
    }
    template <class T>
    requires std::is_trivially_copyable_v<T> Result<void> write(VirtAddr target, const T& value) {
        return copy_to(target, std::as_bytes(std::span(&value, 1)));
    }

private:
    // Calls use(bytes of the frame) page by page; returns how many bytes were reached.
    template <class Use>
    std::uint64_t for_each_page(VirtAddr start, std::uint64_t size_bytes, emu::Access access, Use&& use);
    template <class Use>
    std::uint64_t for_each_remote_page(VirtAddr start, std::uint64_t size_bytes, emu::Access access, Rights rights,
                                       Use&& use);
    // EFAULT, or ENOMEM where no frame was left.
    Result<Pfn> reach(VirtAddr address, emu::Access access);
    Result<Pfn> reach_remote(VirtAddr address, emu::Access access, Rights rights);
    Result<void> reach_all(VirtRange pages, emu::Access access);

    emu::Mmu& mmu_;
    FaultHandler& handler_;
    MmStruct& mm_;
};

}  // namespace fl::mm
