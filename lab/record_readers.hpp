// Traces of records that all have one size: lists of page numbers, and libCacheSim's oracleGeneral.
#pragma once

#include "lab/imported_pages.hpp"
#include "lab/trace_reader.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>

namespace fl::lab {

// What the two have in common. `in` must outlive the reader.
template <std::size_t record_bytes>
class RecordReader : public TraceReader {
public:
    explicit RecordReader(std::istream& in) : in_(in) {}

    State read_some(RecordingVisitor& visitor) final;
    std::uint64_t touches() const final { return pages_.touches(); }

private:
    // Whether the record is a reference, and to which page.
    virtual bool decode(const char* record, std::uint64_t& page_number) const = 0;

    static constexpr std::size_t records_at_once = 4096;

    std::istream& in_;
    ImportedPages pages_;
    std::uint64_t offset_ = 0;  // of the file, behind what was read
    std::array<char, records_at_once * record_bytes> records_{};
};

// Page numbers of 64 bits, the lowest byte first, all read.
class U64Reader final : public RecordReader<8> {
public:
    using RecordReader::RecordReader;

private:
    bool decode(const char* record, std::uint64_t& page_number) const override;
};

// Records of 24 bytes, the lowest byte of each field first: time (32 bits), object (64), size (32), next access (64).
// Each object is a page; its size, the time and the future are not looked at, but as in libCacheSim's own reader
// (libCacheSim/traceReader/customizedReader/oracle/oracleGeneralBin.h) a record of size 0 is no reference.
class OracleGeneralReader final : public RecordReader<24> {
public:
    using RecordReader::RecordReader;

private:
    bool decode(const char* record, std::uint64_t& page_number) const override;
};

}  // namespace fl::lab
