#include "cli/generate.hpp"

#include "cli/command_model.hpp"
#include "cli/completion.hpp"
#include "cli/exit_status.hpp"
#include "cli/manual_page.hpp"
#include "cli/messages.hpp"
#include "lab/host_file.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <utility>

namespace fl::cli {

namespace {

struct File {
    std::string name, bytes;
};

std::vector<File> manual_pages(const CommandModel& all) {
    std::vector<File> files = {{manual_page_name(all) + ".1", manual_page(all, all, FAULTLINE_VERSION)}};
    for (const CommandModel& command : all.subcommands)
        files.push_back({manual_page_name(command) + ".1", manual_page(command, all, FAULTLINE_VERSION)});
    return files;
}

std::vector<File> files_of(const std::string& kind, const CommandModel& all) {
    if (kind == "man") return manual_pages(all);
    if (kind == "bash") return {{all.name(), bash_completion(all)}};
    if (kind == "zsh") return {{"_" + all.name(), zsh_completion(all)}};
    return {};
}

}  // namespace

int generate(const CLI::App& application, const std::vector<std::string>& words) {
    if (words.size() != 2) {
        report(fmt::format("{}: want man, bash or zsh, and a folder", generate_option));
        return exit_usage;
    }
    const std::vector<File> files = files_of(words[0], command_model(application));
    if (files.empty()) {
        report(fmt::format("{}: {}", generate_option,
                           replacement::unknown_name("kind", words[0], {"man", "bash", "zsh"})));
        return exit_usage;
    }
    std::error_code error;
    if (!std::filesystem::is_directory(words[1], error)) {
        report(fmt::format("{}: is no folder", words[1]));
        return exit_usage;
    }
    for (const File& file : files) {
        const auto written = lab::replace_file(words[1] + "/" + file.name, file.bytes);
        if (written) continue;
        report(written.error());
        return exit_output_failed;
    }
    return 0;
}

}  // namespace fl::cli
