// live-and-replay FRAMES POLICY PROGRAM [ARGUMENTS...]
//
// Runs a program three times over: with all the memory that it wants, recorded; with FRAMES frames, recorded as well;
// and not at all, but replays the recording at FRAMES. The two recordings are the same, and the run with few frames and
// the replay agree on the number of pages that were brought in and on the victims, one by one.
//
// The rules under which that holds (docs/refs.md): faults take no time, so that processes take turns at the same
// instructions; nothing is read ahead or mapped around (--fault-around 0); the program locks nothing and gives no
// advice that depends on what is in memory. Exit status: 0 agreed, 1 not, 2 usage.
#include "kernel/machine.hpp"
#include "lab/recorder.hpp"
#include "lab/recording.hpp"
#include "lab/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace fl;

class Victims final : public mm::FaultObserver {
public:
    explicit Victims(const lab::Recorder& recorder) : recorder_(recorder) {}

    void on_fault(const mm::FaultEvent&) override {}
    void on_eviction(const mm::EvictionEvent& event) override { pages.push_back(recorder_.number_of(event.page.id)); }

    std::vector<lab::PageId> pages;

private:
    const lab::Recorder& recorder_;
};

class ReplayedVictims final : public lab::ReplayObserver {
public:
    void on_eviction(std::uint64_t, lab::PageId page, bool) override { pages.push_back(page); }
    std::vector<lab::PageId> pages;
};

struct Run {
    lab::Recording recording;
    std::vector<lab::PageId> victims;
    std::uint64_t brought_in = 0;
};

struct Program {
    std::string path;
    std::vector<std::string> argv;
};

Run run(const Program& program, std::optional<PageCount> frames, const replacement::PolicyChoice& policy) {
    lab::RecordingBuilder builder;
    lab::Recorder recorder(builder);
    Victims victims(recorder);
    kernel::MachineOptions options;
    options.pressure.frames = frames;
    options.pressure.policy = policy;
    options.costs = {.minor_fault_ns = 0, .major_fault_ns = 0};
    options.fault_around = PageCount(0);
    options.fault_observer = &victims;
    options.memory_observer = &recorder;
    auto machine = kernel::Machine::create(options);
    if (!machine) {
        fmt::print(stderr, "live-and-replay: {}\n", machine.error());
        std::exit(2);
    }
    const auto started = (*machine)->exec({.path = program.path, .argv = program.argv, .environment = {}});
    if (!started) {
        fmt::print(stderr, "live-and-replay: {}\n", started.error());
        std::exit(2);
    }
    (void)(*machine)->run();
    recorder.finish();
    return {builder.take(), std::move(victims.pages), (*machine)->statistics().reclaim.admitted};
}

std::string text_of(const lab::Run& run) {
    const char* kind = run.is_gone() ? "gone" : run.is_needed() ? "held" : run.access == lab::Access::write ? "w" : "r";
    return fmt::format("page {} {} x{}", run.page, kind, static_cast<std::uint32_t>(run.count));
}

// Pages that go at the same time do so in the order of what they leave behind: a frame, a slot.
lab::ReferenceString with_sorted_ends(lab::ReferenceString string) {
    for (auto at = string.begin(); at != string.end();) {
        const auto first = std::find_if(at, string.end(), [](const lab::Run& run) { return run.is_gone(); });
        at = std::find_if_not(first, string.end(), [](const lab::Run& run) { return run.is_gone(); });
        std::sort(first, at, [](const lab::Run& one, const lab::Run& other) { return one.page < other.page; });
    }
    return string;
}

// The first difference, in words; empty: none.
std::string compare(const lab::ReferenceString& plenty, const lab::ReferenceString& few) {
    for (std::size_t i = 0; i < std::min(plenty.size(), few.size()); ++i) {
        if (text_of(plenty[i]) == text_of(few[i])) continue;
        return fmt::format("run {}: {} with plenty of memory, {} with little", i, text_of(plenty[i]), text_of(few[i]));
    }
    if (plenty.size() == few.size()) return {};
    return fmt::format("{} runs with plenty of memory, {} with little", plenty.size(), few.size());
}

std::string compare(const std::vector<lab::PageId>& live, const std::vector<lab::PageId>& replayed) {
    for (std::size_t i = 0; i < std::min(live.size(), replayed.size()); ++i) {
        if (live[i] == replayed[i]) continue;
        return fmt::format("victim {} of {}: page {} live, page {} in the replay", i, live.size(), live[i],
                           replayed[i]);
    }
    if (live.size() == replayed.size()) return {};
    return fmt::format("{} victims live, {} in the replay", live.size(), replayed.size());
}

}  // namespace

int main(int count, char** words) {
    if (count < 4) {
        fmt::print(stderr, "usage: live-and-replay FRAMES POLICY PROGRAM [ARGUMENTS...]\n");
        return 2;
    }
    const auto frames = static_cast<std::uint32_t>(std::strtoul(words[1], nullptr, 10));
    const auto policy = replacement::parse_policy(words[2]);
    if (frames == 0 || !policy) {
        fmt::print(stderr, "live-and-replay: {}\n", policy ? "FRAMES is not a number" : policy.error());
        return 2;
    }
    const Program program{words[3], std::vector<std::string>(words + 3, words + count)};
    const Run plenty = run(program, std::nullopt, *policy);
    const Run few = run(program, PageCount(frames), *policy);
    ReplayedVictims replayed;
    const auto counts = lab::replay(plenty.recording.string, *policy,
                                    {.frames = frames, .checks = lab::Checks::on, .observer = &replayed});
    if (!counts) {
        fmt::print(stderr, "live-and-replay: {}\n", counts.error());
        return 1;
    }
    fmt::print(stderr,
               "{} references to {} pages; with {} frames {} brought in, {} evicted; replayed {} faults, {} evicted\n",
               plenty.recording.references(), plenty.recording.page_count, frames, few.brought_in, few.victims.size(),
               counts->faults, replayed.pages.size());
    int status = 0;
    const auto complain = [&status](const std::string& difference) {
        if (difference.empty()) return;
        fmt::print(stderr, "live-and-replay: {}\n", difference);
        status = 1;
    };
    complain(compare(with_sorted_ends(plenty.recording.string), with_sorted_ends(few.recording.string)));
    complain(compare(few.victims, replayed.pages));
    if (few.brought_in != counts->faults) {
        complain(fmt::format("{} pages brought in live, {} faults in the replay", few.brought_in, counts->faults));
    }
    // Else nothing was tried.
    if (few.victims.empty()) complain("nobody was evicted: fewer frames show more");
    return status;
}
