// BlockLengths: how many instructions a translated block holds. Unicorn's block hook tells bytes only.
//
// Invariant: an entry says what was translated last at its address: rewritten code is noted when it is translated anew.
#pragma once

#include "emu/unicorn_error.hpp"

#include <cstdint>
#include <vector>

namespace fl::emu {

// A direct-mapped cache, by address and size.
class BlockLengths {
public:
    std::uint64_t instructions(uc_engine* engine, std::uint64_t address, std::uint32_t size_bytes) {
        Entry& entry = entry_of(address);
        if (entry.address != address || entry.size_bytes != size_bytes) {
            uc_tb block{};
            must(uc_ctl_request_cache(engine, address, &block), "to look up a translated block");
            entry = Entry{address, size_bytes, block.icount};
        }
        return entry.instructions;
    }
    // A block was translated, perhaps anew from other bytes.
    void note_translated(const uc_tb& block) { entry_of(block.pc) = Entry{block.pc, block.size, block.icount}; }
    void forget_all() { entries_.assign(entries_.size(), Entry{}); }

private:
    struct Entry {
        std::uint64_t address = 0;
        std::uint32_t size_bytes = 0;
        std::uint32_t instructions = 0;
    };
    Entry& entry_of(std::uint64_t address) { return entries_[(address ^ (address >> 12)) & (entries_.size() - 1)]; }

    std::vector<Entry> entries_ = std::vector<Entry>(1U << 14);
};

}  // namespace fl::emu
