#include "cli/sweep_plan_options.hpp"

#include "cli/memory_options.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/recording_option.hpp"
#include "cli/shell_words.hpp"
#include "cli/sweep_grid.hpp"
#include "lab/sha256.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>

namespace fl::cli {

namespace {

template <class Value>
Value value_or_usage_error(tl::expected<Value, std::string> value, std::string_view option = {}) {
    if (value) return *std::move(value);
    throw UsageError(option.empty() ? value.error() : fmt::format("{}: {}", option, value.error()));
}

// A plan is text, whose names have to be in one encoding.
void want_utf8(const std::string& text) {
    if (!lab::is_utf8(text)) throw UsageError(fmt::format("'{}' is not in UTF-8, as all names of a sweep are", text));
}

std::vector<std::uint64_t> seeds_from(std::string_view text) {
    std::vector<std::uint64_t> seeds;
    while (true) {
        const std::string_view word = text.substr(0, text.find(','));
        std::uint64_t seed = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seed);
        if (error != std::errc{} || end != word.data() + word.size()) {
            throw UsageError(fmt::format("--seed: '{}' is not a number from 0 to 2^64 - 1", word));
        }
        seeds.push_back(seed);
        if (word.size() == text.size()) return seeds;
        text.remove_prefix(word.size() + 1);
    }
}

// --- options of the live runs ----------------------------------------------------------------------------------------

// What a run may be told beside what the sweep varies. What is not here writes files, which runs at the same time would
// take from each other, or makes results depend on the host's time.
constexpr std::string_view valued_run_options[] = {
    "--mem",  "--scope",       "--kswapd",       "--thp",       "--khugepaged",       "--kcompactd",
    "--swap", "--swap-errors", "--fault-around", "--max-tasks", "--max-instructions", "--env",
    "--root", "--bind"};
constexpr std::string_view run_flags[] = {"--paranoid"};

void check_run_option(const std::string& name, const std::string& value) {
    if (name == "--bind" && value.ends_with(":rw")) {
        throw UsageError(fmt::format("--run-options: --bind {}: runs at the same time would write to it", value));
    }
}

std::string what_is_possible(const std::string& name) {
    std::vector<std::string_view> names(std::begin(valued_run_options), std::end(valued_run_options));
    names.insert(names.end(), std::begin(run_flags), std::end(run_flags));
    const std::string_view meant = replacement::nearest_name(name, names);
    if (!meant.empty()) return fmt::format("did you mean {}?", meant);
    return fmt::format("these are: {}", fmt::join(names, ", "));
}

// The value of --mem, where it is among them.
std::optional<std::string> check_run_options(const std::vector<std::string>& words) {
    std::optional<std::string> memory;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::size_t equals = words[i].find('=');
        const std::string name = words[i].substr(0, equals);
        if (equals == std::string::npos && std::ranges::find(run_flags, name) != std::end(run_flags)) continue;
        if (std::ranges::find(valued_run_options, name) == std::end(valued_run_options)) {
            throw UsageError(
                fmt::format("--run-options: '{}' is not possible in a sweep; {}", words[i], what_is_possible(name)));
        }
        if (equals == std::string::npos && ++i == words.size()) {
            throw UsageError(fmt::format("--run-options: {} needs a value", name));
        }
        const std::string value = equals == std::string::npos ? words[i] : words[i].substr(equals + 1);
        if (value.empty()) throw UsageError(fmt::format("--run-options: {} needs a value", name));
        check_run_option(name, value);
        if (name == "--mem") memory = value;
    }
    return memory;
}

// That runs of a program can have these.
void check_frames(const std::vector<std::uint32_t>& frames, const std::optional<std::string>& memory) {
    MemoryOptions options;
    if (memory) options.memory = *memory;
    for (const std::uint32_t count : {frames.front(), frames.back()}) {
        kernel::MachineOptions machine;
        options.frames = fmt::to_string(count);
        set_memory(machine, options);
    }
}

lab::SweepCosts costs_from(const SweepPlanOptions& options) {
    MemoryOptions memory;
    memory.cost = options.cost;
    kernel::MachineOptions machine;
    set_memory(machine, memory);
    const kernel::CostModel& costs = machine.costs;
    return {costs.memory_access_ns, costs.minor_fault_ns, costs.major_fault_ns};
}

// --- sources ---------------------------------------------------------------------------------------------------------

class PlanMaker {
public:
    PlanMaker(const SweepPlanOptions& options, RecordingStore& recordings)
        : options_(options),
          recordings_(recordings),
          policies_(value_or_usage_error(parse_policies(*options.policies), "--policy")),
          grid_(value_or_usage_error(FrameGrid::parse(*options.frames), "--frames")) {}

    lab::SweepPlan make() {
        plan_.version = FAULTLINE_VERSION;
        plan_.costs = costs_from(options_);
        plan_.seeds = seeds_from(options_.seeds);
        plan_.run_options = value_or_usage_error(shell_words(options_.run_options), "--run-options");
        for (const std::string& word : plan_.run_options) want_utf8(word);
        memory_ = check_run_options(plan_.run_options);
        if (!plan_.run_options.empty() && options_.programs.empty()) {
            throw UsageError("--run-options: there is no --program that would run");
        }
        for (const NamedPolicy& policy : policies_) note_plugin(policy);
        for (const std::string& program : options_.programs) add_program(program);
        for (const std::string& recording : options_.recordings) add_recording(recording);
        plan_.arrange();
        const std::uint64_t count = plan_.configuration_count();
        if (count > lab::SweepPlan::most_configurations) {
            throw UsageError(fmt::format("these are {} configurations; one sweep has {} at most", count,
                                         lab::SweepPlan::most_configurations));
        }
        return std::move(plan_);
    }

private:
    void note_plugin(const NamedPolicy& policy) {
        want_utf8(policy.text);
        const std::string path = policy.text.substr(0, policy.text.find(','));
        if (replacement::find_policy(path) != nullptr) return;
        plan_.plugins[path] = value_or_usage_error(lab::sha256_of_file(path));
    }

