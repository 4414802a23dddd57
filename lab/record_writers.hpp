// RecordWriter: the references of a recording as a trace of records that all have one size, which knows pages by their
// numbers alone. What reads such a trace is told of nothing but references: of kinds of access, events, and ends of
// pages nothing is left.
#pragma once

#include "lab/trace_writer.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

// A page is known by its number where no two pages ever had the same, else all are numbered from 0 as they appeared.
// That is known at the end only, as the next use is: 16 bytes are kept for each run of references to one page.
class RecordWriter final : public TraceWriter, private IdleVisitor {
public:
    enum class Shape : std::uint8_t {
        u64,  // a page number of 64 bits, the lowest byte first
        // libCacheSim's oracleGeneral, as its converter (libCacheSim/bin/traceUtils/traceConvOracleGeneral.cpp) writes
        // it: time (32 bits; 0, as there is none), object (64), size (32; 4096), and which request is the next of the
        // object (64; the first request is 1, and -1 says that there is none).
        oracle_general,
    };

    RecordWriter(Shape shape, ByteSink sink) : shape_(shape), out_(std::move(sink)) {}

    RecordingVisitor& visitor() override { return *this; }
    void finish() override;
    std::optional<int> error() const override { return out_.error(); }

private:
    struct Run {
        std::uint32_t page;  // as it appeared
        std::uint32_t count;
    };

    void on_touch(PageId page, Touch touch, std::uint64_t count) override;
    void on_page(PageId page, const PageOrigin& origin) override;

    void number_pages();
    // By run: the number of the next request for its page behind it, or -1.
    std::vector<std::int64_t> next_uses() const;
    void put(std::uint64_t page_number, std::int64_t next_use);

    Shape shape_;
    SinkBuffer out_;
    std::vector<std::uint32_t> appeared_;      // by PageId: as which page it did
    std::vector<std::uint64_t> page_numbers_;  // by when they appeared
    std::vector<Run> runs_;
};

}  // namespace fl::lab
