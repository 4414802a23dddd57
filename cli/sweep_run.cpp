#include "cli/sweep_run.hpp"

#include "cli/messages.hpp"
#include "cli/progress_bar.hpp"
#include "mm/replacement/registry.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>
#include <thread>

namespace fl::cli {

namespace {

constexpr int signal_status = 128;  // as shells have it

}  // namespace

SweepRun::SweepRun(const lab::SweepPlan& plan, RecordingStore& recordings, lab::ShardWriter& results,
                   const BlockedSignals& signals)
    : plan_(plan),
      plan_name_(plan.name()),
      recordings_(recordings),
      signals_(signals),
      worker_done_(::eventfd(0, EFD_CLOEXEC)),
      results_(results) {}

SweepRun::~SweepRun() {
    if (worker_done_ >= 0) ::close(worker_done_);
}

SweepRun::Outcome SweepRun::measure(const std::vector<std::uint64_t>& configurations, unsigned workers,
                                    const std::string& last_words) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < workers; ++i) {
        ++working_;
        try {
            threads.emplace_back([this, &configurations] { work(configurations); });
        } catch (const std::system_error& error) {
            // Those that began are enough.
            --working_;
            if (threads.empty()) problem_ = std::string("no thread can begin: ") + error.what();
            break;
        }
    }
    wait(configurations.size(), last_words);
    for (std::thread& thread : threads) thread.join();
    if (const auto synced = results_.sync(); !synced && problem_.empty()) problem_ = synced.error();
    return {configurations.size() - kept_, problem_};
}

void SweepRun::work(const std::vector<std::uint64_t>& configurations) {
    while (!is_over_) {
        const std::size_t index = next_++;
        if (index >= configurations.size()) break;
        keep(configurations[index], measure_one(plan_.configuration(configurations[index])));
    }
    --working_;
    const std::uint64_t one = 1;
    static_cast<void>(::write(worker_done_, &one, sizeof one) == sizeof one);
}

tl::expected<lab::SweepResult, std::string> SweepRun::measure_one(const lab::SweepConfiguration& configuration) try {
    if (configuration.source.kind == lab::SweepKind::live) return live_runs_.run(plan_, configuration);
    const auto recording = recordings_.get(configuration.source);
    if (!recording) return tl::unexpected(recording.error());
    const auto policy = replacement::parse_policy(configuration.policy);
    if (!policy) return tl::unexpected(policy.error());
    lab::ReplayOptions options;
    options.frames = configuration.frames;
    options.seed = configuration.seed;
    const auto counts = lab::replay((*recording)->string, *policy, options);
    if (!counts) return lab::failed_result(counts.error());
    return lab::replay_result(*counts, plan_.costs);
} catch (const std::bad_alloc&) {
    return tl::unexpected(configuration.source.path + ": the host has too little memory for it");
}

void SweepRun::keep(std::uint64_t configuration, const tl::expected<lab::SweepResult, std::string>& result) {
    const std::lock_guard lock(mutex_);
    if (is_over_) return;
    ++tried_;
    if (!result) {
        if (problem_.empty()) problem_ = result.error();
        return;
    }
    if (const auto added = results_.add(lab::result_line(plan_name_, configuration, *result)); !added) {
        // Nothing that comes now could be kept.
        problem_ = added.error();
        is_over_ = true;
        live_runs_.end_all();
        return;
    }
    ++kept_;
}

void SweepRun::wait(std::uint64_t total, const std::string& last_words) {
    constexpr int refresh_ms = 200;
    ProgressBar bar(total);
    while (working_ != 0) {
        bar.show(tried_);
        pollfd ready[] = {{worker_done_, POLLIN, 0}, {signals_.descriptor(), POLLIN, 0}};
        if (::poll(ready, 2, bar.is_shown() ? refresh_ms : -1) <= 0) continue;
        std::uint64_t ended = 0;
        if (ready[0].revents != 0) static_cast<void>(::read(worker_done_, &ended, sizeof ended) == sizeof ended);
        if (ready[1].revents == 0) continue;
        if (const int signal = signals_.take(); signal != 0) {
            bar.clear();
            end(signal, last_words);
        }
    }
}

void SweepRun::end(int signal, const std::string& last_words) {
    live_runs_.end_all();
    // Whoever has a result has kept it, or waits for ever.
    mutex_.lock();
    static_cast<void>(results_.sync());
    report(last_words);
    std::_Exit(signal_status + signal);
}

}  // namespace fl::cli
