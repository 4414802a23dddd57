// The `faultline` command: finds the subcommand, and puts what goes wrong with the command line into one line.

#include "cli/command_line.hpp"
#include "cli/compare_native.hpp"
#include "cli/curve.hpp"
#include "cli/exit_status.hpp"
#include "cli/explain.hpp"
#include "cli/generate.hpp"
#include "cli/inspect.hpp"
#include "cli/messages.hpp"
#include "cli/policies.hpp"
#include "cli/refs.hpp"
#include "cli/replay.hpp"
#include "cli/report.hpp"
#include "cli/run.hpp"
#include "cli/sweep.hpp"
#include "cli/trace.hpp"
#include "emu/unicorn_version.hpp"
#include "trace/capstone_version.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr const char* description =
    "faultline runs unmodified static x86-64 Linux programs on an emulated machine whose memory is managed by a\n"
    "kernel of its own, and shows every page fault they take.\n";

constexpr const char* footer = R"(Try:  faultline run --trace ./program
Help: faultline SUBCOMMAND --help)";

std::string version_text() {
    return fmt::format("faultline " FAULTLINE_VERSION "\nUnicorn {}\nCapstone {}", fl::emu::unicorn_version(),
                       fl::trace::capstone_version());
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

// "--trace=" names no file, and CLI11 cannot tell it from "--trace".
void refuse_empty_values(const std::vector<std::string>& words) {
    for (const std::string& word : words) {
        if (word.starts_with("--") && word.find('=') == word.size() - 1) {
            throw CLI::ArgumentMismatch(fmt::format("{} needs a value behind the '='", word));
        }
    }
}

int report_usage_error(const CLI::App& application, const CLI::ParseError& error, const std::string& help_command) {
    // Something may only be missing because it was misspelt.
    const std::vector<std::string> extras = application.remaining(true);
    const bool is_misspelt =
        error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && !extras.empty();
    if (is_misspelt || error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
        fl::cli::report(fl::cli::unknown_word_text(application, extras));
    } else {
        const std::string line = first_line(error.what());
        const bool says_what_was_meant = line.ends_with('?');
        // Nobody is asked for yet where the words were not even looked at.
        const std::string asked =
            application.get_subcommands().empty() ? help_command : fl::cli::asked_for(application);
        fl::cli::report(says_what_was_meant ? line : fmt::format("{}; see {} --help", line, asked));
    }
    return fl::cli::exit_usage;
}

int run_command_line(std::vector<std::string> words) {
    CLI::App application(description, "faultline");
    application.formatter(std::make_shared<fl::cli::HelpFormatter>("SUBCOMMAND [OPTIONS]"));
    application.footer(footer);
    application.set_version_flag("--version", version_text,
                                 "Print the versions of faultline, Unicorn and Capstone and exit");
    fl::cli::RunCommand run(application);
    fl::cli::InspectCommand inspect(application);
    fl::cli::ExplainCommand explain(application);
    fl::cli::CompareNativeCommand compare_native(application);
    fl::cli::PoliciesCommand policies(application);
    fl::cli::RefsCommand refs(application);
    fl::cli::ReplayCommand replay(application);
    fl::cli::SweepCommand sweep(application);
    fl::cli::CurveCommand curve(application);
    fl::cli::TraceCommand trace(application);
    fl::cli::ReportCommand report(application);
    if (words.empty()) {
        fmt::print(stderr, "{}", application.help());
        return fl::cli::exit_usage;
    }
    if (words.front() == fl::cli::generate_option)
        return fl::cli::generate(application, {words.begin() + 1, words.end()});

    std::vector<std::string> operands;
    std::string help_command = "faultline";
    try {
        const CLI::App* subcommand = nullptr;
        if (words.front() == fl::cli::RunCommand::name) subcommand = &run.subcommand();
        if (words.front() == fl::cli::InspectCommand::name) subcommand = &inspect.subcommand();
        if (words.front() == fl::cli::ExplainCommand::name) subcommand = &explain.subcommand();
        if (words.front() == fl::cli::CompareNativeCommand::name) subcommand = &compare_native.subcommand();
        if (words.front() == fl::cli::PoliciesCommand::name) subcommand = &policies.subcommand();
        if (subcommand != nullptr) {
            help_command += " " + words.front();
            std::vector<std::string> own(words.begin() + 1, words.end());
            operands = fl::cli::split_off_operands(*subcommand, own);
            refuse_empty_values(own);
            words.resize(1);
            words.insert(words.end(), own.begin(), own.end());
        }
        if (words.front() == fl::cli::RefsCommand::name || words.front() == fl::cli::SweepCommand::name ||
            words.front() == fl::cli::CurveCommand::name || words.front() == fl::cli::ReplayCommand::name ||
            words.front() == fl::cli::TraceCommand::name || words.front() == fl::cli::ReportCommand::name) {
            help_command += " " + words.front();
            refuse_empty_values(words);
        }
        // CLI11 takes the words from the back.
        std::reverse(words.begin(), words.end());
        application.parse(words);
    } catch (const CLI::Success& help_or_version) {
        return application.exit(help_or_version);
    } catch (const CLI::ParseError& error) {
        return report_usage_error(application, error, help_command);
    }
    if (inspect.subcommand().parsed()) return inspect.execute(operands);
    if (explain.subcommand().parsed()) return explain.execute(operands);
    if (compare_native.subcommand().parsed()) return compare_native.execute(operands);
    if (policies.subcommand().parsed()) return fl::cli::PoliciesCommand::execute(operands);
    if (refs.subcommand().parsed()) return refs.execute();
    if (replay.subcommand().parsed()) return replay.execute();
    if (sweep.subcommand().parsed()) return sweep.execute();
    if (curve.subcommand().parsed()) return curve.execute();
    if (trace.subcommand().parsed()) return trace.execute();
    if (report.subcommand().parsed()) return report.execute();
    return run.execute(operands);
}

}  // namespace

int main(int argc, char** argv) {
    // A reader of the trace or the statistics that goes away is an output that failed, with a line and a status.
    // So is one that grows past the limit of file sizes.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    try {
        fl::cli::set_up_messages();
        return run_command_line({argv + std::min(argc, 1), argv + argc});
    } catch (const std::exception& error) {
        fl::cli::report(fmt::format("internal error: {}", error.what()));
        return fl::cli::exit_internal_error;
    }
}
