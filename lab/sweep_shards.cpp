#include "lab/sweep_shards.hpp"

#include "lab/host_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace fl::lab {

namespace {

namespace fs = std::filesystem;

constexpr mode_t file_mode = 0666;  // less the umask

std::string error_line(const std::string& path, const char* what) {
    return fmt::format("{}: {}: {}", path, what, std::strerror(errno));
}

// Of one task, or of all.
tl::expected<std::vector<std::string>, std::string> shard_paths(const std::string& folder,
                                                                std::optional<std::uint64_t> task) {
    std::vector<std::string> paths;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        const bool is_asked_for = !task || name.starts_with(fmt::format("{}.", *task));
        if (name.ends_with(".jsonl") && is_asked_for) paths.push_back(entry->path().string());
    }
    if (error) return tl::unexpected(fmt::format("{}: cannot be read: {}", folder, error.message()));
    std::ranges::sort(paths);
    return paths;
}

// Reads shards, one after the other.
class Collector {
public:
    explicit Collector(const SweepPlan& plan) : plan_name_(plan.name()) {
        collected_.results.resize(plan.configuration_count());
    }

    tl::expected<void, std::string> read(const std::string& path) {
        const auto bytes = read_file(path);
        if (!bytes) return tl::unexpected(bytes.error());
        std::uint64_t number = 0, bad_count = 0, first_bad = 0;
        std::size_t at = 0, end = 0;
        // What has no end was being written when its writer ended.
        for (; (end = bytes->find('\n', at)) != std::string::npos; at = end + 1) {
            ++number;
            const std::string line = bytes->substr(at, end - at);
            const auto numbered = parse_result_line(plan_name_, line);
            if (!numbered || numbered->configuration >= collected_.results.size()) {
                if (bad_count++ == 0) first_bad = number;
                continue;
            }
            if (!keep(*numbered)) {
                return tl::unexpected(fmt::format("{}: line {}: configuration {} has come out differently before", path,
                                                  number, numbered->configuration));
            }
        }
        if (bad_count != 0) {
            collected_.damage.push_back(fmt::format("{}: {} of its lines are no results of this sweep, from line {} on",
                                                    path, bad_count, first_bad));
        }
        return {};
    }
    CollectedResults take() { return std::move(collected_); }

private:
    bool keep(const NumberedResult& numbered) {
        std::optional<SweepResult>& known = collected_.results[numbered.configuration];
        if (known) return *known == numbered.result;
        known = numbered.result;
        return true;
    }

    std::string plan_name_;
    CollectedResults collected_;
};

}  // namespace

tl::expected<ShardWriter, std::string> ShardWriter::create(const std::string& folder, std::uint64_t task) {
    constexpr int most_tries = 100'000;
    std::string path = fmt::format("{}/{}.jsonl", folder, task);
    for (int tries = 1; tries < most_tries; ++tries) {
        const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, file_mode);
        if (descriptor >= 0) return ShardWriter(descriptor, path);
        if (errno != EEXIST) break;
        path = fmt::format("{}/{}.{}.jsonl", folder, task, tries);
    }
    return tl::unexpected(error_line(path, "cannot be made"));
}

ShardWriter::ShardWriter(ShardWriter&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), is_empty_(other.is_empty_) {}

ShardWriter::~ShardWriter() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    if (is_empty_) ::unlink(path_.c_str());
}

tl::expected<void, std::string> ShardWriter::add(const std::string& line) {
    std::string bytes = line + "\n";
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return tl::unexpected(complaint());
        is_empty_ = false;
        bytes.erase(0, static_cast<std::size_t>(written));
    }
    return {};
}

tl::expected<void, std::string> ShardWriter::sync() {
    if (::fsync(descriptor_) != 0 && errno != EINVAL) return tl::unexpected(complaint());
    return {};
}

std::string ShardWriter::complaint() const { return error_line(path_, "cannot be written"); }

std::uint64_t CollectedResults::missing_count() const {
    const auto is_missing = [](const std::optional<SweepResult>& result) { return !result.has_value(); };
    return static_cast<std::uint64_t>(std::ranges::count_if(results, is_missing));
}

tl::expected<CollectedResults, std::string> collect_results(const std::string& folder, const SweepPlan& plan,
                                                            std::optional<std::uint64_t> task) {
    const auto paths = shard_paths(folder, task);
    if (!paths) return tl::unexpected(paths.error());
    Collector collector(plan);
    for (const std::string& path : *paths) {
        if (const auto read = collector.read(path); !read) return tl::unexpected(read.error());
    }
    return collector.take();
}

}  // namespace fl::lab
