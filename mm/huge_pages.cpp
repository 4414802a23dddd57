#include "mm/huge_pages.hpp"

namespace fl::mm {

const char* thp_mode_name(ThpMode mode) {
    switch (mode) {
        case ThpMode::always: return "always";
        case ThpMode::madvise: return "madvise";
        case ThpMode::never: return "never";
    }
    return "?";
}

}  // namespace fl::mm
