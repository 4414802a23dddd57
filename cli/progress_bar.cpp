#include "cli/progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace fl::cli {

namespace {

// "0:20", "1:05:00".
std::string clock_text(double seconds) {
    constexpr double longest = 1e8;
    const auto whole = static_cast<std::uint64_t>(std::ceil(std::min(seconds, longest)));
    const std::uint64_t minutes = whole / 60, hours = minutes / 60;
    if (hours == 0) return fmt::format("{}:{:02}", minutes, whole % 60);
    return fmt::format("{}:{:02}:{:02}", hours, minutes % 60, whole % 60);
}

std::string rate_text(double rate) {
    return rate < 100 ? fmt::format("{:.1f}/s", rate) : fmt::format("{:.0f}/s", rate);
}

std::size_t terminal_columns() {
    constexpr std::size_t usual = 80;
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
    return size.ws_col;
}

}  // namespace

std::string progress_text(const Progress& progress, std::size_t columns) {
    const double share =
        progress.total == 0 ? 1 : static_cast<double>(progress.done) / static_cast<double>(progress.total);
    std::string text = fmt::format("  {}/{}  {:.1f} %", progress.done, progress.total, 100 * share);
    if (progress.done != 0 && progress.seconds > 0) {
        const double rate = static_cast<double>(progress.done) / progress.seconds;
        text += fmt::format("  {}  ETA {}", rate_text(rate),
                            clock_text(static_cast<double>(progress.total - progress.done) / rate));
    }
    constexpr std::size_t widest = 40, narrowest = 8;
    if (text.size() + narrowest + 2 > columns) return text.substr(0, columns);
    const std::size_t width = std::min(widest, columns - text.size() - 2);
    const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
    return "[" + std::string(full, '#') + std::string(width - full, '.') + "]" + text;
}

ProgressBar::ProgressBar(std::uint64_t total) : is_shown_(::isatty(STDERR_FILENO) == 1), total_(total) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::show(std::uint64_t done) {
    if (!is_shown_) return;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
    // The last column stays free: what is printed there makes some terminals begin a new line.
    fmt::print(stderr, "\r{}\x1b[K", progress_text({done, total_, passed.count()}, terminal_columns() - 1));
}

void ProgressBar::clear() {
    if (is_shown_) fmt::print(stderr, "\r\x1b[K");
}

}  // namespace fl::cli
