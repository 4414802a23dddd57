// What a file descriptor's terminal, if it is one, can show.
#pragma once

#include <optional>

namespace fl::trace {

struct TerminalTraits {
    bool colour = false;            // escape sequences for colours are wanted
    std::optional<unsigned> width;  // columns; nullopt: not a terminal, lines may be as long as they like
};

// Colour goes to terminals alone, not to TERM=dumb, and not where NO_COLOR is set (https://no-color.org).
TerminalTraits terminal_traits(int descriptor);

}  // namespace fl::trace
