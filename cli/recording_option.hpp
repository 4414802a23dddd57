// What the commands that look at a recorded reference string have in common: the FILE, and --format.
#pragma once

#include "cli/option.hpp"
#include "lab/load_recording.hpp"
#include "lab/trace_reader.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace fl::cli {

class RecordingOption {
public:
    // Adds the operand FILE.refs, which must be given, and --format to the subcommand, which must outlive this.
    explicit RecordingOption(CLI::App& subcommand);
    RecordingOption(const RecordingOption&) = delete;
    RecordingOption& operator=(const RecordingOption&) = delete;
    ~RecordingOption() = default;

    // After parsing.
    const std::string& path() const { return path_; }
    // nullopt: the file says it.
    std::optional<lab::TraceFormat> format() const;
    // The recording; where it is damaged, what can be read of it, with one line of warning on standard error. The error
    // is one line for report(), with exit_usage.
    tl::expected<lab::Recording, std::string> load() const;
    // To be read event by event; damage is report_damage()'s. The error as above.
    tl::expected<lab::Trace, std::string> open() const { return lab::Trace::open(path_, format()); }

private:
    std::string path_;
    std::string format_;
};

// For an option whose value is the name of a format; `what` is its help.
Option add_format_option(CLI::App& subcommand, const std::string& name, std::string& value, const std::string& what);
// Of a file; 0 where that cannot be known, as of standard input.
std::uint64_t bytes_to_read(const std::string& path);
// After reading: says on standard error where the trace is damaged. Whether there is something to use.
bool report_damage(const lab::Trace& trace);

}  // namespace fl::cli
