// SweepRun: measures configurations of a sweep, several at the same time, and keeps each result as it comes.
#pragma once

#include "cli/blocked_signals.hpp"
#include "cli/live_runs.hpp"
#include "cli/recording_store.hpp"
#include "lab/sweep_shards.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace fl::cli {

class SweepRun {
public:
    // All outlive the run.
    SweepRun(const lab::SweepPlan& plan, RecordingStore& recordings, lab::ShardWriter& results,
             const BlockedSignals& signals);
    SweepRun(const SweepRun&) = delete;
    SweepRun& operator=(const SweepRun&) = delete;
    ~SweepRun();

    struct Outcome {
        std::uint64_t unmeasured = 0;  // configurations that have no result
        std::string problem{};         // one line: why the first of these has none
    };
    // `last_words` is what it says where a signal ends it: at once, with status 128 and the signal's number, as replays
    // that have begun cannot be called off. What has been measured until then is kept.
    Outcome measure(const std::vector<std::uint64_t>& configurations, unsigned workers, const std::string& last_words);

private:
    void work(const std::vector<std::uint64_t>& configurations);
    std::span<const std::uint64_t> take(const std::vector<std::uint64_t>& configurations);
    std::size_t batch_size(std::span<const std::uint64_t> rest);
    void measure_batch(std::span<const std::uint64_t> batch);
    tl::expected<lab::SweepResult, std::string> measure_one(const lab::SweepConfiguration& configuration);
    void keep(std::uint64_t configuration, const tl::expected<lab::SweepResult, std::string>& result);
    void wait(std::uint64_t total, const std::string& last_words);
    [[noreturn]] void end(int signal, const std::string& last_words);

    const lab::SweepPlan& plan_;
    const std::string plan_name_;
    RecordingStore& recordings_;
    const BlockedSignals& signals_;
    LiveRuns live_runs_;
    const int worker_done_;  // for poll(): a worker has ended

    std::atomic<unsigned> working_ = 0;
    unsigned workers_ = 1;
    std::atomic<std::uint64_t> tried_ = 0;
    std::atomic<bool> is_over_ = false;

    std::mutex taking_;
    std::size_t next_ = 0;  // in the list of configurations

    std::mutex mutex_;  // of what follows
    lab::ShardWriter& results_;
    std::uint64_t kept_ = 0;
    std::string problem_;
};

}  // namespace fl::cli
