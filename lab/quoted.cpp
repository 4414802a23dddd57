#include "lab/quoted.hpp"

namespace fl::lab {

std::string quoted(std::string_view bytes) {
    constexpr std::size_t most = 40;
    std::string result = "'";
    for (const char byte : bytes.substr(0, most)) result += byte >= ' ' && byte <= '~' ? byte : '?';
    return result + (bytes.size() > most ? "...'" : "'");
}

}  // namespace fl::lab
