// WalkerCheck: our page walker (emu::Mmu) held against those of others over the same RAM: for every mapped page of an
// address space, and for addresses beside them, each kind of access has to be answered alike.
//
// The tables are as they were before each check, their A and D bits included.
#pragma once

#include "emu/mmu.hpp"
#include "emu/table_walker.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::mm {

enum class WalkedHalf : std::uint8_t { user, kernel };

struct WalkerReport {
    struct Walker {
        std::string name;
        std::string missing;  // why it was not asked; empty: it was
        std::uint64_t translations = 0;
        friend bool operator==(const Walker&, const Walker&) = default;
    };
    std::vector<Walker> walkers;             // empty before the first check
    std::uint64_t spaces = 0;                // whose user half was walked
    std::uint64_t user_pages = 0;            // mapped, or in their tables in another way (swapped out, hidden)
    std::uint64_t kernel_pages = 0;          // of either size
    std::vector<std::string> disagreements;  // a line each, max_disagreements at most
    static constexpr std::size_t max_disagreements = 10;
};

class WalkerCheck {
public:
    // `mmu` must outlive this. The walkers are made at the first check.
    explicit WalkerCheck(emu::Mmu& mmu) : mmu_(mmu) {}
    WalkerCheck(const WalkerCheck&) = delete;
    WalkerCheck& operator=(const WalkerCheck&) = delete;

    // Everything in one half of the address space under `root`.
    void check(Pfn root, WalkedHalf half);
    const WalkerReport& report() const { return report_; }

private:
    struct Leaf {
        VirtAddr address;
        std::uint64_t size_bytes;
    };
    void start();
    void collect(Pfn table, unsigned level, VirtAddr base, WalkedHalf half);
    void compare(Pfn root, VirtAddr address, emu::Access access, emu::Mode mode);
    void compare_all(Pfn root, VirtAddr address);
    void compare_reads(Pfn root, VirtAddr address);

    emu::Mmu& mmu_;
    std::vector<std::unique_ptr<emu::TableWalker>> walkers_;
    std::vector<std::size_t> numbers_;  // of each walker in the report
    std::vector<Pfn> tables_;           // of the check at work
    std::vector<Leaf> leaves_;
    WalkerReport report_;
};

}  // namespace fl::mm
