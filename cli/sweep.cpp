#include "cli/sweep.hpp"

#include "cli/blocked_signals.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/sweep_emit.hpp"
#include "cli/sweep_folder.hpp"
#include "cli/sweep_run.hpp"
#include "lab/sweep_database.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace fl::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* footer =
    R"(Every recording and every program is measured under every policy with every number of frames, and from every seed. The
results go to one SQLite file, whose tables docs/sweep.md describes; the same sweep gives the same file, byte by byte.
Interrupted, it goes on where it was when the same command is given again.

  faultline sweep --policy all --frames 16..4096x2 --output gcc.db gcc.refs
  faultline sweep --policy clock,lru,clock,load=0 --frames all a.refs b.refs
  faultline sweep --policy fifo,clock --frames 64,128 --program './sort -n "a file"' --run-options '--mem 64M'

On other machines: --emit slurm writes a folder with a list of commands, one for each task, and a script for sbatch. All
the machines have to see the folder, the recordings and the programs under the same names.

  faultline sweep --policy all --frames all --emit slurm tasks --tasks 50 gcc.refs
  sbatch tasks/array.sh             or: parallel <tasks/jobs.txt
  faultline sweep --merge tasks --output gcc.db

Exit status: 0: all is measured; 1: something could not be measured or kept; 2: the command line asks for something
impossible; 128 + N: signal N ended it.)";

std::uint64_t number_from(const char* option, const std::string& text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        throw UsageError(fmt::format("{} {}: want a number from {} to {}", option, text, least, most));
    }
    return value;
}

template <class Value>
Value value_or_usage_error(tl::expected<Value, std::string> value) {
    if (!value) throw UsageError(value.error());
    return *std::move(value);
}

// Something went wrong after all was well at first.
class Failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

template <class Value>
Value value_or_failure(tl::expected<Value, std::string> value) {
    if (!value) throw Failure(value.error());
    if constexpr (!std::is_void_v<Value>) return *std::move(value);
}

std::string absolute_path(const std::string& path) {
    std::error_code error;
    const fs::path absolute = fs::absolute(path, error).lexically_normal();
    if (error) throw UsageError(fmt::format("{}: {}", path, error.message()));
    std::string text = absolute.string();
    if (text.size() > 1 && text.ends_with('/')) text.pop_back();
    return text;
}

void go_to(const std::string& directory) {
    if (::chdir(directory.c_str()) == 0) return;
    throw UsageError(fmt::format("{}: from where the sweep was planned: {}", directory, std::strerror(errno)));
}

unsigned workers_from(const SweepOptions& options, unsigned usual) {
    constexpr std::uint64_t most = 4096;
    if (!options.workers) return std::max(usual, 1U);
    return static_cast<unsigned>(number_from("--workers", *options.workers, 1, most));
}

void print(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return;
    throw Failure("standard output: cannot be written");
}

lab::CollectedResults collect(const SweepFolder& folder, std::optional<std::uint64_t> task = std::nullopt) {
    auto collected = value_or_failure(lab::collect_results(folder.shards(), folder.file().plan, task));
    for (const std::string& damage : collected.damage) report(damage);
    return collected;
}

// Those from `first` to `end` that have no result yet.
std::vector<std::uint64_t> missing(const lab::CollectedResults& collected, std::uint64_t first, std::uint64_t end) {
    std::vector<std::uint64_t> configurations;
    for (std::uint64_t i = first; i < end; ++i) {
        if (!collected.results[i]) configurations.push_back(i);
    }
    return configurations;
}

void measure(const SweepFolder& folder, std::uint64_t task, const std::vector<std::uint64_t>& configurations,
             RecordingStore& recordings, unsigned workers, const BlockedSignals& signals) {
    if (configurations.empty()) return;
    auto shard = value_or_failure(lab::ShardWriter::create(folder.shards(), task));
    SweepRun run(folder.file().plan, recordings, shard, signals);
    const auto useful = static_cast<unsigned>(std::min<std::uint64_t>(workers, configurations.size()));
    const auto outcome =
        run.measure(configurations, useful, "interrupted; the same command goes on where this one stopped");
    if (!outcome.problem.empty()) {
        throw Failure(fmt::format("{}; {} of {} configurations are not measured, the same command tries them again",
                                  outcome.problem, outcome.unmeasured, configurations.size()));
    }
}

