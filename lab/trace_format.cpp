#include "lab/trace_format.hpp"

#include "lab/refs_format.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace fl::lab {

namespace {

struct Name {
    TraceFormat format;
    std::string_view name;
};
constexpr std::array<Name, 5> names = {{{TraceFormat::refs, "refs"},
                                        {TraceFormat::text, "text"},
                                        {TraceFormat::u64, "u64"},
                                        {TraceFormat::lackey, "lackey"},
                                        {TraceFormat::oracle_general, "oracle-general"}}};
constexpr std::array<Name, 7> suffixes = {{{TraceFormat::refs, ".refs"},
                                           {TraceFormat::text, ".txt"},
                                           {TraceFormat::text, ".text"},
                                           {TraceFormat::u64, ".u64"},
                                           {TraceFormat::lackey, ".lackey"},
                                           {TraceFormat::oracle_general, ".oracleGeneral"},
                                           {TraceFormat::oracle_general, ".oracleGeneral.bin"}}};

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

// "I  04016b20,3" or " S 1ffeffff38,8".
bool is_lackey_access(std::string_view line) {
    constexpr std::size_t address_at = 3;
    const bool is_access =
        line.starts_with("I  ") || line.starts_with(" L ") || line.starts_with(" S ") || line.starts_with(" M ");
    if (!is_access || line.size() == address_at) return false;
    line.remove_prefix(address_at);
    const std::size_t digits =
        static_cast<std::size_t>(std::find_if_not(line.begin(), line.end(), is_hex) - line.begin());
    return digits > 0 && digits < line.size() && line[digits] == ',';
}

}  // namespace

std::string_view trace_format_name(TraceFormat format) {
    return std::find_if(names.begin(), names.end(), [&](const Name& name) { return name.format == format; })->name;
}

std::optional<TraceFormat> trace_format_by_name(std::string_view name) {
    for (const Name& known : names) {
        if (known.name == name) return known.format;
    }
    return std::nullopt;
}

std::optional<TraceFormat> trace_format_by_suffix(std::string_view path) {
    constexpr std::string_view packed = ".zst";
    if (path.ends_with(packed)) path.remove_suffix(packed.size());
    for (const Name& suffix : suffixes) {
        if (path.ends_with(suffix.name)) return suffix.format;
    }
    return std::nullopt;
}

// valgrind's own lines, "==PID== ...", come first.
std::optional<TraceFormat> trace_format_by_content(std::string_view begin) {
    if (begin.starts_with(refs::magic)) return TraceFormat::refs;
    while (!begin.empty()) {
        const std::string_view line = begin.substr(0, begin.find('\n'));
        if (is_lackey_access(line)) return TraceFormat::lackey;
        if (!line.empty() && !line.starts_with("==")) return std::nullopt;
        begin.remove_prefix(std::min(begin.size(), line.size() + 1));
    }
    return std::nullopt;
}

}  // namespace fl::lab
