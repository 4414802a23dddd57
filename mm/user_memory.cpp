#include "mm/user_memory.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

Result<Pfn> UserMemory::reach(VirtAddr address, emu::Access access) {
    const Pfn root = mm_.page_table().root();
    auto translation = mmu_.translate(root, address, access, emu::Mode::kernel);
    for (unsigned handled = 0; !translation; ++handled) {
        FL_ASSERT(handled < emu::PageFaultHandler::max_faults_per_access);
        const emu::PageFault fault{address, access, emu::Mode::kernel, translation.error()};
        if (handler_.handle_page_fault(fault) == emu::FaultOutcome::fatal) {
            const FaultKind kind = handler_.last_fatal();
            const bool again = kind == FaultKind::userfault && handler_.wait_for_userfault();
            if (!again) return fail(kind == FaultKind::oom ? Errno::enomem : Errno::efault);
            // It is another access now, as far as its faults are counted.
            handled = 0;
        }
        translation = mmu_.translate(root, address, access, emu::Mode::kernel);
    }
    handler_.note_kernel_access(translation->pfn, access);
    return translation->pfn;
}

template <class Use>
std::uint64_t UserMemory::for_each_page(VirtAddr start, std::uint64_t size_bytes, emu::Access access, Use&& use) {
    // The kernel half is not the program's to name (access_ok).
    if (start > task_size || size_bytes > task_size - start) return 0;
    std::uint64_t done = 0;
    while (done < size_bytes) {
        const VirtAddr at = start + done;
        const std::uint64_t count = std::min(size_bytes - done, page_size - at.page_offset());
        const auto pfn = reach(at, access);
        if (!pfn) break;
        if (access == emu::Access::write) mmu_.ram().note_kernel_store(*pfn);
        use(mmu_.ram().frame(*pfn).subspan(at.page_offset(), count), done);
        done += count;
    }
    return done;
}

std::uint64_t UserMemory::copy_from_partial(VirtAddr source, std::span<std::byte> into) {
    return for_each_page(source, into.size(), emu::Access::read, [&](std::span<std::byte> bytes, std::uint64_t done) {
        std::memcpy(into.data() + done, bytes.data(), bytes.size());
    });
}

std::uint64_t UserMemory::copy_to_partial(VirtAddr target, std::span<const std::byte> from) {
    return for_each_page(target, from.size(), emu::Access::write, [&](std::span<std::byte> bytes, std::uint64_t done) {
        std::memcpy(bytes.data(), from.data() + done, bytes.size());
    });
}

Result<void> UserMemory::copy_from(VirtAddr source, std::span<std::byte> into) {
    if (copy_from_partial(source, into) != into.size()) return fail(Errno::efault);
    return {};
}

Result<void> UserMemory::copy_to(VirtAddr target, std::span<const std::byte> from) {
    if (copy_to_partial(target, from) != from.size()) return fail(Errno::efault);
    return {};
}

Result<void> UserMemory::clear(VirtAddr target, std::uint64_t size_bytes) {
    const std::uint64_t done =
        for_each_page(target, size_bytes, emu::Access::write,
                      [](std::span<std::byte> bytes, std::uint64_t) { std::memset(bytes.data(), 0, bytes.size()); });
    if (done != size_bytes) return fail(Errno::efault);
    return {};
}

Result<std::string> UserMemory::read_string(VirtAddr source, std::uint64_t max_bytes) {
    std::string text;
    while (text.size() <= max_bytes) {
        const auto at = source.checked_add(text.size());
        if (!at || *at >= task_size) return fail(Errno::efault);
        const auto pfn = reach(*at, emu::Access::read);
        if (!pfn) return fail(Errno::efault);
        const auto bytes = mmu_.ram().frame(*pfn).subspan(at->page_offset());
        const auto* characters = reinterpret_cast<const char*>(bytes.data());
        const std::size_t length = ::strnlen(characters, bytes.size());
        text.append(characters, length);
        if (length < bytes.size()) break;
    }
    if (text.size() > max_bytes) return fail(Errno::enametoolong);
    return text;
}

}  // namespace fl::mm
