#include "cli/replay.hpp"

#include "cli/exit_status.hpp"
#include "cli/memory_options.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/progress_bar.hpp"
#include "cli/replay_explain.hpp"
#include "cli/standard_output.hpp"
#include "lab/host_file.hpp"
#include "lab/lanes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(NAMES is a list of policies; a part with a '=' belongs to the policy before it: lru,clock,load=0 are two. "all" is every
built-in one. SIZES is a list of numbers of frames, MIN..MAX, MIN..MAX+STEP, MIN..MAXxFACTOR, or "all": from 1 to as many
as there are pages. docs/replay.md says what counts as a fault, and when accessed bits are set.

  faultline replay program.refs --policy all --frames 64
  faultline replay program.refs --policy lru,clock,load=0 --frames 16..1024x2 --csv out.csv
  faultline replay program.refs --policy all --frames all --report out.html
  faultline replay program.refs --policy clock --frames 3 --explain -n 10)";

// Throws UsageError.
std::uint64_t number_from(const char* option, const std::string& text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
        throw UsageError(fmt::format("{} {}: want a number from {} to {}", option, text, least, most));
    return value;
}

constexpr std::uint64_t any = UINT64_MAX;

template <class T>
T value_or_usage_error(tl::expected<T, std::string> value, const char* option) {
    if (!value) throw UsageError(fmt::format("{}: {}", option, value.error()));
    return *std::move(value);
}

lab::SweepCosts costs_from(const std::optional<std::string>& cost) {
    MemoryOptions memory;
    memory.cost = cost;
    kernel::MachineOptions machine;
    set_memory(machine, memory);
    return {machine.costs.memory_access_ns, machine.costs.minor_fault_ns, machine.costs.major_fault_ns};
}

// Replays of one policy that are played in one pass.
struct ReplayBatch {
    const replacement::PolicyChoice* choice;
    std::vector<ReplayRow*> rows;
};

// Those that take longest come first.
std::vector<ReplayBatch> batches_of(const lab::PreparedString& string, const std::vector<NamedPolicy>& policies,
                                    std::vector<ReplayRow>& rows, std::uint64_t workers) {
    // The rows are by size, then by policy.
    const std::size_t sizes = rows.size() / policies.size();
    std::vector<ReplayBatch> batches;
    for (std::size_t first = 0; first < sizes;) {
        // Nobody waits while another has work that could be shared.
        const std::size_t share = std::max<std::size_t>(sizes / workers, 1);
        std::size_t most = 1;
        for (const NamedPolicy& policy : policies)
            most = std::max(most, std::min(share, lab::lanes_at_once(string, policy.choice)));
        most = std::min(most, sizes - first);
        for (std::size_t policy = 0; policy < policies.size(); ++policy) {
            ReplayBatch batch{&policies[policy].choice, {}};
            for (std::size_t size = first; size < first + most; ++size)
                batch.rows.push_back(&rows[size * policies.size() + policy]);
            batches.push_back(std::move(batch));
        }
        first += most;
    }
    return batches;
}

// Fills in the rows of all batches; or says what went wrong, of several the first of them.
class ReplayCrew {
public:
    ReplayCrew(const lab::PreparedString& string, std::uint64_t seed, const std::vector<ReplayBatch>& batches)
        : string_(string), seed_(seed), batches_(batches), errors_(batches.size()) {}

    // The error is one line; empty: all is well.
    std::string run(std::uint64_t workers) {
        BackgroundProgress progress(batches_.size());
        progress_ = &progress;
        std::vector<std::thread> threads;
        for (std::uint64_t i = 1; i < std::min<std::uint64_t>(workers, batches_.size()); ++i) {
            try {
                threads.emplace_back([this] { work(); });
            } catch (const std::system_error&) {
                // Those that began are enough.
                break;
            }
        }
        work();
        for (std::thread& thread : threads) thread.join();
        for (const std::string& error : errors_)
            if (!error.empty()) return error;
        return {};
    }

private:
    void work() {
        for (std::size_t index = next_++; index < batches_.size(); index = next_++) {
            const ReplayBatch& batch = batches_[index];
            try {
                std::vector<lab::LaneOptions> lanes;
                for (const ReplayRow* row : batch.rows) lanes.push_back({row->frames, seed_});
                const auto counts = lab::replay_lanes(string_, *batch.choice, lanes);
                if (!counts) errors_[index] = counts.error();
                for (std::size_t i = 0; counts && i < counts->size(); ++i) batch.rows[i]->counts = (*counts)[i];
            } catch (const std::bad_alloc&) {
                errors_[index] =
                    fmt::format("policy {}: the host has too little memory for it", batch.rows.front()->policy);
            }
            progress_->add(1);
        }
    }

    const lab::PreparedString& string_;
    std::uint64_t seed_;
    const std::vector<ReplayBatch>& batches_;
    std::vector<std::string> errors_;  // by batch
    std::atomic<std::size_t> next_ = 0;
    BackgroundProgress* progress_ = nullptr;  // while it runs
};

bool write_file(const std::optional<std::string>& path, const std::string& bytes) {
    if (!path) return true;
    const auto written = lab::replace_file(*path, bytes);
    if (!written) report(written.error());
    return written.has_value();
}

