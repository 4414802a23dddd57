#include "cli/live_runs.hpp"

#include "cli/exit_status.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string_view>

namespace fl::cli {

namespace {

using Json = nlohmann::json;
using lab::SweepResult;

// Where the child has its statistics: the first descriptor behind the standard ones.
constexpr int statistics_descriptor = STDERR_FILENO + 1;

// A file that has no name and lies in memory.
class MemoryFile {
public:
    explicit MemoryFile(const char* name) {
        // Behind the descriptors that the child's settings give away, one after the other.
        const int opened = ::memfd_create(name, MFD_CLOEXEC);
        if (opened < 0) return;
        descriptor_ = ::fcntl(opened, F_DUPFD_CLOEXEC, statistics_descriptor + 1);
        ::close(opened);
    }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    ~MemoryFile() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    int descriptor() const { return descriptor_; }
    std::string text() const {
        std::string text;
        std::array<char, 4096> piece{};
        ssize_t count = 0;
        while ((count = ::pread(descriptor_, piece.data(), piece.size(), static_cast<off_t>(text.size()))) > 0) {
            text.append(piece.data(), static_cast<std::size_t>(count));
        }
        return text;
    }

private:
    int descriptor_ = -1;
};

std::vector<std::string> run_words(const lab::SweepPlan& plan, const lab::SweepConfiguration& configuration) {
    std::vector<std::string> words = {"faultline", "run"};
    words.insert(words.end(), plan.run_options.begin(), plan.run_options.end());
    const lab::SweepCosts& costs = plan.costs;
    const std::vector<std::string> own = {
        "--cost",
        fmt::format("memory={}ns,minor={}ns,major={}ns", costs.memory_ns, costs.minor_ns, costs.major_ns),
        "--frames",
        fmt::to_string(configuration.frames),
        "--policy",
        configuration.policy,
        "--seed",
        fmt::to_string(configuration.seed),
        fmt::format("--stats=/proc/self/fd/{}", statistics_descriptor),
        "--",
        configuration.source.path};
    words.insert(words.end(), own.begin(), own.end());
    words.insert(words.end(), configuration.source.arguments.begin(), configuration.source.arguments.end());
    return words;
}

class SpawnSettings {
public:
    SpawnSettings(int statistics, int messages) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawnattr_init(&attributes_);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, messages, STDERR_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, statistics, statistics_descriptor);
        // A group of its own: what the terminal sends to ours is for us to answer.
        sigset_t none, usual;
        ::sigemptyset(&none);
        ::sigfillset(&usual);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &usual);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        ::posix_spawnattr_setflags(&attributes_,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    SpawnSettings(const SpawnSettings&) = delete;
    SpawnSettings& operator=(const SpawnSettings&) = delete;
    ~SpawnSettings() {
        ::posix_spawn_file_actions_destroy(&actions_);
        ::posix_spawnattr_destroy(&attributes_);
    }

    // The process, or the error as errno has it.
    tl::expected<pid_t, int> spawn(const std::vector<std::string>& words) const {
        std::vector<char*> arguments;
        for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        pid_t process = 0;
        // This very program, even where its file has been replaced since.
        const int error = ::posix_spawn(&process, "/proc/self/exe", &actions_, &attributes_, arguments.data(), environ);
        if (error != 0) return tl::unexpected(error);
        return process;
    }

private:
    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

// The last line by the command itself, without its name.
std::string last_message(const std::string& messages) {
    constexpr std::string_view ours = "faultline: ";
    std::size_t begin = messages.rfind("\n" + std::string(ours));
    begin = begin == std::string::npos ? 0 : begin + 1;
    std::string line = messages.substr(begin, messages.find('\n', begin) - begin);
    if (line.starts_with(ours)) line.erase(0, ours.size());
    return line;
}

template <class Number>
std::optional<Number> number_of(const Json& json, const char* pointer) {
    const Json::json_pointer place(pointer);
    if (!json.contains(place) || !json[place].is_number()) return std::nullopt;
    return json[place].get<Number>();
}

std::optional<SweepResult> result_from(const std::string& statistics) {
    const Json json = Json::parse(statistics, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    const auto count = [&json](const char* pointer) { return number_of<std::uint64_t>(json, pointer); };
    SweepResult result;
    result.exit_status = count("/exit_status");
    result.references = count("/replacement/references");
    result.hits = count("/replacement/hits");
    result.faults = count("/replacement/faults");
    result.minor_faults = count("/faults/minor");
    result.major_faults = count("/faults/major");
    result.refaults = count("/replacement/refaults");
    result.clean_evictions = count("/replacement/evictions/clean");
    result.dirty_evictions = count("/replacement/evictions/dirty");
    result.write_backs = count("/replacement/written_ahead");
    result.access_ns = number_of<double>(json, "/effective_access/time_ns");
    result.instructions = count("/instructions");
    result.virtual_time_ns = count("/virtual_time_ns");
    if (const auto stopped = json.find("stopped"); stopped != json.end() && stopped->is_string()) {
        result.status = lab::SweepStatus::stopped;
        result.error = stopped->get<std::string>();
    }
    return result;
}

}  // namespace

tl::expected<SweepResult, std::string> LiveRuns::run(const lab::SweepPlan& plan,
                                                     const lab::SweepConfiguration& configuration) {
    const MemoryFile statistics("statistics"), messages("messages");
    const std::string& path = configuration.source.path;
    if (statistics.descriptor() < 0 || messages.descriptor() < 0) {
        return tl::unexpected(fmt::format("{}: could not be run: {}", path, std::strerror(errno)));
    }
    const auto status = spawn_and_wait(run_words(plan, configuration), statistics.descriptor(), messages.descriptor());
    if (!status) return tl::unexpected(fmt::format("{}: could not be run: {}", path, status.error()));
    if (!WIFEXITED(*status)) {
        return tl::unexpected(fmt::format("{}: its emulator was ended by signal {}", path, WTERMSIG(*status)));
    }
    const int exit = WEXITSTATUS(*status);
    if (const auto result = result_from(statistics.text())) return *result;
    if (exit == exit_usage || exit == exit_not_started) return lab::failed_result(last_message(messages.text()));
    return tl::unexpected(fmt::format("{}: its emulator ended with status {} and without statistics: {}", path, exit,
                                      last_message(messages.text())));
}

tl::expected<int, std::string> LiveRuns::spawn_and_wait(const std::vector<std::string>& words, int statistics,
                                                        int messages) {
    const SpawnSettings settings(statistics, messages);
    pid_t process = 0;
    {
        const std::lock_guard lock(mutex_);
        if (is_over_) return tl::unexpected(std::string("it is over"));
        const auto spawned = settings.spawn(words);
        if (!spawned) return tl::unexpected(std::string(std::strerror(spawned.error())));
        process = *spawned;
        running_.insert(process);
    }
    // It stays a zombie until it is known to be gone: end_all() hits nobody else who got its number.
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    const std::lock_guard lock(mutex_);
    running_.erase(process);
    int status = 0;
    while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

void LiveRuns::end_all() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    for (const pid_t process : running_) ::kill(process, SIGKILL);
}

}  // namespace fl::cli
