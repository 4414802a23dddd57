// TextReader: a reference string as people write it: page numbers, one after the other. docs/refs.md has the grammar.
//
// "12" is a read of page 12, "12w*3" three writes, "0x7ffi" the fetch of a block. Events are a keyword and its
// arguments: "gone 12". A recording as TextWriter writes it is read as it was, page by page and event by event.
#pragma once

#include "lab/page_names.hpp"
#include "lab/trace_reader.hpp"

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fl::lab {

class TextReader final : public TraceReader {
public:
    // `in` must outlive the reader.
    explicit TextReader(std::istream& in) : in_(in) {}

    State read_some(RecordingVisitor& visitor) override;
    std::uint64_t touches() const override { return touches_; }

private:
    // Of a page that exists.
    enum class Kind : std::uint8_t { none, numbered, declared };
    struct Page {
        Kind kind = Kind::none;
        std::uint64_t number = 0;  // of a numbered one
    };

    // False at the end.
    bool read_word();
    void skip_comment();
    void take_word(RecordingVisitor& visitor);
    void take_reference(RecordingVisitor& visitor);
    void take_event(RecordingVisitor& visitor);
    void take_page(RecordingVisitor& visitor);
    void take_map(RecordingVisitor& visitor);

    // The next word as an argument of the event. Where it is none, there is a problem from here on.
    std::uint64_t number_argument(std::string_view what, std::uint64_t most);
    std::uint64_t number_argument(std::string_view what);
    std::uint32_t process_argument();
    std::string text_argument(std::string_view what);
    PageId page_argument(RecordingVisitor& visitor);
    std::optional<std::string_view> argument(std::string_view what);

    // no_page, and a problem, where there is none. A number that names no page yet comes to name a new one.
    PageId declared_page(std::string_view id);
    PageId numbered_page(std::uint64_t number, RecordingVisitor& visitor);
    void end_page(PageId page);

    // The first one counts.
    void complain(std::string problem) {
        if (problem_.empty()) problem_ = std::move(problem);
    }
    bool is_well() const { return problem_.empty(); }

    std::istream& in_;
    std::string word_;
    std::string event_;  // whose arguments are read
    std::string problem_;
    std::uint64_t line_ = 1;       // where the input is
    std::uint64_t word_line_ = 1;  // where the word began
    std::uint64_t touches_ = 0;
    PageNames names_;
    std::vector<Page> pages_;
};

}  // namespace fl::lab
