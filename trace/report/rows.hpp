// Rows: events as a report keeps them. Of too many it keeps a share, by a hash of the number of the fault that they
// belong to: what belongs together stays together, and no rhythm of the program decides.
#pragma once

#include "trace/uncounted_allocator.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace fl::trace::report {

// Numbers lie below 2^53 (columns.hpp).

// One fault. Numbers of other tables' rows are named after those tables.
struct FaultRow {
    std::uint64_t fault = 0;  // its sequence number
    std::uint64_t time_ns = 0;
    std::uint64_t page = 0;
    // Page-table entries: bits 51..12, and the others.
    std::uint64_t before_frame = 0, after_frame = 0;
    std::uint32_t before_bits = 0, after_bits = 0;
    std::uint64_t looked = 0;
    std::uint64_t slot = 0, refault = 0;  // and 1; 0: there is none
    std::uint32_t task = 0, instruction = 0, shape = 0, vma = 0, walk = 0;
    std::uint32_t evicted = 0, written = 0, tables = 0, around = 0;
    std::uint16_t offset = 0;  // in the page
    bool rare = false;         // kept in any case
};

// A page that left, or was written.
struct ReclaimRow {
    enum Flag : std::uint8_t { write_back = 1, dirty = 2, dropped = 4, failed = 8, for_fault = 16 };

    std::uint64_t fault = 0;  // that it was done for; without the flag the last one before it
    std::uint64_t time_ns = 0;
    std::uint64_t page = 0;  // and 1; 0: it is not known
    std::uint64_t file_page = 0, frame = 0, age_ns = 0;
    std::uint64_t slot = 0;  // and 1; 0: there is none
    std::uint32_t id = 0, pid = 0, file = 0;
    std::uint8_t reason = 0, flags = 0;
    bool rare = false;

    // Whether it comes before the fault of this number, where both are told of in turn.
    bool belongs_before(std::uint64_t number) const {
        return fault < number || (fault == number && (flags & for_fault) != 0);
    }
};

template <class Row>
class Rows {
public:
    explicit Rows(std::size_t limit) : limit_(limit) {}

    void add(const Row& row) {
        if (!keeps(row)) return;
        if (rows_.size() >= limit_ && !thin_out(row)) return;
        rows_.push_back(row);
    }

    const std::deque<Row, UncountedAllocator<Row>>& all() const { return rows_; }
    // Of how many faults the rows are kept; 1: of all.
    double share() const { return static_cast<double>(kept_hashes_) / static_cast<double>(hash_count); }
    // Keeps those of fewer faults: of so large a part of them, between 0 and 1.
    void keep_part(double part) {
        kept_hashes_ = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(kept_hashes_) * part));
        const auto end = std::remove_if(rows_.begin(), rows_.end(), [this](const Row& old) { return !keeps(old); });
        rows_.erase(end, rows_.end());
    }

private:
    bool keeps(const Row& row) const { return row.rare || hash(row.fault) < kept_hashes_; }
    // Fibonacci hashing.
    static constexpr std::uint64_t hash(std::uint64_t fault) { return fault * 0x9e37'79b9'7f4a'7c15ULL >> 32U; }

    // Makes room; false: the row is none of those that are kept, or all are rare.
    bool thin_out(const Row& row) {
        while (rows_.size() >= limit_ && kept_hashes_ > 1) keep_part(0.5);
        return keeps(row) && rows_.size() < limit_;
    }

    static constexpr std::uint64_t hash_count = std::uint64_t{1} << 32U;

    std::size_t limit_;
    std::uint64_t kept_hashes_ = hash_count;
    std::deque<Row, UncountedAllocator<Row>> rows_;
};

}  // namespace fl::trace::report
