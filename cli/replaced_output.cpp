#include "cli/replaced_output.hpp"

#include "cli/exit_status.hpp"
#include "lab/host_file.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace fl::cli {

Outcome replace_output(const std::string& path, const std::function<Outcome(const std::string& path)>& write) {
    struct stat there {};
    const bool exists = ::stat(path.c_str(), &there) == 0;
    if (exists && !S_ISREG(there.st_mode)) return write(path);
    std::error_code dangling;
    const std::string target = exists ? std::filesystem::canonical(path, dangling).string() : path;
    Outcome outcome = tl::unexpected(Failure{exit_usage, {}});
    const auto replaced = lab::replace_file(target, [&](const std::string& beside) -> tl::expected<void, std::string> {
        outcome = write(beside);
        if (outcome) return {};
        return tl::unexpected(outcome.error().line);
    });
    if (replaced) return {};
    std::string line = replaced.error();
    if (line.starts_with(target)) line.replace(0, target.size(), path);
    return tl::unexpected(Failure{outcome ? exit_output_failed : outcome.error().status, std::move(line)});
}

Outcome write_output(const std::string& output, const std::function<Outcome(OutputFile file)>& write) {
    if (output == "-") return write(OutputFile::standard_output());
    return replace_output(output, [&](const std::string& path) -> Outcome {
        auto file = OutputFile::open(path);
        if (!file) return tl::unexpected(Failure{exit_usage, file.error()});
        return write(*std::move(file));
    });
}

}  // namespace fl::cli
