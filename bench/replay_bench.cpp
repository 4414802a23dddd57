// How many references a second a replay plays, by policy, on one thread. Strings are synthetic, or a recording:
//
//   replay_bench [--recording=FILE.refs [--frames=N]] [OPTIONS OF GOOGLE BENCHMARK]
//
// Shown with it is what a replay has of the heap at most, beside the string and what is prepared of it, for each page.
// Of a recording it is also measured what all sizes take, from one frame to as many as there are pages.
//
// "phases" is what programs do: code and data alternate, and now and then the program moves on. "zipf" misses at three
// of ten references.
#include "heap_watch.hpp"
#include "lab/lanes.hpp"
#include "lab/load_recording.hpp"
#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace fl::lab;

ReferenceString phases(std::uint64_t references) {
    constexpr std::uint64_t pages = 2000, code_pages = 200, data_at_once = 48, code_at_once = 6, phase = 200'000;
    std::mt19937_64 random(1);
    ReferenceString string;
    std::uint64_t code = 0, data = code_pages;
    for (std::uint64_t done = 0, phase_end = 0; done < references;) {
        if (done >= phase_end) {
            code = random() % (code_pages - code_at_once);
            data = code_pages + random() % (pages - code_pages - data_at_once);
            phase_end += phase;
        }
        const std::uint64_t number = random();
        const auto fetches = static_cast<std::uint32_t>(1 + number % 2);
        const auto accesses = static_cast<std::uint32_t>(1 + (number >> 8U) % 3 / 2);
        append(string, {static_cast<PageId>(code + (number >> 16U) % code_at_once), Access::read, fetches});
        append(string, {static_cast<PageId>(data + (number >> 24U) % data_at_once),
                        (number >> 32U) % 3 == 0 ? Access::write : Access::read, accesses});
        done += fetches + accesses;
    }
    return string;
}

// Page k, from 1, with a chance of 1 / k^0.8, by the inverse of the sums; pages lie about in no order.
ReferenceString zipf(std::uint64_t references, std::uint32_t pages) {
    constexpr double skew = 0.8;
    std::mt19937_64 random(2);
    std::vector<double> sums(pages);
    double sum = 0;
    for (std::uint32_t page = 0; page < pages; ++page) sums[page] = sum += std::pow(page + 1.0, -skew);
    std::vector<PageId> names(pages);
    for (std::uint32_t page = 0; page < pages; ++page) names[page] = page;
    for (std::uint32_t page = pages; page-- > 1;) std::swap(names[page], names[random() % (page + 1)]);
    ReferenceString string;
    for (std::uint64_t i = 0; i < references; ++i) {
        const double at = static_cast<double>(random() >> 11U) * 0x1p-53 * sum;
        const auto place = static_cast<std::size_t>(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin());
        append(string, {names[std::min<std::size_t>(place, pages - 1)], i % 4 == 0 ? Access::write : Access::read});
    }
    return string;
}

struct Subject {
    std::string name;
    ReferenceString string;
    std::uint32_t frames;
    bool is_recording = false;
    std::unique_ptr<PreparedString> prepared{};
};

void play(benchmark::State& state, const Subject& subject, const fl::replacement::PolicyChoice& choice,
          CostFollows cost) {
    ReplayCounts counts;
    const HeapWatch heap;
    for (auto _ : state) {
        const auto result = replay(*subject.prepared, choice, {.frames = subject.frames, .cost = cost});
        if (!result) {
            state.SkipWithError(result.error().c_str());
            return;
        }
        counts = *result;
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(counts.references) *
                            static_cast<std::int64_t>(state.iterations()));
    state.counters["bytes_per_page"] =
        static_cast<double>(heap.peak_bytes()) / static_cast<double>(page_limit(subject.string));
    state.counters["misses_per_cent"] =
        100.0 * static_cast<double>(counts.faults) / static_cast<double>(counts.references);
}

void play_every_size(benchmark::State& state, const Subject& subject, const fl::replacement::PolicyChoice& choice) {
    std::vector<LaneOptions> sizes;
    for (std::uint32_t frames = 1; frames <= page_limit(subject.string); ++frames) sizes.push_back({frames, 0});
    std::uint64_t faults = 0;
    for (auto _ : state) {
        const auto counts = replay_lanes(*subject.prepared, choice, sizes);
        if (!counts) {
            state.SkipWithError(counts.error().c_str());
            return;
        }
        for (const ReplayCounts& one : *counts) faults += one.faults;
    }
    state.counters["sizes"] = static_cast<double>(sizes.size());
    state.counters["faults"] = static_cast<double>(faults) / static_cast<double>(state.iterations());
}

void add(const Subject& subject) {
    for (const fl::replacement::PolicyInfo* info : fl::replacement::all_policies()) {
        const auto choice = fl::replacement::parse_policy(info->name);
        for (const auto& [name, cost] :
             {std::pair{"references", CostFollows::references}, std::pair{"faults", CostFollows::faults}}) {
            benchmark::RegisterBenchmark((subject.name + "/" + info->name + "/" + name).c_str(),
                                         [&subject, choice = *choice, cost = cost](benchmark::State& state) {
                                             play(state, subject, choice, cost);
                                         })
                ->Unit(benchmark::kMillisecond);
        }
        if (!subject.is_recording) continue;
        benchmark::RegisterBenchmark(
            (subject.name + "/" + info->name + "/every_size").c_str(),
            [&subject, choice = *choice](benchmark::State& state) { play_every_size(state, subject, choice); })
            ->Unit(benchmark::kMillisecond);
    }
}

// The value of --NAME=VALUE, which is taken out of the arguments; nullptr: there is none.
const char* take(const char* name, int& count, char** arguments) {
    const std::size_t length = std::strlen(name);
    for (int i = 1; i < count; ++i) {
        if (std::strncmp(arguments[i], name, length) != 0) continue;
        const char* value = arguments[i] + length;
        std::copy(arguments + i + 1, arguments + count, arguments + i);
        --count;
        return value;
    }
    return nullptr;
}

}  // namespace

int main(int count, char** arguments) {
    const char* path = take("--recording=", count, arguments);
    const char* frames = take("--frames=", count, arguments);
    benchmark::Initialize(&count, arguments);
    if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 2;
    constexpr std::uint64_t references = 50'000'000;
    std::vector<Subject> subjects;
    if (path != nullptr) {
        auto loaded = load_recording(path, std::nullopt);
        if (!loaded) {
            std::fprintf(stderr, "replay_bench: %s\n", loaded.error().c_str());
            return 2;
        }
        subjects.push_back({"recording", std::move(loaded->recording.string),
                            frames != nullptr ? static_cast<std::uint32_t>(std::strtoul(frames, nullptr, 10)) : 64,
                            true});
    } else {
        subjects.push_back({"phases", phases(references), 256});
        subjects.push_back({"zipf", zipf(references / 2, 100'000), 33'000});
    }
    for (Subject& subject : subjects) {
        subject.prepared = std::make_unique<PreparedString>(subject.string);
        subject.prepared->occurrences();
        subject.prepared->chunks();
        std::printf("%s: %llu references in %zu runs, %zu pages, %u frames\n", subject.name.c_str(),
                    static_cast<unsigned long long>(reference_count(subject.string)), subject.string.size(),
                    page_limit(subject.string), subject.frames);
        add(subject);
    }
    benchmark::RunSpecifiedBenchmarks();
}
