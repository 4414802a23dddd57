#include "trace/line_table.hpp"

#include <elfutils/libdw.h>
#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace fl::trace {

namespace {

// Units of a hostile file may all point to one long list of ranges; an honest program has a few hundred thousand.
constexpr std::size_t max_unit_ranges = std::size_t{1} << 20;
constexpr std::size_t max_source_bytes = 512;

// Whether a section whose name `is_meant` accepts is not good, or the sections cannot be read.
template <class IsMeant, class IsGood>
bool any_bad_section(Elf& elf, IsMeant&& is_meant, IsGood&& is_good) {
    std::size_t names = 0;
    if (elf_getshdrstrndx(&elf, &names) != 0) return true;
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(&elf, section)) != nullptr) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr) return true;
        const char* name = elf_strptr(&elf, names, header.sh_name);
        if (name != nullptr && is_meant(std::string_view(name)) && !is_good(section)) return true;
    }
    return false;
}

// Such a file leaves part of its DWARF in another one, which libdw would open by the name that it gives.
bool refers_to_other_file(Elf& elf) {
    return any_bad_section(
        elf, [](std::string_view name) { return name == ".gnu_debugaltlink"; }, [](Elf_Scn*) { return false; });
}

// libdw (0.188) looks for the end of a string beyond the end of these sections.
bool has_unended_strings(Elf& elf) {
    const auto holds_strings = [](std::string_view name) {
        return name.ends_with("debug_str") || name.ends_with("debug_line_str");
    };
    return any_bad_section(elf, holds_strings, [](Elf_Scn* section) {
        const Elf_Data* data = elf_rawdata(section, nullptr);
        if (data == nullptr || data->d_size == 0) return true;
        return data->d_buf != nullptr && static_cast<const char*>(data->d_buf)[data->d_size - 1] == '\0';
    });
}

std::string_view without_dot_slash(std::string_view path) {
    while (path.starts_with("./")) path.remove_prefix(2);
    return path;
}

}  // namespace

LineTable::LineTable(Elf& elf) {
    if (refers_to_other_file(elf)) return;
    dwarf_ = dwarf_begin_elf(&elf, DWARF_C_READ, nullptr);
    // Asked only now, as opening has unpacked compressed sections.
    if (dwarf_ != nullptr && !has_unended_strings(elf)) collect_units();
}

LineTable::~LineTable() {
    if (dwarf_ != nullptr) dwarf_end(dwarf_);
}

void LineTable::collect_units() {
    Dwarf_Off offset = 0;
    Dwarf_Off next = 0;
    std::size_t header_bytes = 0;
    while (units_.size() < max_unit_ranges &&
           dwarf_nextcu(dwarf_, offset, &next, &header_bytes, nullptr, nullptr, nullptr) == 0 && next > offset) {
        collect_ranges(offset + header_bytes);
        offset = next;
    }
    std::sort(units_.begin(), units_.end(), [](const UnitRange& a, const UnitRange& b) { return a.start < b.start; });
}

void LineTable::collect_ranges(std::uint64_t die_offset) {
    Dwarf_Die unit;
    if (dwarf_offdie(dwarf_, die_offset, &unit) == nullptr) return;
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    std::ptrdiff_t position = 0;
    while (units_.size() < max_unit_ranges && (position = dwarf_ranges(&unit, position, &base, &start, &end)) > 0) {
        if (start < end) units_.push_back({start, end, die_offset});
    }
}

std::string LineTable::source_of(std::uint64_t address) const {
    const auto starts_after = [](std::uint64_t value, const UnitRange& unit) { return value < unit.start; };
    const auto after = std::upper_bound(units_.begin(), units_.end(), address, starts_after);
    if (after == units_.begin() || address >= std::prev(after)->end) return {};

    Dwarf_Die unit;
    if (dwarf_offdie(dwarf_, std::prev(after)->die_offset, &unit) == nullptr) return {};
    Dwarf_Line* line = dwarf_getsrc_die(&unit, address);
    int number = 0;
    if (line == nullptr || dwarf_lineno(line, &number) != 0 || number <= 0) return {};
    const char* path = dwarf_linesrc(line, nullptr, nullptr);
    if (path == nullptr) return {};
    return fmt::format("{}:{}", without_dot_slash(std::string_view(path).substr(0, max_source_bytes)), number);
}

}  // namespace fl::trace