// --- the result ------------------------------------------------------------------------------------------------------

// That the file is none, or has this sweep's results already (true).
bool has_results(const std::string& output, const std::string& plan_name) {
    struct stat status {};
    if (::lstat(output.c_str(), &status) != 0) return false;
    const auto other = lab::sweep_database_plan(output);
    if (!other) throw UsageError(other.error() + ", and is not written over");
    if (*other == plan_name) return true;
    throw UsageError(
        fmt::format("{}: holds the results of another sweep, and is not written over; see --output", output));
}

// One line where not all came out well. The exit status.
int report_failures(const lab::SweepPlan& plan, const std::vector<std::optional<lab::SweepResult>>& results) {
    std::uint64_t failed = 0, first = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (results[i]->status == lab::SweepStatus::ok) continue;
        if (failed++ == 0) first = i;
    }
    if (failed == 0) return 0;
    const lab::SweepConfiguration configuration = plan.configuration(first);
    report(fmt::format("{} of {} configurations came to no good end; the first, {} under {} with {} frames: {}", failed,
                       results.size(), configuration.source.path, configuration.policy, configuration.frames,
                       results[first]->error));
    return exit_output_failed;
}

int write_results(const std::string& output, const lab::SweepPlan& plan, const lab::CollectedResults& collected) {
    value_or_failure(lab::write_sweep_database(output, plan, collected.results));
    print(fmt::format("{}: {} results\n", output, collected.results.size()));
    return report_failures(plan, collected.results);
}

// --- what the command does -------------------------------------------------------------------------------------------

int sweep_here(const SweepOptions& options) {
    RecordingStore recordings;
    const unsigned workers = workers_from(options, std::thread::hardware_concurrency());
    lab::SweepPlan plan = make_sweep_plan(options.plan, recordings);
    if (has_results(options.output, plan.name())) {
        print(fmt::format("{}: has the results of this sweep already\n", options.output));
        return 0;
    }
    auto folder =
        value_or_usage_error(SweepFolder::make(options.output + ".parts", {std::move(plan), absolute_path("."), 1}));
    if (!folder.lock()) throw UsageError(fmt::format("{}: another sweep is at work in it", folder.path()));
    const BlockedSignals signals;
    lab::CollectedResults collected = collect(folder);
    const auto left = missing(collected, 0, collected.results.size());
    measure(folder, 0, left, recordings, workers, signals);
    if (!left.empty()) collected = collect(folder);
    const int status = write_results(options.output, folder.file().plan, collected);
    folder.remove();
    return status;
}

int emit(const SweepOptions& options) {
    constexpr std::uint64_t usual_tasks = 100;
    if (options.emit.front() != "slurm") {
        throw UsageError(
            fmt::format("--emit: {}", replacement::unknown_name("value", options.emit.front(), {"slurm"})));
    }
    RecordingStore recordings;
    lab::SweepPlan plan = make_sweep_plan(options.plan, recordings);
    const std::uint64_t asked = options.tasks ? number_from("--tasks", *options.tasks, 1, most_tasks) : usual_tasks;
    const std::uint64_t tasks = std::min(asked, plan.configuration_count());
    const auto folder = value_or_usage_error(
        SweepFolder::make(absolute_path(options.emit.back()), {std::move(plan), absolute_path("."), tasks}));
    value_or_failure(emit_slurm(folder));
    print(fmt::format("{}: {} configurations in {} tasks; sbatch {}/array.sh\n", options.emit.back(),
                      folder.file().plan.configuration_count(), tasks, options.emit.back()));
    return 0;
}

