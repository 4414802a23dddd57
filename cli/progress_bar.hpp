// ProgressBar: one line at the bottom of a terminal that says how far something long has come.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace fl::cli {

struct Progress {
    std::uint64_t done = 0, total = 0;
    double seconds = 0;
};

// "[#####.....]  500/1000  50.0 %  25.0/s  ETA 0:20", in `columns` columns at most.
std::string progress_text(const Progress& progress, std::size_t columns);

// On standard error; where that is no terminal it does nothing.
class ProgressBar {
public:
    explicit ProgressBar(std::uint64_t total);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    // Takes the line away.
    ~ProgressBar();

    bool is_shown() const { return is_shown_; }
    void show(std::uint64_t done);
    void clear();

private:
    bool is_shown_;
    std::uint64_t total_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace fl::cli
