// The views of `faultline inspect` as JSON: the same runs, tables and lists as the text has (docs/inspect.md).
//
// Addresses and page-table entries are strings in hexadecimal, as in a trace; frames, slots and counts are numbers.
// What there is none of is null.
#pragma once

#include "cli/stopped_run.hpp"
#include "kernel/inspection.hpp"

#include <nlohmann/json.hpp>

#include <string_view>

namespace fl::cli {

using Json = nlohmann::ordered_json;

// `view`: a name that --show knows.
Json json_view(std::string_view view, const kernel::Inspection& machine, const kernel::InspectedProcess& process);
Json json_walk(const kernel::Inspection& machine, const kernel::InspectedProcess& process, VirtAddr address);
Json json_physical(const kernel::Inspection& machine, PhysAddr address);
// Where the machine stands, and what it was stopped at.
Json json_standing(const kernel::Inspection& machine, const StoppedAt& at, const StopPoint& point);

// One line, in ASCII, with its end.
std::string json_line(const Json& json);

}  // namespace fl::cli
