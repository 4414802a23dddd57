// Pieces of text tables: safe to show, and of a given width.
#pragma once

#include <string>
#include <string_view>

namespace fl::trace {

// Replaces what could move a terminal's cursor or is not UTF-8 by '?': the text may come from an untrusted file.
std::string printable(std::string_view text);

// How many places a printable text takes, counted as one per character.
unsigned display_width(std::string_view text);

enum class Align { left, right };
enum class Cut {
    never,  // numbers: a longer one pushes the rest aside
    front,  // the end is what matters
    back,
};

struct CellShape {
    unsigned width;
    Align align;
    Cut cut;
};

// Appends a printable text, padded or cut to the shape; '~' stands where something was cut off.
void append_shaped(std::string& to, std::string_view text, CellShape shape);

}  // namespace fl::trace
