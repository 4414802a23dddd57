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

const char* thp_defrag_name(ThpDefrag defrag) {
    switch (defrag) {
        case ThpDefrag::always: return "always";
        case ThpDefrag::defer: return "defer";
        case ThpDefrag::defer_madvise: return "defer+madvise";
        case ThpDefrag::madvise: return "madvise";
        case ThpDefrag::never: return "never";
    }
    return "?";
}

}  // namespace fl::mm
