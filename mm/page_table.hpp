// PageTable: the four-level table of one address space, in emulated RAM.
//
// A leaf is an entry of level 1, or one of level 2 that maps a large page itself. Beside each large one a table is kept
// for the day on which it has to be split (pgtable_trans_huge_deposit), so that a split never fails.
//
// Invariants: a table page exists only while a VMA lies in the range it covers, or until free_tables() of that range;
// table_count() counts every table page, the root (PGD) and those that are kept included; upper entries carry all
// rights, the leaf decides; as many tables are kept as there are large entries. The upper half of the root is a copy of
// the KernelSpace's, where there is one: the tables below it are not this table's.
#pragma once

#include "emu/pte.hpp"
#include "mm/page_walk.hpp"
#include "mm/physical_memory.hpp"

#include <functional>
#include <span>
#include <vector>

namespace fl::mm {

class PageTable {
public:
    // What one table of the last level covers.
    static constexpr std::uint64_t leaf_table_bytes = 512 * page_size;
    static_assert(leaf_table_bytes == huge_page_bytes);

    // ENOMEM where there is no frame for the root.
    static Result<PageTable> create(PhysicalMemory& memory);
    PageTable(PageTable&& other) noexcept;
    PageTable& operator=(PageTable&&) = delete;
    // No leaf entry is left: the owner has unmapped everything.
    ~PageTable();

    Pfn root() const { return root_; }
    PageCount table_count() const { return tables_; }

    // The leaf entry for `address`, of either size; nullptr where a table on the way is missing.
    emu::Pte* find(VirtAddr address) const;
    // What it says of the 4 KiB page at `address`; none() where there is none.
    emu::Pte page_at(VirtAddr address) const {
        const emu::Pte* entry = find(address);
        return entry != nullptr ? entry->at(address) : emu::Pte::none();
    }
    // The entry of level 2 for `address`; nullptr where a table above is missing.
    emu::Pte* find_upper(VirtAddr address) const;
    // Every entry on the way to it.
    PageWalk walk_to(VirtAddr address) const;
    // The entry of level 1, with missing tables allocated; ENOMEM leaves tables that were added in place, empty. No
    // large page is there.
    Result<emu::Pte*> ensure(VirtAddr address);
    // The tables above the last level for `address` (pgd, pud and pmd entries up to the page middle directory), and
    // the entry of level 2; ENOMEM.
    Result<emu::Pte*> ensure_upper(VirtAddr address);

    // --- large pages ------------------------------------------------------------------------------------------------
    // Keeps a table for a large entry that is about to be made; ENOMEM.
    Result<void> deposit();
    // The large entry that it was kept for is gone, or was not made.
    void drop_deposit();
    // The table that is kept takes the place of a large entry: 512 entries that say the same. Returns the first.
    emu::Pte* split(emu::Pte& large);
    // The other way round: a table whose entries are all none is kept, and `entry` of level 2 becomes none.
    void take_table(emu::Pte& entry);

    // Calls visit(address, pte) for each leaf entry in `range` that is not none, in address order. Those of large
    // pages have been split.
    template <class Visitor>
    void for_each(VirtRange range, Visitor&& visit) const {
        const auto visit_small = [&visit](VirtAddr at, emu::Pte& pte) {
            FL_ASSERT(!pte.is_large());
            visit(at, pte);
        };
        if (!range.empty()) walk<1>(root_, 4, VirtAddr(0), range, visit_small);
    }
    // The same with large entries as they are: with the address where they begin, which may lie below the range.
    template <class Visitor>
    void for_each_entry(VirtRange range, Visitor&& visit) const {
        if (!range.empty()) walk<1>(root_, 4, VirtAddr(0), range, visit);
    }
    // The same for who only looks: a large entry is shown as the 4 KiB ones that it stands for.
    template <class Visitor>
    void for_each_page(VirtRange range, Visitor&& visit) const {
        for_each_entry(range, [&](VirtAddr at, const emu::Pte& pte) {
            if (!pte.is_large()) return visit(at, pte);
            for (std::uint64_t i = 0; i < emu::large_page_frames; ++i) {
                if (range.contains(at + i * page_size)) visit(at + i * page_size, pte.small(i));
            }
        });
    }
    // Calls visit(start of what it covers) for each table of the last level, or large page, that covers part of
    // `range`.
    template <class Visitor>
    void for_each_leaf_table(VirtRange range, Visitor&& visit) const {
        const auto visit_entry = [&visit](VirtAddr start, const emu::Pte&) { visit(start); };
        if (!range.empty()) walk<2>(root_, 4, VirtAddr(0), range, visit_entry);
    }

    // Frees the tables that cover part of `range` and lie wholly inside `limits`, where no VMA is left.
    void free_tables(VirtRange range, VirtRange limits);

    // Every table page of the user half in use with the range that it covers, root first: for verify.
    void for_each_table(const std::function<void(Pfn, VirtRange)>& visit) const;
    // Those that are kept for large entries.
    const std::vector<Pfn>& deposited() const { return deposited_; }

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
            if (level == last || (last == 1 && level == 2 && entry.is_large())) {
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
    std::vector<Pfn> deposited_;
};

}  // namespace fl::mm
