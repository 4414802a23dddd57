// PageTable: the four-level table of one address space, in emulated RAM.
//
// Invariants: a table page exists only while a VMA lies in the range it covers, or until free_tables() of that range;
// table_count() counts every table page, the root (PGD) included; upper entries carry all rights, the leaf decides.
#pragma once

#include "emu/pte.hpp"
#include "mm/physical_memory.hpp"

#include <functional>

namespace fl::mm {

class PageTable {
public:
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
    // The same, with missing tables allocated; ENOMEM leaves tables that were added in place, empty.
    Result<emu::Pte*> ensure(VirtAddr address);

    // Calls visit(address, pte) for each leaf entry in `range` that is not none, in address order.
    template <class Visitor>
    void for_each(VirtRange range, Visitor&& visit) const {
        if (!range.empty()) walk(root_, 4, VirtAddr(0), range, visit);
    }

    // Frees the tables that cover part of `range` and lie wholly inside `limits`, where no VMA is left.
    void free_tables(VirtRange range, VirtRange limits);

    // Every table page with the range that it covers, root first: for verify.
    void for_each_table(const std::function<void(Pfn, VirtRange)>& visit) const;

private:
    PageTable(PhysicalMemory& memory, Pfn root) : memory_(&memory), root_(root), tables_(1) {}

    static constexpr std::uint64_t span_bytes(unsigned level) { return page_size << (9 * (level - 1)); }

    template <class Visitor>
    void walk(Pfn table, unsigned level, VirtAddr base, VirtRange range, Visitor& visit) const {
        const auto entries = memory_->ram().table(table);
        const std::uint64_t span = span_bytes(level);
        const std::uint64_t first = range.start > base ? (range.start - base) / span : 0;
        for (std::uint64_t i = first; i < 512; ++i) {
            const VirtAddr at = base + i * span;
            if (at >= range.end) return;
            emu::Pte& entry = entries[i];
            if (entry.is_none()) continue;
            if (level == 1) {
                visit(at, entry);
            } else {
                walk(entry.pfn(), level - 1, at, range, visit);
            }
        }
    }

    void free_tables_below(Pfn table, unsigned level, VirtAddr base, VirtRange range, VirtRange limits);
    void free_subtree(Pfn table, unsigned level);
    void visit_tables(Pfn table, unsigned level, VirtAddr base, const std::function<void(Pfn, VirtRange)>& visit) const;

    PhysicalMemory* memory_;
    Pfn root_;
    PageCount tables_;
};

}  // namespace fl::mm
