// Payload: what a report's page shows, as one string that HTML can hold.
//
// The string is base64 of a zlib stream (RFC 1950) of
//
//   bytes 0..3   the length of the head, little-endian
//   the head     JSON: whatever add_json() was given, "strings", and "tables": by name {"rows": N, "columns": by name
//                [encoding, offset, planes, largest value]}; offsets count from the head's end
//   the columns  (columns.hpp), one after the other
#pragma once

#include "trace/report/columns.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace fl::trace::report {

class Payload {
public:
    // `json` must be a JSON value; keys must differ from one another.
    void add_json(std::string_view key, std::string_view json);
    // The same, from text of any bytes.
    void add_text(std::string_view key, std::string_view text);
    // The number of a string in the head's "strings"; equal strings have one. 0 is the empty one.
    std::uint32_t string_index(std::string_view text);
    Table& add_table(std::string_view name) { return tables_.emplace_back(std::string(name)); }

    // Throws std::bad_alloc.
    std::string pack() const;

private:
    std::string head() const;

    std::string json_;
    std::string strings_ = "\"\"";
    std::unordered_map<std::string, std::uint32_t> indexes_ = {{"", 0}};
    std::deque<Table> tables_;
};

std::string base64(std::string_view bytes);

}  // namespace fl::trace::report
