// LineTable: which source line an address of an ELF file comes from, by its DWARF.
//
// The file is untrusted: what cannot be read is left out, and the work for it is bounded. Nothing outside the file is
// opened: no separate debug file, no alternate file, no server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

struct Dwarf;
struct Elf;

namespace fl::trace {

class LineTable {
public:
    // `elf` must outlive the table.
    explicit LineTable(Elf& elf);
    LineTable(const LineTable&) = delete;
    LineTable& operator=(const LineTable&) = delete;
    ~LineTable();

    // "guest-programs/hello.c:12" for an address of the file (before any load bias); empty where it is not known.
    std::string source_of(std::uint64_t address) const;

private:
    // The addresses of one compilation unit; it may have several ranges.
    struct UnitRange {
        std::uint64_t start;
        std::uint64_t end;
        std::uint64_t die_offset;
    };

    void collect_units();
    void collect_ranges(std::uint64_t die_offset);

    Dwarf* dwarf_ = nullptr;  // nullptr: there is none to read
    std::vector<UnitRange> units_;
};

}  // namespace fl::trace
