#include "trace/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace fl::trace {

namespace {

constexpr unsigned default_width = 160;

std::string_view environment(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets the environment
    return value != nullptr ? value : "";
}

unsigned terminal_width(int descriptor) {
    winsize size{};
    // Serial lines and some terminals of test harnesses say 0.
    return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 ? size.ws_col : default_width;
}

}  // namespace

TerminalTraits terminal_traits(int descriptor) {
    if (::isatty(descriptor) == 0) return {};
    const std::string_view term = environment("TERM");
    const bool colour = environment("NO_COLOR").empty() && !term.empty() && term != "dumb";
    return {colour, terminal_width(descriptor)};
}

}  // namespace fl::trace
