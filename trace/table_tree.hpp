// TableTree: the page tables of one address space at one moment, in the order of addresses and of bounded size.
#pragma once

#include "mm/page_table.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fl::trace {

// An entry of an upper table, or a run of entries of the last level that have the same flags and frames (or swap slots)
// in a row. An entry of level 2 with a large page has nothing below it. Rows stand in the order of addresses, each
// upper entry before what is below it.
struct TableRow {
    std::uint8_t level = 0;   // 4: in the PGD; 3, 2; 1: of the last level
    std::uint64_t page = 0;   // the first that it covers
    std::uint64_t count = 0;  // entries in the table that it names; level 1: pages of the run
    emu::Pte entry;           // the first of the run
    friend bool operator==(const TableRow&, const TableRow&) = default;
};

struct TableTree {
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    Pfn root{};
    std::uint64_t table_count = 0;  // the root included
    std::vector<TableRow> rows{};
    std::uint64_t left_out = 0;  // rows beyond the limit
    friend bool operator==(const TableTree&, const TableTree&) = default;
};

inline constexpr std::size_t max_table_rows = 65536;
// Throws std::bad_alloc.
TableTree table_tree(const mm::PageTable& table, std::uint32_t pid, std::size_t max_rows = max_table_rows);

}  // namespace fl::trace
