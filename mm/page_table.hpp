// PageTable: the four-level table of one address space, in emulated RAM.
//
// Invariants: a table page exists only while a VMA lies in the range it covers, or until free_tables() of that range;
// table_count() counts every table page, the root (PGD) included; upper entries carry all rights, the leaf decides. The
// root's upper half is a copy of the KernelSpace's, where there is one: the tables below it are not this table's.
#pragma once

#include "emu/pte.hpp"
#include "mm/page_walk.hpp"
#include "mm/physical_memory.hpp"

#include <functional>
#include <span>

namespace fl::mm {

class PageTable {
public:
    // What one table of the last level covers.
    static constexpr std::uint64_t leaf_table_bytes = 512 * page_size;

    // ENOMEM where there is no frame for the root.
    static Result<PageTable> create(PhysicalMemory& memory);
    PageTable(PageTable&& other) noexcept;
    PageTable& operator=(PageTable&&) = delete;
    // No leaf entry is left: the owner has unmapped everything.
    ~PageTable();

    Pfn root() const { return root_; }
    PageCount table_count() const { return tables_; }

    // The leaf entry for `address`; nullptr where a table on the way is missing.
    emu::Pte* find(VirtAddr address) const;
    // Every entry on the way to it.
    PageWalk walk_to(VirtAddr address) const;
    // find(), with missing tables allocated; ENOMEM leaves tables that were added in place, empty.
    Result<emu::Pte*> ensure(VirtAddr address);
    // The tables above the last level for `address` (pgd, pud and pmd entries up to the page middle directory); ENOMEM.
    Result<void> ensure_upper(VirtAddr address);

    // Calls visit(address, pte) for each leaf entry in `range` that is not none, in address order.
    template <class Visitor>
    void for_each(VirtRange range, Visitor&& visit) const {
        if (!range.empty()) walk<1>(root_, 4, VirtAddr(0), range, visit);
    }
    // Calls visit(start of what it covers) for each table of the last level that covers part of `range`.
    template <class Visitor>
    void for_each_leaf_table(VirtRange range, Visitor&& visit) const {
        const auto visit_entry = [&visit](VirtAddr start, const emu::Pte&) { visit(start); };
        if (!range.empty()) walk<2>(root_, 4, VirtAddr(0), range, visit_entry);
    }

    // Frees the tables that cover part of `range` and lie wholly inside `limits`, where no VMA is left.
    void free_tables(VirtRange range, VirtRange limits);

    // Every table page of the user half with the range that it covers, root first: for verify.
    void for_each_table(const std::function<void(Pfn, VirtRange)>& visit) const;

private:
    PageTable(PhysicalMemory& memory, Pfn root) : memory_(&memory), root_(root), tables_(1) {}

    // The table of level `level` for `address`, allocated with those above it where they are missing.
    Result<Pfn> ensure_table(VirtAddr address, unsigned level);

    static constexpr std::uint64_t span_bytes(unsigned level) { return page_size << (9 * (level - 1)); }

    // The entries of level `last` that are not none.
    template <unsigned last, class Visitor>
    void walk(Pfn table, unsigned level, VirtAddr base, VirtRange range, Visitor& visit) const {
        const auto entries = memory_->ram().table(table);
        const std::uint64_t span = span_bytes(level);
        const std::uint64_t first = range.start > base ? (range.start - base) / span : 0;
        for (std::uint64_t i = first; i < 512; ++i) {
            const VirtAddr at = base + i * span;
            if (at >= range.end) return;
            emu::Pte& entry = entries[i];
            if (entry.is_none()) continue;
            if (level == last) {
                visit(at, entry);
            } else {
                walk<last>(entry.pfn(), level - 1, at, range, visit);
            }
        }
    }

    void free_tables_below(Pfn table, unsigned level, VirtAddr base, VirtRange range, VirtRange limits);
    // Without those of a root that lead into the kernel half.
    std::span<emu::Pte> own_entries(Pfn table, unsigned level) const;
    void free_subtree(Pfn table, unsigned level);
    void visit_tables(Pfn table, unsigned level, VirtAddr base, const std::function<void(Pfn, VirtRange)>& visit) const;

    PhysicalMemory* memory_;
    Pfn root_;
    PageCount tables_;
};

}  // namespace fl::mm
