// RefsReader: a recording, block by block, from a .refs file. The bytes are not trusted.
#pragma once

#include "lab/recording_visitor.hpp"
#include "lab/refs_format.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

namespace fl::lab {

class RefsReader {
public:
    // Whether a file that begins with these bytes means to be a recording.
    static bool recognizes(std::string_view begin) { return begin.starts_with(refs::magic); }

    // Reads the head. The error is one line that does not name the file. `in` must outlive the reader.
    static tl::expected<RefsReader, std::string> open(std::istream& in);
    RefsReader(RefsReader&&) noexcept;
    RefsReader& operator=(RefsReader&&) = delete;
    RefsReader(const RefsReader&) = delete;
    RefsReader& operator=(const RefsReader&) = delete;
    ~RefsReader();

    enum class State : std::uint8_t {
        more,      // another block may follow
        complete,  // the recording was whole
        damaged,   // it ends here: cut off, or with bytes that no recorder wrote; damage() says which
    };
    // Tells `visitor` of the events of one block. A visitor hears of nothing that is not well-formed.
    State read_block(RecordingVisitor& visitor);
    // Reads all that can be read.
    State read_all(RecordingVisitor& visitor);

    // One line: what is wrong, and at which byte of the file. Empty: nothing so far.
    const std::string& damage() const { return damage_; }
    std::uint64_t touches() const { return touches_; }
    std::uint64_t read_bytes() const { return offset_; }

private:
    struct Decompressor;
    class Block;

    explicit RefsReader(std::istream& in);
    State damaged(std::string what);
    bool read_exactly(char* to, std::size_t size);
    bool page_exists(std::uint64_t page) const { return page < exists_.size() && exists_[page] != 0; }
    bool is_new_number(std::uint64_t page) const;
    bool decode(Block& block, RecordingVisitor& visitor);
    bool decode_event(Block& block, refs::Event event, RecordingVisitor& visitor);

    std::istream& in_;
    std::unique_ptr<Decompressor> decompressor_;
    std::string packed_;
    std::vector<std::uint8_t> plain_;
    std::vector<std::uint8_t> exists_;  // by page
    std::uint64_t offset_ = 0;          // of the file, behind what was read
    std::uint64_t touches_ = 0;
    std::uint64_t events_ = 0;
    bool has_ended_ = false;
    std::string damage_;
};

}  // namespace fl::lab
