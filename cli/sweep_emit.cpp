#include "cli/sweep_emit.hpp"

#include "cli/shell_words.hpp"
#include "lab/host_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

namespace fl::cli {

namespace {

namespace fs = std::filesystem;

// {0}: the last task; {1}: the folder.
constexpr const char* array_script = R"(#!/bin/sh
# A sweep's tasks as one Slurm job array; task K is line K + 1 of jobs.txt.
#   sbatch [OPTIONS] array.sh
# Options on the command line (--partition, --time, --cpus-per-task=N, --array=4,9-11) come before those here.
#SBATCH --job-name=faultline-sweep
#SBATCH --array=0-{0}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --output=/dev/null
folder={1}
exec >>"$folder/logs/$SLURM_ARRAY_TASK_ID.log" 2>&1
command=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$folder/jobs.txt")
eval "exec $command --workers ${{SLURM_CPUS_PER_TASK:-1}}"
)";

}  // namespace

tl::expected<void, std::string> emit_slurm(const SweepFolder& folder) {
    std::error_code error;
    const std::string program = fs::read_symlink("/proc/self/exe", error).string();
    if (error) return tl::unexpected(fmt::format("/proc/self/exe: {}", error.message()));
    // The list has one command a line.
    for (const std::string& path : {program, folder.path()}) {
        if (path.find('\n') != std::string::npos) return tl::unexpected(path + ": a list of commands cannot name it");
    }
    fs::create_directory(folder.path() + "/logs", error);
    if (error) return tl::unexpected(fmt::format("{}/logs: cannot be made: {}", folder.path(), error.message()));
    const std::uint64_t tasks = folder.file().task_count;
    std::string jobs;
    for (std::uint64_t task = 0; task < tasks; ++task) {
        jobs += fmt::format("{} sweep --job {} {}\n", shell_quoted(program), task, shell_quoted(folder.path()));
    }
    const std::string script = fmt::format(fmt::runtime(array_script), tasks - 1, shell_quoted(folder.path()));
    return lab::replace_file(folder.path() + "/jobs.txt", jobs).and_then([&] {
        return lab::replace_file(folder.path() + "/array.sh", script);
    });
}

std::string array_text(const std::vector<std::uint64_t>& numbers) {
    std::string text;
    for (std::size_t first = 0, last = 0; first < numbers.size(); first = last + 1) {
        last = first;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        if (first != 0) text += ',';
        text += fmt::to_string(numbers[first]);
        if (last != first) text += fmt::format("-{}", numbers[last]);
    }
    return text;
}

}  // namespace fl::cli
