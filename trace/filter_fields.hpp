// The fields that a filter can ask for, with what each means for each kind of event. Names are those of JSON lines.
#pragma once

#include "mm/reclaim_event.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fl::trace {

// One of the three; the others are nullptr.
struct FilteredEvent {
    const TracedFault* fault = nullptr;
    const mm::EvictionEvent* eviction = nullptr;
    const mm::WriteBackEvent* write_back = nullptr;
};

// monostate: the event has no such field. A text is good until the next one is asked for.
using FieldValue = std::variant<std::monostate, std::uint64_t, std::string_view>;

enum class FieldKind : std::uint8_t {
    number,
    address,  // a range ends before its second address
    time,     // nanoseconds
    word,     // one of FilterField::words
    text,
};

struct FilterField {
    std::string_view name;
    FieldKind kind;
    FieldValue (*value)(const FilteredEvent& event, std::string& scratch);
    std::vector<std::string_view> words{};  // that there are, of a field of words
};

std::span<const FilterField> filter_fields();

}  // namespace fl::trace
