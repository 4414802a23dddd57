#include "kernel/strace/memory.hpp"

#include "kernel/strace/named.hpp"
#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>

namespace fl::kernel::strace {

namespace {

constexpr FlagName protections[] = {NAMED(PROT_NONE), NAMED(PROT_READ),      NAMED(PROT_WRITE),
                                    NAMED(PROT_EXEC), NAMED(PROT_GROWSDOWN), NAMED(PROT_GROWSUP)};
constexpr FlagName map_types[] = {{0, "MAP_FILE"}, NAMED(MAP_SHARED), NAMED(MAP_PRIVATE), NAMED(MAP_SHARED_VALIDATE)};
constexpr FlagName map_options[] = {
    NAMED(MAP_FIXED),    NAMED(MAP_ANONYMOUS), NAMED(MAP_32BIT),     NAMED(MAP_NORESERVE),      NAMED(MAP_POPULATE),
    NAMED(MAP_NONBLOCK), NAMED(MAP_GROWSDOWN), NAMED(MAP_DENYWRITE), NAMED(MAP_EXECUTABLE),     NAMED(MAP_LOCKED),
    NAMED(MAP_STACK),    NAMED(MAP_HUGETLB),   NAMED(MAP_SYNC),      NAMED(MAP_FIXED_NOREPLACE)};
constexpr FlagName advices[] = {
    NAMED(MADV_NORMAL),         NAMED(MADV_RANDOM),    NAMED(MADV_SEQUENTIAL),     NAMED(MADV_WILLNEED),
    NAMED(MADV_DONTNEED),       NAMED(MADV_FREE),      NAMED(MADV_REMOVE),         NAMED(MADV_DONTFORK),
    NAMED(MADV_DOFORK),         NAMED(MADV_MERGEABLE), NAMED(MADV_UNMERGEABLE),    NAMED(MADV_HUGEPAGE),
    NAMED(MADV_NOHUGEPAGE),     NAMED(MADV_DONTDUMP),  NAMED(MADV_DODUMP),         NAMED(MADV_WIPEONFORK),
    NAMED(MADV_KEEPONFORK),     NAMED(MADV_COLD),      NAMED(MADV_PAGEOUT),        NAMED(MADV_POPULATE_READ),
    NAMED(MADV_POPULATE_WRITE), NAMED(MADV_HWPOISON),  {101, "MADV_SOFT_OFFLINE"}, {24, "MADV_DONTNEED_LOCKED"},
    {25, "MADV_COLLAPSE"}};
constexpr FlagName sync_flags[] = {NAMED(MS_SYNC), NAMED(MS_ASYNC), NAMED(MS_INVALIDATE)};
constexpr FlagName remap_flags[] = {NAMED(MREMAP_MAYMOVE), NAMED(MREMAP_FIXED), {4, "MREMAP_DONTUNMAP"}};
constexpr FlagName lock_flags[] = {NAMED(MLOCK_ONFAULT)};
constexpr FlagName lock_all_flags[] = {NAMED(MCL_CURRENT), NAMED(MCL_FUTURE), NAMED(MCL_ONFAULT)};
constexpr FlagName memfd_flags[] = {{1, "MFD_CLOEXEC"}, {2, "MFD_ALLOW_SEALING"}, {4, "MFD_HUGETLB"}};
constexpr FlagName pkey_accesses[] = {{1, "PKEY_DISABLE_ACCESS"}, {2, "PKEY_DISABLE_WRITE"}};
constexpr FlagName userfault_flags[] = {{1, "UFFD_USER_MODE_ONLY"}, NAMED(O_NONBLOCK), NAMED(O_CLOEXEC)};
constexpr FlagName cloexec_flags[] = {NAMED(O_CLOEXEC)};
constexpr FlagName pipe_flags[] = {NAMED(O_NONBLOCK), NAMED(O_DIRECT), NAMED(O_CLOEXEC)};
constexpr Names protection_names{protections, "PROT_???"};
constexpr Names map_type_names{map_types, "MAP_???"};
constexpr Names map_option_names{map_options, nullptr};

}  // namespace

const Names advice_names{advices, "MADV_???"};
const Names sync_flag_names{sync_flags, "MS_???"};
const Names remap_flag_names{remap_flags, "MREMAP_???"};
const Names lock_flag_names{lock_flags, "MLOCK_???"};
const Names lock_all_flag_names{lock_all_flags, "MCL_???"};
const Names memfd_flag_names{memfd_flags, "MFD_???"};
const Names pkey_access_names{pkey_accesses, "PKEY_???"};
const Names userfault_flag_names{userfault_flags, "UFFD_???"};
const Names pipe_flag_names{pipe_flags, "O_???"};
const Names open_cloexec_names{cloexec_flags, "O_???"};

std::string print_protection(const Argument& a) { return flags_text(protection_names, a.value()); }

std::string print_map_flags(const Argument& a) {
    // MAP_HUGE_SHIFT: the page size's logarithm has no names of its own.
    constexpr std::uint64_t huge_shift = 26, huge_mask = 0x3f;
    const std::uint64_t flags = a.value(), type = flags & MAP_TYPE;
    const std::uint64_t huge = (flags & MAP_HUGETLB) != 0 ? (flags >> huge_shift) & huge_mask : 0;
    const std::uint64_t options = flags & ~type & ~(huge << huge_shift);
    std::string text = value_text(map_type_names, type);
    if (options != 0) text += "|" + flags_text(map_option_names, options);
    return huge == 0 ? text : fmt::format("{}|{}<<MAP_HUGE_SHIFT", text, huge);
}

// Elsewhere the fifth argument of mremap is whatever the register held.
std::string print_remap_target(const Argument& a) {
    constexpr std::uint64_t fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
    return (a.neighbour(-1) & fixed) == fixed ? address_text(a.value()) : "";
}

std::string print_residency(const Argument& a) {
    const std::uint64_t size_bytes = a.neighbour(-1);
    const std::uint64_t pages = size_bytes / page_size + (size_bytes % page_size != 0 ? 1 : 0);
    return array_text<std::uint8_t>(a.call, a.value(), pages,
                                    [](std::uint8_t page) { return std::to_string(page & 1); });
}

std::string segments_text(const Call& call, std::uint64_t address, std::uint64_t count,
                          std::optional<std::uint64_t> filled) {
    return array_text<iovec>(call, address, count, [&](const iovec& segment) {
        const auto base = reinterpret_cast<std::uint64_t>(segment.iov_base);
        const std::uint64_t shown = std::min<std::uint64_t>(segment.iov_len, filled.value_or(0));
        if (filled) *filled -= shown;
        return fmt::format("{{iov_base={}, iov_len={}}}", filled ? buffer_text(call, base, shown) : address_text(base),
                           segment.iov_len);
    });
}

std::string print_segments(const Argument& a) {
    return segments_text(a.call, a.value(), a.neighbour(1), ~std::uint64_t{0});
}

std::string print_filled_segments(const Argument& a) {
    const auto filled = a.call.succeeded() ? std::optional(a.call.value()) : std::nullopt;
    return segments_text(a.call, a.value(), a.neighbour(1), filled);
}

std::string print_segment_places(const Argument& a) {
    return segments_text(a.call, a.value(), a.neighbour(1), std::nullopt);
}

}  // namespace fl::kernel::strace
