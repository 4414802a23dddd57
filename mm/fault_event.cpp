#include "mm/fault_event.hpp"

#include <numeric>

namespace fl::mm {

const char* fault_kind_name(FaultKind kind) {
    static constexpr std::array<const char*, fault_kind_count> names = {
        "demand_zero", "zero_page",    "zero_upgrade", "file_minor", "file_major", "cow",
        "cow_reuse",   "write_notify", "swap_in",      "stack_grow", "spurious",   "userfault",
        "segv_maperr", "segv_accerr",  "sigbus",       "poisoned",   "oom"};
    return names[static_cast<std::size_t>(kind)];
}

bool is_fatal(FaultKind kind) {
    return kind == FaultKind::segv_maperr || kind == FaultKind::segv_accerr || kind == FaultKind::sigbus ||
           kind == FaultKind::poisoned || kind == FaultKind::oom;
}

std::uint64_t FaultCounters::total() const { return std::accumulate(by_kind.begin(), by_kind.end(), std::uint64_t{0}); }

}  // namespace fl::mm
