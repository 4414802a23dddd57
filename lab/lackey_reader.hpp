// Traces of valgrind's tool lackey (--tool=lackey --trace-mem=yes): each instruction that was fetched, each load and
// store.
#pragma once

#include "lab/imported_pages.hpp"
#include "lab/trace_reader.hpp"

#include <cstdint>
#include <istream>
#include <string>
#include <string_view>

namespace fl::lab {

// A line is "I  ADDRESS,SIZE" for an instruction, " L ...", " S ..." or " M ..." for a load, a store, or a load and a
// store of the same bytes; the address is hexadecimal. Lines of valgrind's own, "==PID== ...", are passed over, empty
// ones as well. An access to bytes of two pages is one to each. (valgrind 3.19, lackey/lk_main.c)
class LackeyReader final : public TraceReader {
public:
    // `in` must outlive the reader.
    explicit LackeyReader(std::istream& in) : in_(in) {}

    State read_some(RecordingVisitor& visitor) override;
    std::uint64_t touches() const override { return pages_.touches(); }

private:
    struct Access;

    bool read_line(std::string& line);
    // Empty, or what is wrong with the line.
    std::string take(std::string_view line, RecordingVisitor& visitor);
    bool touch(const Access& access, Touch touch, RecordingVisitor& visitor);

    std::istream& in_;
    ImportedPages pages_;
    std::uint64_t line_number_ = 0;
};

}  // namespace fl::lab
