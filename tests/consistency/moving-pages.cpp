// moving-pages [--thp] [--frames N] PROGRAM [ARGUMENTS...]
//
// Runs a program twice, with large pages or with N frames for its pages if asked to, and the second time has every page
// that can move moved to another frame at each page fault: the one that executes, those that the instruction is about,
// and those of other processes. Then both once more, recorded (but for large pages, which a recording cannot name).
// What the program prints, how it ends, and the references that it makes stay the same, and no invariant breaks.
// Exit status: 0 all the same, 1 not, 2 usage.
#include "kernel/machine.hpp"
#include "lab/recorder.hpp"
#include "lab/recording.hpp"
#include "mm/migrate.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace fl;

// Moves everything at each fault, and once a compaction, too.
class Mover final : public mm::FaultObserver {
public:
    void work_on(mm::PhysicalMemory& memory) { memory_ = &memory; }
    void on_fault(const mm::FaultEvent&) override {
        if (memory_ == nullptr) return;
        if (++faults_ % 16 == 0) memory_->compaction().compact_all();
        shuffle();
    }
    std::uint64_t moved = 0;

private:
    void shuffle() {
        const std::uint64_t frames = memory_->total_page_count().value();
        for (std::uint64_t number = 1; number < frames; ++number) {
            const Pfn from(number);
            if (!mm::is_movable(*memory_, from) || mm::is_pinned(*memory_, from)) continue;
            const Pfn to(1 + random_() % (frames - 1));
            if (!memory_->buddy().free_block_of(to)) continue;
            memory_->buddy().take(to);
            if (mm::migrate_page(*memory_, from, to) == mm::Migration::done) ++moved;
        }
    }

    mm::PhysicalMemory* memory_ = nullptr;
    std::uint64_t faults_ = 0;
    std::mt19937_64 random_{1};
};

enum class Pages { stay, move };

struct Outcome {
    std::string output;
    int status = 0;
    bool is_broken = false;
    std::uint64_t moved = 0;
    lab::ReferenceString references;
};

struct Circumstances {
    bool has_large_pages = false;
    std::optional<PageCount> frames{};
    std::vector<std::string> program{};  // with its arguments
};
Circumstances circumstances;

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "moving-pages: {}\n", why);
    std::exit(2);
}

// With the program's output in `output`.
template <class Work>
void with_output_in(std::string& output, Work&& work) {
    std::FILE* file = std::tmpfile();
    if (file == nullptr) give_up("no temporary file");
    const int kept = ::dup(STDOUT_FILENO);
    ::dup2(::fileno(file), STDOUT_FILENO);
    work();
    ::dup2(kept, STDOUT_FILENO);
    ::close(kept);
    std::rewind(file);
    for (int byte = std::fgetc(file); byte != EOF; byte = std::fgetc(file)) output.push_back(static_cast<char>(byte));
    std::fclose(file);
}

Outcome run(Pages pages, mm::MemoryObserver* recorder = nullptr) {
    Mover mover;
    kernel::MachineOptions options;
    options.memory = PageCount(circumstances.has_large_pages ? 16384 : 4096);
    if (circumstances.has_large_pages) options.thp = mm::ThpMode::always;
    options.pressure.frames = circumstances.frames;
    options.fault_observer = &mover;
    options.memory_observer = recorder;
    options.paranoia = recorder == nullptr ? kernel::Paranoia::every_step : kernel::Paranoia::off;
    auto machine = kernel::Machine::create(options);
    if (!machine) give_up(machine.error());
    // Nobody but a module is given the memory to change.
    if (pages == Pages::move) mover.work_on(const_cast<mm::PhysicalMemory&>((*machine)->inspection().memory));
    const auto started =
        (*machine)->exec({.path = circumstances.program[0], .argv = circumstances.program, .environment = {}});
    if (!started) give_up(started.error());
    Outcome outcome;
    with_output_in(outcome.output, [&] { outcome.status = (*machine)->run().status; });
    for (const std::string& broken : (*machine)->broken_invariants()) {
        fmt::print(stderr, "moving-pages: {}\n", broken);
        outcome.is_broken = true;
    }
    outcome.moved = mover.moved;
    return outcome;
}

Outcome run_recorded(Pages pages) {
    lab::RecordingBuilder builder;
    lab::Recorder recorder(builder);
    Outcome outcome = run(pages, &recorder);
    recorder.finish();
    outcome.references = builder.take().string;
    return outcome;
}

int compare(const Outcome& staying, const Outcome& moving) {
    if (staying.is_broken || moving.is_broken) return 1;
    if (moving.moved == 0) {
        fmt::print(stderr, "moving-pages: nothing has moved\n");
        return 1;
    }
    if (staying.output != moving.output || staying.status != moving.status) {
        fmt::print(stderr, "moving-pages: status {} and {}; output:\n{}\n--- with pages that move:\n{}\n",
                   staying.status, moving.status, staying.output, moving.output);
        return 1;
    }
    const auto same = [](const lab::Run& one, const lab::Run& other) {
        return one.page == other.page && one.access == other.access && one.count == other.count;
    };
    if (std::equal(staying.references.begin(), staying.references.end(), moving.references.begin(),
                   moving.references.end(), same)) {
        return 0;
    }
    fmt::print(stderr, "moving-pages: other references\n");
    return 1;
}

}  // namespace

int main(int count, char** words) {
    std::vector<std::string> rest(words + 1, words + count);
    while (!rest.empty() && rest.front().starts_with("--")) {
        if (rest.front() == "--thp") {
            circumstances.has_large_pages = true;
        } else if (rest.front() == "--frames" && rest.size() > 1) {
            rest.erase(rest.begin());
            circumstances.frames = PageCount(std::strtoull(rest.front().c_str(), nullptr, 10));
        } else {
            break;
        }
        rest.erase(rest.begin());
    }
    if (rest.empty() || rest.front().starts_with("--") || circumstances.frames == PageCount(0)) {
        fmt::print(stderr, "usage: moving-pages [--thp] [--frames N] PROGRAM [ARGUMENTS...]\n");
        return 2;
    }
    circumstances.program = std::move(rest);
    const Outcome moving = run(Pages::move);
    fmt::print(stderr, "{} pages moved\n", moving.moved);
    const int plain = compare(run(Pages::stay), moving);
    if (circumstances.has_large_pages) return plain;
    return plain | compare(run_recorded(Pages::stay), run_recorded(Pages::move));
}