int refuse(const std::string& line) {
    report(line);
    return exit_usage;
}

}  // namespace

ReplayCommand::ReplayCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Play a recorded reference string under any policies",
                                               .operands = "FILE.refs --policy NAMES --frames SIZES [OPTIONS]",
                                               .footer = footer})),
      recording_(subcommand_) {
    add_option(subcommand_, "--policy", options_.policies, "Which policies; opt is there in any case")
        .required()
        .delimiter('\0')
        .type_name("NAMES")
        .option_text("NAMES");
    add_option(subcommand_, "--frames", options_.frames, "At which numbers of frames")
        .required()
        .type_name("SIZES")
        .option_text("SIZES");
    add_option(subcommand_, "--csv", options_.csv, "Write all columns to FILE, too").option_text("FILE");
    add_option(subcommand_, "--json", options_.json, "The same as JSON").option_text("FILE");
    add_option(subcommand_, "--report", options_.report, "The same as an HTML page with charts").option_text("FILE");
    add_option(subcommand_, "--cost", options_.cost,
               "What faults cost (minor=500ns,major=100us), and references (memory=1ns)")
        .option_text("KIND=TIME[,...]");
    add_option(subcommand_, "--seed", options_.seed, "Of policies that draw lots (0)").option_text("N");
    add_option(subcommand_, "-j,--workers", options_.workers,
               "Replay so many at once (as many as there are processors)")
        .option_text("N");
    add_flag(subcommand_, "--explain", options_.explain, "Say of each eviction why that page (one policy, one size)");
    add_option(subcommand_, "-n", options_.explained_count, "--explain: so many evictions (20)").option_text("N");
    add_option(subcommand_, "--from", options_.explained_from, "--explain: from this reference on (1)")
        .option_text("REFERENCE");
}

int ReplayCommand::execute() const {
    try {
        std::string list;
        for (const std::string& policies : options_.policies) list += (list.empty() ? "" : ",") + policies;
        const auto policies = value_or_usage_error(parse_policies(list), "--policy");
        const auto grid = value_or_usage_error(FrameGrid::parse(options_.frames), "--frames");
        return options_.explain ? explain(policies, grid) : compare(policies, grid);
    } catch (const UsageError& error) {
        return refuse(error.what());
    } catch (const std::bad_alloc&) {
        return refuse(fmt::format("{}: the host has too little memory for it", recording_.path()));
    }
}

int ReplayCommand::compare(const std::vector<NamedPolicy>& named, const FrameGrid& grid) const {
    constexpr std::uint64_t most_workers = 1024;
    const std::uint64_t seed = number_from("--seed", options_.seed, 0, any);
    const std::uint64_t workers = options_.workers
                                      ? number_from("--workers", *options_.workers, 1, most_workers)
                                      : std::clamp<std::uint64_t>(std::thread::hardware_concurrency(), 1, most_workers);
    ReplayHead head{.file = recording_.path(), .seed = seed, .costs = costs_from(options_.cost)};
    const auto recording = recording_.load();
    if (!recording) return refuse(recording.error());
    head.references = recording->references();
    head.pages = recording->page_count;

    std::vector<NamedPolicy> policies = named;
    head.opt_was_added =
        std::none_of(policies.begin(), policies.end(), [](const NamedPolicy& policy) { return policy.text == "opt"; });
    if (head.opt_was_added) policies.push_back({"opt", *replacement::parse_policy("opt")});
    const lab::PreparedString string(recording->string);
    std::vector<ReplayRow> rows;
    for (const std::uint32_t frames : grid.sizes(string.page_limit()))
        for (const NamedPolicy& policy : policies) rows.push_back({policy.text, frames, {}});
    const std::vector<ReplayBatch> batches = batches_of(string, policies, rows, workers);
    if (const std::string error = ReplayCrew(string, seed, batches).run(workers); !error.empty()) return refuse(error);

    if (!write_file(options_.csv, replay_csv(head, rows)) || !write_file(options_.json, replay_json(head, rows)))
        return exit_output_failed;
    if (options_.report && !write_file(options_.report, replay_page(head, rows))) return exit_output_failed;
    return print_output(replay_table(head, rows)) ? 0 : exit_output_failed;
}

int ReplayCommand::explain(const std::vector<NamedPolicy>& policies, const FrameGrid& grid) const {
    const std::uint64_t seed = number_from("--seed", options_.seed, 0, any);
    const std::uint64_t count = number_from("-n", options_.explained_count, 0, any);
    const std::uint64_t from = number_from("--from", options_.explained_from, 1, any);
    if (policies.size() != 1) throw UsageError("--explain: want one policy");
    if (options_.csv || options_.json || options_.report)
        throw UsageError("--explain: is text, it has no --csv, no --json and no --report");
    const auto recording = recording_.load();
    if (!recording) return refuse(recording.error());
    const lab::PreparedString string(recording->string);
    const std::vector<std::uint32_t> sizes = grid.sizes(string.page_limit());
    if (sizes.size() != 1) throw UsageError("--explain: want one number of frames");
    const auto text = explanation_text(*recording, string, policies.front(),
                                       {.frames = sizes.front(), .seed = seed, .from = from, .count = count});
    if (!text) return refuse(text.error());
    return print_output(*text) ? 0 : exit_output_failed;
}

}  // namespace fl::cli
