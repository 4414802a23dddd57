#include "cli/recording_option.hpp"

#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/progress_bar.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>

namespace fl::cli {

namespace {

tl::expected<lab::LoadedRecording, std::string> load_showing_progress(const std::string& path,
                                                                      std::optional<lab::TraceFormat> format) {
    BackgroundProgress progress(bytes_to_read(path), ProgressUnit::bytes);
    return lab::load_recording(path, format, [&progress](std::uint64_t bytes) { progress.set(bytes); });
}

std::string damage_warning(const std::string& damage) {
    return fmt::format("warning: {}; what comes before is used", damage);
}

}  // namespace

RecordingOption::RecordingOption(CLI::App& subcommand) {
    add_option(subcommand, "FILE", path_, "A recording, or another reference string; '-': standard input")
        .required()
        .option_text(" ");
    add_format_option(subcommand, "--format", format_, "Take FILE for this instead of looking at it");
}

std::optional<lab::TraceFormat> RecordingOption::format() const { return lab::trace_format_by_name(format_); }

tl::expected<lab::Recording, std::string> RecordingOption::load() const {
    auto loaded = load_showing_progress(path_, format());
    if (!loaded) return tl::unexpected(std::move(loaded.error()));
    if (!loaded->damage.empty()) report(damage_warning(loaded->damage));
    return std::move(loaded->recording);
}

Option add_format_option(CLI::App& subcommand, const std::string& name, std::string& value, const std::string& what) {
    return add_option(subcommand, name, value, what)
        .one_of({"refs", "text", "u64", "lackey", "oracle-general"})
        .type_name("FORMAT")
        .option_text("refs|text|u64|lackey|oracle-general");
}

std::uint64_t bytes_to_read(const std::string& path) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
}

bool report_damage(const lab::Trace& trace) {
    if (trace.is_useless()) {
        report(trace.damage());
    } else if (!trace.damage().empty()) {
        report(damage_warning(trace.damage()));
    }
    return !trace.is_useless();
}

}  // namespace fl::cli
