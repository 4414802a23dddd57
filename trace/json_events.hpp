// What a trace has beside faults and reclaim, as JSON objects without a line's end. Fields: jsonl_writer.hpp.
#pragma once

#include "mm/memory_sample.hpp"
#include "trace/events.hpp"
#include "trace/table_tree.hpp"

#include <string>

namespace fl::trace {

std::string json_of(const TaskEvent& event);
std::string json_of(const MappingsEvent& event);
std::string json_of(const mm::MemorySample& sample);
std::string json_of(const TableTree& tree);

}  // namespace fl::trace
