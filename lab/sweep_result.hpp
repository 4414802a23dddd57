// SweepResult: what one configuration of a sweep came to.
#pragma once

#include "lab/replay.hpp"
#include "lab/sweep_plan.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace fl::lab {

enum class SweepStatus : std::uint8_t {
    ok,
    stopped,  // it came to no end of its own; the counts are those until then
    failed,   // there are no counts
};
const char* status_name(SweepStatus status);

struct SweepResult {
    SweepStatus status = SweepStatus::ok;
    std::string error{};  // one line, in UTF-8; empty where it is well

    // nullopt: nothing counted it.
    std::optional<std::uint64_t> references{}, hits{};
    std::optional<std::uint64_t> faults{}, minor_faults{}, major_faults{}, refaults{};
    std::optional<std::uint64_t> clean_evictions{}, dirty_evictions{}, write_backs{};
    std::optional<double> resident_mean{};  // pages
    std::optional<double> access_ns{};      // the effective access time
    std::optional<std::uint64_t> instructions{}, virtual_time_ns{};
    std::optional<std::uint64_t> exit_status{};  // of a program

    friend bool operator==(const SweepResult&, const SweepResult&) = default;
};

SweepResult failed_result(const std::string& error);
// A page's first fault is minor, each further one major: what leaves memory comes back from swap or a file.
SweepResult replay_result(const ReplayCounts& counts, const SweepCosts& costs);

// A line without its end, that shows by itself whether it is whole and belongs to the plan of this name.
std::string result_line(const std::string& plan_name, std::uint64_t configuration, const SweepResult& result);
struct NumberedResult {
    std::uint64_t configuration = 0;
    SweepResult result{};
};
// nullopt: it is not whole, or belongs to another plan.
std::optional<NumberedResult> parse_result_line(const std::string& plan_name, const std::string& line);

}  // namespace fl::lab
