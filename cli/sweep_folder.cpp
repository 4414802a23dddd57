#include "cli/sweep_folder.hpp"

#include "lab/host_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace fl::cli {

namespace {

namespace fs = std::filesystem;

std::string plan_path(const std::string& folder) { return folder + "/plan.json"; }

}  // namespace

tl::expected<SweepFolder, std::string> SweepFolder::make(const std::string& path, const lab::SweepPlanFile& file) {
    std::error_code error;
    if (fs::exists(plan_path(path), error)) {
        auto there = open(path);
        if (!there) return there;
        if (there->file_.plan == file.plan && there->file_.task_count == file.task_count &&
            there->file_.directory == file.directory) {
            return there;
        }
        return tl::unexpected(
            fmt::format("{}: belongs to a sweep of other configurations; finish that one, or remove it", path));
    }
    const bool is_other = fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error));
    if (is_other) return tl::unexpected(fmt::format("{}: is there already, and is no sweep's folder", path));
    if (!error) fs::create_directory(path, error);
    if (error) return tl::unexpected(fmt::format("{}: cannot be made: {}", path, error.message()));
    // Whatever else is missing, with a plan it is a sweep.
    if (const auto written = lab::replace_file(plan_path(path), lab::plan_text(file)); !written) {
        return tl::unexpected(written.error());
    }
    return open(path);
}

tl::expected<SweepFolder, std::string> SweepFolder::open(const std::string& path) {
    const auto text = lab::read_file(plan_path(path));
    if (!text) return tl::unexpected(text.error());
    auto file = lab::parse_plan(*text);
    if (!file) return tl::unexpected(fmt::format("{}: {}", plan_path(path), file.error()));
    std::error_code error;
    fs::create_directory(path + "/shards", error);
    if (error) return tl::unexpected(fmt::format("{}/shards: cannot be made: {}", path, error.message()));
    return SweepFolder(path, *std::move(file));
}

bool SweepFolder::lock() {
    const int folder = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // A file system that knows no locks has nobody in it who holds one.
    return folder < 0 || ::flock(folder, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

void SweepFolder::remove() const {
    std::error_code error;
    for (fs::directory_iterator entry(shards(), error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
        std::error_code gone;
        if (entry->path().extension() == ".jsonl") fs::remove(entry->path(), gone);
    }
    // What else a user put there keeps its folder.
    fs::remove(shards(), error);
    fs::remove(plan_path(path_), error);
    fs::remove(path_, error);
}

}  // namespace fl::cli
