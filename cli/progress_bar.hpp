// ProgressBar: one line at the bottom of a terminal that says how far something long has come.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

namespace fl::cli {

enum class ProgressUnit : std::uint8_t { pieces, bytes };

struct Progress {
    std::uint64_t done = 0, total = 0;
    double seconds = 0;
    ProgressUnit unit = ProgressUnit::pieces;
};

// "[#####.....]  500/1000  50.0 %  25.0/s  ETA 0:20", in `columns` columns at most. Where the total is not known (0),
// only what is done.
std::string progress_text(const Progress& progress, std::size_t columns);

// On standard error; where that is no terminal it does nothing, and before the work has taken a second neither.
class ProgressBar {
public:
    explicit ProgressBar(std::uint64_t total, ProgressUnit unit = ProgressUnit::pieces);
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;
    // Takes the line away.
    ~ProgressBar();

    // Whether there is a terminal.
    bool is_shown() const { return is_shown_; }
    void show(std::uint64_t done);
    void clear();

private:
    bool is_shown_;
    bool is_there_ = false;
    std::uint64_t total_;
    ProgressUnit unit_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// The same for work that has no time to show it: a thread of its own does, as long as this lives.
class BackgroundProgress {
public:
    explicit BackgroundProgress(std::uint64_t total, ProgressUnit unit = ProgressUnit::pieces);
    BackgroundProgress(const BackgroundProgress&) = delete;
    BackgroundProgress& operator=(const BackgroundProgress&) = delete;
    ~BackgroundProgress();

    // From any thread.
    void set(std::uint64_t done) { done_ = done; }
    void add(std::uint64_t done) { done_ += done; }

private:
    void refresh();

    ProgressBar bar_;
    std::atomic<std::uint64_t> done_ = 0;
    std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;
    std::thread thread_;  // none where nothing is shown
};

}  // namespace fl::cli
