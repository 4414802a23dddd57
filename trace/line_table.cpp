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

// Such a file leaves part of its DWARF in another one, which libdw would open by the name that it gives.
bool refers_to_other_file(Elf& elf) {
    std::size_t names = 0;
    if (elf_getshdrstrndx(&elf, &names) != 0) return true;
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(&elf, section)) != nullptr) {
        GElf_Shdr header{};
        if (gelf_getshdr(section, &header) == nullptr) return true;
        const char* name = elf_strptr(&elf, names, header.sh_name);
        if (name != nullptr && std::string_view(name) == ".gnu_debugaltlink") return true;
    }
    return false;
}

std::string_view without_dot_slash(std::string_view path) {
    while (path.starts_with("./")) path.remove_prefix(2);
    return path;
}

}  // namespace

LineTable::LineTable(Elf& elf) {
    if (refers_to_other_file(elf)) return;
    dwarf_ = dwarf_begin_elf(&elf, DWARF_C_READ, nullptr);
    if (dwarf_ != nullptr) collect_units();
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
