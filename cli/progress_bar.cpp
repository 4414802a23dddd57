#include "cli/progress_bar.hpp"

#include "cli/size.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <system_error>

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
    const auto amount = [&](std::uint64_t count) {
        return progress.unit == ProgressUnit::bytes ? humanised(count) : std::to_string(count);
    };
    if (progress.total == 0) return fmt::format("{} read", amount(progress.done)).substr(0, columns);
    const double share = std::min(1.0, static_cast<double>(progress.done) / static_cast<double>(progress.total));
    std::string text = fmt::format("  {}/{}  {:.1f} %", amount(progress.done), amount(progress.total), 100 * share);
    if (progress.done != 0 && progress.seconds > 0) {
        const double rate = static_cast<double>(progress.done) / progress.seconds;
        const auto left = static_cast<double>(progress.total - std::min(progress.done, progress.total));
        if (progress.unit == ProgressUnit::pieces) text += "  " + rate_text(rate);
        text += "  ETA " + clock_text(left / rate);
    }
    constexpr std::size_t widest = 40, narrowest = 8;
    if (text.size() + narrowest + 2 > columns) return text.substr(0, columns);
    const std::size_t width = std::min(widest, columns - text.size() - 2);
    const auto full = static_cast<std::size_t>(share * static_cast<double>(width));
    return "[" + std::string(full, '#') + std::string(width - full, '.') + "]" + text;
}

ProgressBar::ProgressBar(std::uint64_t total, ProgressUnit unit)
    : is_shown_(::isatty(STDERR_FILENO) == 1), total_(total), unit_(unit) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::show(std::uint64_t done) {
    if (!is_shown_) return;
    constexpr double patience = 1;  // second
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
    if (passed.count() < patience) return;
    is_there_ = true;
    // The last column stays free: what is printed there makes some terminals begin a new line.
    fmt::print(stderr, "\r{}\x1b[K", progress_text({done, total_, passed.count(), unit_}, terminal_columns() - 1));
}

void ProgressBar::clear() {
    if (is_there_) fmt::print(stderr, "\r\x1b[K");
    is_there_ = false;
}

BackgroundProgress::BackgroundProgress(std::uint64_t total, ProgressUnit unit) : bar_(total, unit) {
    if (!bar_.is_shown()) return;
    try {
        thread_ = std::thread([this] { refresh(); });
    } catch (const std::system_error&) {
        // The work is done without it.
    }
}

BackgroundProgress::~BackgroundProgress() {
    {
        const std::lock_guard lock(mutex_);
        is_over_ = true;
    }
    over_.notify_one();
    if (thread_.joinable()) thread_.join();
}

void BackgroundProgress::refresh() {
    constexpr std::chrono::milliseconds interval{200};
    std::unique_lock lock(mutex_);
    while (!over_.wait_for(lock, interval, [this] { return is_over_; })) bar_.show(done_);
}

}  // namespace fl::cli
