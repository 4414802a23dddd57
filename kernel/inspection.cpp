#include "kernel/inspection.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace fl::kernel {

const InspectedProcess* Inspection::find(std::uint32_t pid) const {
    const auto found = std::ranges::find(processes, pid, &InspectedProcess::pid);
    return found != processes.end() ? &*found : nullptr;
}

tl::expected<const InspectedProcess*, std::string> Inspection::find_or_current(std::optional<std::uint64_t> pid) const {
    const std::uint64_t wanted = pid.value_or(current_pid);
    std::vector<std::uint32_t> pids;
    for (const InspectedProcess& process : processes) {
        if (process.pid == wanted) return &process;
        pids.push_back(process.pid);
    }
    return tl::unexpected(
        fmt::format("there is no process {} then that has memory; there are {}", wanted, fmt::join(pids, ", ")));
}

std::uint32_t Inspection::owner_of(const mm::MmStruct& mm) const {
    const auto found = std::ranges::find(processes, &mm, &InspectedProcess::mm);
    return found != processes.end() ? found->pid : 0;
}

}  // namespace fl::kernel
