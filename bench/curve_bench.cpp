// How fast the curves of the laboratory are: references a second, by kind of curve, on a Zipf string of 10 million
// references to 100,000 pages and, where FAULTLINE_STRING names a file, on that.
#include "lab/load_recording.hpp"
#include "lab/lru_curve.hpp"
#include "lab/opt_curve.hpp"
#include "lab/window_curves.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

namespace {

using namespace fl;

lab::ReferenceString zipf_string() {
    constexpr std::size_t references = 10'000'000, pages = 100'000;
    std::vector<double> sums(pages);
    double sum = 0;
    for (std::size_t i = 0; i < pages; ++i) sums[i] = sum += 1 / std::pow(static_cast<double>(i + 1), 0.8);
    std::mt19937_64 random(1);
    lab::ReferenceString string;
    for (std::size_t i = 0; i < references; ++i) {
        const double at = std::ldexp(static_cast<double>(random() >> 11U), -53) * sum;
        const auto page = std::upper_bound(sums.begin(), sums.end(), at) - sums.begin();
        lab::append(string, lab::Run(static_cast<lab::PageId>(std::min<std::ptrdiff_t>(page, pages - 1))));
    }
    return string;
}

template <class Curve>
void measure(benchmark::State& state, const lab::ReferenceString& string, Curve curve) {
    for (auto _ : state) benchmark::DoNotOptimize(curve(string));
    const auto references = static_cast<double>(lab::reference_count(string));
    state.counters["references/s"] =
        benchmark::Counter(references, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
    state.counters["runs"] = static_cast<double>(string.size());
}

void add(const std::string& name, const lab::ReferenceString& string) {
    const auto add_one = [&](const char* kind, auto curve) {
        benchmark::RegisterBenchmark((name + "/" + kind).c_str(), [&string, curve](benchmark::State& state) {
            measure(state, string, curve);
        })->Unit(benchmark::kMillisecond);
    };
    add_one("lru", [](const lab::ReferenceString& runs) { return lab::lru_curve(runs).compulsory(); });
    add_one("opt", [](const lab::ReferenceString& runs) { return lab::opt_curve(runs).compulsory(); });
    add_one("windows",
            [](const lab::ReferenceString& runs) { return lab::WindowCurves(lab::reuse_times(runs)).compulsory(); });
}

}  // namespace

int main(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    const lab::ReferenceString zipf = zipf_string();
    add("zipf", zipf);
    lab::LoadedRecording loaded;
    if (const char* path = std::getenv("FAULTLINE_STRING"); path != nullptr) {
        auto result = lab::load_recording(path, std::nullopt);
        if (!result) {
            std::fprintf(stderr, "curve_bench: %s\n", result.error().c_str());
            return 2;
        }
        loaded = *std::move(result);
        add("string", loaded.recording.string);
    }
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