    void add_program(const std::string& text) {
        std::vector<std::string> words = value_or_usage_error(shell_words(text), "--program");
        if (words.empty()) throw UsageError("--program: names none");
        for (const std::string& word : words) want_utf8(word);
        lab::SweepSource source;
        source.kind = lab::SweepKind::live;
        source.path = words.front();
        source.arguments.assign(words.begin() + 1, words.end());
        source.sha256 = value_or_usage_error(lab::sha256_of_file(source.path), "--program");
        if (grid_.needs_page_count()) {
            throw UsageError("--frames all: nobody knows beforehand how many pages a program has; give MIN..MAX");
        }
        source.frames = grid_.sizes(0);
        check_frames(source.frames, memory_);
        for (const NamedPolicy& policy : policies_) {
            if (policy.choice.info->make != nullptr) source.policies.push_back(policy.text);
        }
        if (source.policies.empty()) {
            throw UsageError(fmt::format("--policy {}: needs the future, which a running program does not have",
                                         policies_.front().text));
        }
        plan_.sources.push_back(std::move(source));
    }

    void add_recording(const std::string& path) {
        want_utf8(path);
        if (path == "-")
            throw UsageError("sweep: reads its recordings more than once, and so none from standard input");
        lab::SweepSource source;
        source.path = path;
        source.format = options_.format;
        source.sha256 = value_or_usage_error(lab::sha256_of_file(path));
        const auto shared = value_or_usage_error(recordings_.get(source));
        source.references = shared->recording.references();
        source.pages = shared->string.page_limit();
        source.frames = grid_.sizes(source.pages);
        if (source.frames.empty()) throw UsageError(fmt::format("{}: has no pages", path));
        // What is best is part of every comparison.
        source.policies.emplace_back("opt");
        for (const NamedPolicy& policy : policies_) source.policies.push_back(policy.text);
        plan_.sources.push_back(std::move(source));
    }

    const SweepPlanOptions& options_;
    RecordingStore& recordings_;
    std::vector<NamedPolicy> policies_;
    FrameGrid grid_;
    std::optional<std::string> memory_;
    lab::SweepPlan plan_;
};

void check_file(const std::string& path, const std::string& sha256) {
    if (value_or_usage_error(lab::sha256_of_file(path)) == sha256) return;
    throw UsageError(fmt::format("{}: is no longer the file that this sweep was planned with", path));
}

}  // namespace

bool SweepPlanOptions::are_given() const {
    return !recordings.empty() || !programs.empty() || policies || frames || cost || !format.empty() ||
           !run_options.empty() || seeds != SweepPlanOptions().seeds;
}

void add_sweep_plan_options(CLI::App& subcommand, SweepPlanOptions& options) {
    add_option(subcommand, "recordings", options.recordings,
               "Recordings to replay, in any format that refs convert takes")
        .take_all()
        .type_name("FILE.refs")
        .option_text("FILE.refs...");
    add_format_option(subcommand, "--format", options.format, "The format of all FILEs, where they do not say it");
    add_value_option(subcommand, "--program", options.programs,
                     "A program to run, and its arguments, as a shell would split them; may be given again",
                     "'PROGRAM [ARGUMENT...]'")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand, "--policy", options.policies,
                     "Policies, as faultline policies lists them; recordings get opt too",
                     "NAME[,key=value...][,NAME...]|all");
    add_value_option(subcommand, "--frames", options.frames, "Numbers of frames; all: up to the recording's pages",
                     "LIST|MIN..MAX[+STEP|xFACTOR]|all");
    add_value_option(subcommand, "--seed", options.seeds, "What random policies, and programs, start from (0)",
                     "N[,N...]");
    add_value_option(subcommand, "--cost", options.cost,
                     "What faults cost (minor=500ns,major=100us), and references (memory=1ns)", "KIND=TIME[,...]");
    add_value_option(subcommand, "--run-options", options.run_options,
                     "Options of faultline run for all programs, such as --mem", "'OPTIONS'");
}

lab::SweepPlan make_sweep_plan(const SweepPlanOptions& options, RecordingStore& recordings) {
    if (options.recordings.empty() && options.programs.empty()) {
        throw UsageError("sweep: neither a recording nor a --program is given; see faultline sweep --help");
    }
    if (!options.policies) throw UsageError("sweep: --policy is missing; see faultline sweep --help");
    if (!options.frames) throw UsageError("sweep: --frames is missing; see faultline sweep --help");
    return PlanMaker(options, recordings).make();
}

void check_sweep_files(const lab::SweepPlan& plan, const std::vector<std::uint64_t>& configurations) {
    std::set<std::size_t> sources;
    for (const std::uint64_t index : configurations) sources.insert(plan.configuration(index).source_index);
    for (const std::size_t source : sources) check_file(plan.sources[source].path, plan.sources[source].sha256);
    if (sources.empty()) return;
    for (const auto& [path, sha256] : plan.plugins) check_file(path, sha256);
}

}  // namespace fl::cli
