// KernelSpace: the kernel half of every address space (Linux: init_mm and its swapper_pg_dir).
//
// Its page tables are made once; a new PGD gets a copy of the entries of the upper half, so that all processes share
// whatever is mapped below these from then on, at no cost but the entries. What is there:
//   the direct map   all of RAM in order: large pages, but for the first and where RAM ends within one
//   vmalloc areas    Vmalloc
//   the memory map   the frame table, where PhysicalMemory keeps it in RAM
//
// Invariants: entries of PGDs in the upper half never change after the constructor; leaves are for the supervisor
// alone, writable, not executable, global, and A and D are set from the start (PAGE_KERNEL); entries above them have
// all rights
// (_PAGE_TABLE): rights are the leaf's business. Tables are frames in state kernel_table: those from boot, and those
// that vmalloc made necessary.
#pragma once

#include "mm/kernel_layout.hpp"
#include "mm/page_walk.hpp"
#include "mm/physical_memory.hpp"
#include "mm/vmalloc.hpp"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fl::mm {

// How much of the direct map has which size of page (DirectMap4k, DirectMap2M).
struct DirectMapPages {
    std::uint64_t small = 0;  // of 4 KiB
    std::uint64_t large = 0;  // of 2 MiB
    friend bool operator==(const DirectMapPages&, const DirectMapPages&) = default;
};

class KernelSpace {
public:
    // What PhysicalMemory has to set aside for a machine with so many frames.
    static BootMemory boot_memory(PageCount ram);
    // The fewest frames of RAM with which PhysicalMemory has what it needs beside these.
    static PageCount least_ram();

    // `memory` was made with boot_memory(), and learns of its kernel space here. It must outlive this, and every PGD
    // that is to have a kernel half is made later.
    explicit KernelSpace(PhysicalMemory& memory);
    KernelSpace(const KernelSpace&) = delete;
    KernelSpace& operator=(const KernelSpace&) = delete;
    ~KernelSpace();

    Pfn root() const { return root_; }  // the kernel's own PGD; its lower half is empty
    // Copies the upper half into a PGD (pgd_ctor()).
    void share_with(Pfn pgd) const;
    // Whether a PGD's upper half is still that copy.
    bool is_shared_with(Pfn pgd) const;

    // The walk to an address of the kernel half. It ends at the first entry that names no table.
    PageWalk walk_to(VirtAddr address) const;
    // What lies behind it; nullopt: nothing is mapped there.
    std::optional<PhysAddr> translate(VirtAddr address) const;
    // The kernel's own accesses. All of the bytes are mapped.
    void write(VirtAddr to, std::span<const std::byte> from);
    void read(VirtAddr from, std::span<std::byte> into) const;

    // --- for Vmalloc: mappings of 4 KiB, outside of the direct map and the memory map ---
    struct AddedTable {
        emu::Pte* entry;  // that refers to it
        Pfn table;
    };
    // Adds what is missing of the tables for `pages`; ENOMEM: none was added.
    Result<std::vector<AddedTable>> add_tables(VirtRange pages);
    // Takes such tables back, in which nothing is mapped.
    void remove_tables(std::span<const AddedTable> added);
    // The tables are there, the page is not mapped.
    void map(VirtAddr page, Pfn frame);
    // What was mapped there. The TLB may be stale: noted.
    Pfn unmap(VirtAddr page);

    Vmalloc& vmalloc() { return vmalloc_; }
    const Vmalloc& vmalloc() const { return vmalloc_; }

    DirectMapPages direct_map_pages() const { return direct_map_; }
    VirtRange direct_map_range() const;
    // Where the frame table is mapped; Frame number i lies at its start + i * sizeof(Frame).
    VirtRange memory_map_range() const;
    // All tables, the root included; those that came after boot.
    PageCount table_count() const { return tables_; }
    PageCount later_table_count() const { return tables_ - memory_.boot().tables; }

    // Every table with its level (4: the root) and what it covers, root first.
    void for_each_table(const std::function<void(Pfn, unsigned, VirtRange)>& visit) const;
    // Every page that is mapped, by address: where, its entry, and how large it is.
    void for_each_page(const std::function<void(VirtAddr, emu::Pte, std::uint64_t)>& visit) const;

    // One line per broken invariant.
    std::vector<std::string> inconsistencies() const;

private:
    Pfn take_boot_table();
    // The entry of `level` for `address`, with the tables from boot above it.
    emu::Pte& boot_entry(VirtAddr address, unsigned level);
    void map_at_boot(VirtAddr start, PhysAddr first, PageCount pages);
    emu::Pte* find(VirtAddr page) const;
    void visit_tables(Pfn table, unsigned level, VirtAddr base,
                      const std::function<void(Pfn, unsigned, VirtRange)>& visit) const;
    template <class Use>
    void for_each_part(VirtAddr start, std::uint64_t size_bytes, Use&& use) const;

    PhysicalMemory& memory_;
    Pfn next_boot_table_;
    PageCount tables_;
    Pfn root_;
    DirectMapPages direct_map_;
    Vmalloc vmalloc_;
};

}  // namespace fl::mm
