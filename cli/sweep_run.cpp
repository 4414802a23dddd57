#include "cli/sweep_run.hpp"

#include "cli/messages.hpp"
#include "cli/progress_bar.hpp"
#include "lab/lanes.hpp"
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
    workers_ = workers;
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
        const std::span<const std::uint64_t> batch = take(configurations);
        if (batch.empty()) break;
        if (batch.size() == 1) {
            keep(batch.front(), measure_one(plan_.configuration(batch.front())));
        } else {
            measure_batch(batch);
        }
    }
    --working_;
    const std::uint64_t one = 1;
    static_cast<void>(::write(worker_done_, &one, sizeof one) == sizeof one);
}

std::span<const std::uint64_t> SweepRun::take(const std::vector<std::uint64_t>& configurations) {
    const std::lock_guard lock(taking_);
    const std::span rest = std::span(configurations).subspan(next_);
    const std::size_t count = rest.empty() ? 0 : batch_size(rest);
    next_ += count;
    return rest.first(count);
}

// Of the first configurations how many are measured at once, nobody waiting while another has work to share.
std::size_t SweepRun::batch_size(std::span<const std::uint64_t> rest) try {
    const lab::SweepConfiguration first = plan_.configuration(rest.front());
    if (first.source.kind == lab::SweepKind::live) return 1;
    const auto is_of_another = [&](std::uint64_t number) {
        const lab::SweepConfiguration other = plan_.configuration(number);
        return other.source_index != first.source_index || other.policy != first.policy;
    };
    const auto alike = static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_of_another) - rest.begin());
    const auto recording = recordings_.get(first.source);
    const auto policy = replacement::parse_policy(first.policy);
    if (!recording || !policy) return 1;
    const std::size_t share = std::max<std::size_t>(alike / workers_, 1);
    return std::min({alike, share, lab::lanes_at_once((*recording)->string, *policy)});
} catch (const std::bad_alloc&) {
    return 1;
}

// Replays of one recording under one policy.
void SweepRun::measure_batch(std::span<const std::uint64_t> batch) {
    const auto keep_error = [&](const tl::expected<lab::SweepResult, std::string>& error) {
        for (const std::uint64_t number : batch) keep(number, error);
    };
    try {
        const lab::SweepConfiguration first = plan_.configuration(batch.front());
        const auto recording = recordings_.get(first.source);
        if (!recording) return keep_error(tl::unexpected(recording.error()));
        const auto policy = replacement::parse_policy(first.policy);
        if (!policy) return keep_error(tl::unexpected(policy.error()));
        std::vector<lab::LaneOptions> lanes;
        for (const std::uint64_t number : batch) {
            const lab::SweepConfiguration configuration = plan_.configuration(number);
            lanes.push_back({configuration.frames, configuration.seed});
        }
        const auto counts = lab::replay_lanes((*recording)->string, *policy, lanes);
        if (!counts) return keep_error(lab::failed_result(counts.error()));
        for (std::size_t i = 0; i < batch.size(); ++i) keep(batch[i], lab::replay_result((*counts)[i], plan_.costs));
    } catch (const std::bad_alloc&) {
        keep_error(
            tl::unexpected(plan_.configuration(batch.front()).source.path + ": the host has too little memory for it"));
    }
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
