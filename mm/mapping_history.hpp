// MappingHistory: the last system calls that changed an address space: who mapped, unmapped or protected what, and from
// which instruction. For people who ask how an address came to be what it is.
//
// Bounded: the oldest changes are forgotten. fork copies it, exec begins a new one.
#pragma once

#include "emu/address.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace fl::mm {

struct MappingChange {
    enum class Effect : std::uint8_t {
        mapped,
        unmapped,
        moved_away,  // mremap(2): to `moved_to`
        protected_,
    };

    Effect effect{};
    const char* call = "";   // the system call's name
    VirtRange range;         // pages that had the effect, and were mapped before it or are since
    std::uint64_t prot = 0;  // mapped by mmap(2), protected_: prot_ bits
    VirtRange moved_to{};
    VirtAddr instruction{};     // the SYSCALL instruction
    std::uint64_t time_ns = 0;  // virtual
};

class MappingHistory {
public:
    static constexpr std::size_t capacity = 128;

    void note(const MappingChange& change) {
        if (changes_.size() < capacity) {
            changes_.push_back(change);
            return;
        }
        changes_[oldest_] = change;
        oldest_ = (oldest_ + 1) % capacity;
    }

    std::size_t size() const { return changes_.size(); }
    // The newest change of the address that `is_wanted` accepts.
    template <class Predicate>
    std::optional<MappingChange> last_at(VirtAddr address, Predicate&& is_wanted) const {
        for (std::size_t back = 1; back <= changes_.size(); ++back) {
            const MappingChange& change = changes_[(oldest_ + changes_.size() - back) % changes_.size()];
            if (change.range.contains(address) && is_wanted(change)) return change;
        }
        return std::nullopt;
    }
    std::optional<MappingChange> last_at(VirtAddr address) const {
        return last_at(address, [](const MappingChange&) { return true; });
    }

private:
    std::vector<MappingChange> changes_;
    std::size_t oldest_ = 0;
};

}  // namespace fl::mm
