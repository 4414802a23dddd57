#include "cli/standard_output.hpp"

#include "cli/messages.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace fl::cli {

bool print_output(std::string_view text) {
    errno = 0;
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return true;
    report(fmt::format("standard output: cannot be written: {}", std::strerror(errno)));
    return false;
}

}  // namespace fl::cli