int run_job(const SweepOptions& options) {
    const auto folder = value_or_usage_error(SweepFolder::open(absolute_path(options.job.back())));
    const lab::SweepPlanFile& file = folder.file();
    const std::uint64_t task = number_from("--job", options.job.front(), 0, file.task_count - 1);
    if (file.plan.version != FAULTLINE_VERSION) {
        throw UsageError(fmt::format("{}: was planned by faultline {}, and this is {}", folder.path(),
                                     file.plan.version, FAULTLINE_VERSION));
    }
    const BlockedSignals signals;
    const auto left = missing(collect(folder, task), file.first_of(task), file.first_of(task + 1));
    go_to(file.directory);
    check_sweep_files(file.plan, left);
    RecordingStore recordings;
    measure(folder, task, left, recordings, workers_from(options, 1), signals);
    return 0;
}

void report_missing(const SweepFolder& folder, const lab::CollectedResults& collected) {
    std::vector<std::uint64_t> tasks;
    for (const std::uint64_t configuration : missing(collected, 0, collected.results.size())) {
        const std::uint64_t task = folder.file().task_of(configuration);
        if (tasks.empty() || tasks.back() != task) tasks.push_back(task);
    }
    const std::string numbers = array_text(tasks);
    report(fmt::format(
        "{0}: {1} of {2} results are missing, of task{3} {4}; run again: sbatch --array={4} {0}/array.sh, or "
        "faultline sweep --job TASK {0}",
        folder.path(), collected.missing_count(), collected.results.size(), tasks.size() == 1 ? "" : "s", numbers));
}

int merge(const SweepOptions& options) {
    const auto folder = value_or_usage_error(SweepFolder::open(*options.merge));
    const lab::SweepPlan& plan = folder.file().plan;
    static_cast<void>(has_results(options.output, plan.name()));
    const BlockedSignals signals;
    const lab::CollectedResults collected = collect(folder);
    if (collected.missing_count() != 0) {
        report_missing(folder, collected);
        return exit_output_failed;
    }
    const std::string output = absolute_path(options.output);
    // Policies of shared objects are named from there.
    if (!plan.plugins.empty()) go_to(folder.file().directory);
    return write_results(plan.plugins.empty() ? options.output : output, plan, collected);
}

int sweep(const SweepOptions& options) {
    const bool is_job = !options.job.empty(), is_merge = options.merge.has_value(), is_emit = !options.emit.empty();
    if (is_job + is_merge + is_emit > 1) throw UsageError("sweep: --emit, --job and --merge go one at a time");
    if ((is_job || is_merge) && options.plan.are_given()) {
        throw UsageError(fmt::format("sweep: with {} all else is said by the folder", is_job ? "--job" : "--merge"));
    }
    if (options.tasks && !is_emit) throw UsageError("--tasks: belongs to --emit");
    if (is_job) return run_job(options);
    if (is_merge) return merge(options);
    return is_emit ? emit(options) : sweep_here(options);
}

}  // namespace

SweepCommand::SweepCommand(CLI::App& application)
    : subcommand_(
          add_subcommand(application, {.name = name,
                                       .meaning = "Measure programs and recordings under many policies and sizes",
                                       .operands = "[OPTIONS] [FILE.refs...]",
                                       .footer = footer})) {
    let_last_count(subcommand_);
    add_sweep_plan_options(subcommand_, options_.plan);
    add_value_option(subcommand_, "-o,--output", options_.output, "Where the results go (sweep.db)", "FILE");
    add_value_option(subcommand_, "--workers", options_.workers,
                     "Measure so many at once (as many as there are processors)", "N");
    add_option(subcommand_, "--emit", options_.emit,
               "Measure nothing; write tasks for Slurm and others to the folder DIR")
        .expected(2)
        .allow_extra_args(false)
        .option_text("slurm DIR");
    add_value_option(subcommand_, "--tasks", options_.tasks, "So many tasks at most (100)", "N");
    add_option(subcommand_, "--job", options_.job, "Run task K of DIR, by one worker unless --workers says more")
        .expected(2)
        .allow_extra_args(false)
        .option_text("K DIR");
    add_value_option(subcommand_, "--merge", options_.merge, "Put together what the tasks of DIR have measured", "DIR");
}

int SweepCommand::execute() const {
    try {
        return sweep(options_);
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    } catch (const Failure& error) {
        report(error.what());
        return exit_output_failed;
    } catch (const std::bad_alloc&) {
        report("sweep: the host has too little memory for it");
        return exit_output_failed;
    }
}

}  // namespace fl::cli
