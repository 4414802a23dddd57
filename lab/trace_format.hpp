// TraceFormat: how reference strings are kept in files. docs/refs.md describes each.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fl::lab {

enum class TraceFormat : std::uint8_t {
    refs,            // our own
    text,            // page numbers and events as words
    u64,             // page numbers, eight bytes each
    lackey,          // valgrind --tool=lackey --trace-mem=yes
    oracle_general,  // libCacheSim's oracleGeneral
};

// As users name them: "refs", "text", "u64", "lackey", "oracle-general".
std::string_view trace_format_name(TraceFormat format);
// nullopt: no format has this name.
std::optional<TraceFormat> trace_format_by_name(std::string_view name);
// What a file's name says, a ".zst" at its end left aside: .refs, .txt, .text, .u64, .lackey, .oracleGeneral,
// .oracleGeneral.bin. nullopt: nothing.
std::optional<TraceFormat> trace_format_by_suffix(std::string_view path);
// What its first bytes say, unpacked: a recording of ours, or lackey's lines. nullopt: nothing.
std::optional<TraceFormat> trace_format_by_content(std::string_view begin);

}  // namespace fl::lab
