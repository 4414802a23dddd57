#include "cli/refs_convert.hpp"

#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/output_file.hpp"
#include "cli/progress_bar.hpp"
#include "cli/recording_option.hpp"
#include "cli/replaced_output.hpp"
#include "lab/packed_sink.hpp"
#include "lab/trace_writer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(Without --from and --to the files' beginnings and names say what they are: .refs, .txt, .u64, .lackey, .oracleGeneral or
.oracleGeneral.bin, each with .zst where zstd packs it. OUT is written whole or not at all. u64 and oracle-general hold
nothing but references: kinds of access, events and ends of pages are left out.

  valgrind --tool=lackey --trace-mem=yes --log-file=p.lackey ./program && faultline refs convert p.lackey p.refs
  faultline refs convert p.refs p.oracleGeneral.zst     for libCacheSim
  faultline refs convert p.refs - --to text             to standard output)";

constexpr std::string_view standard_stream = "-";

std::optional<int> write_all(int descriptor, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 ? errno : EIO;
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return std::nullopt;
}

bool is_same_file(const std::string& input, const struct stat& output) {
    struct stat info {};
    const int failed = input == standard_stream ? ::fstat(STDIN_FILENO, &info) : ::stat(input.c_str(), &info);
    return failed == 0 && S_ISREG(info.st_mode) && info.st_dev == output.st_dev && info.st_ino == output.st_ino;
}

// One conversion: reads the trace to its end, and writes it.
class Conversion {
public:
    Conversion(lab::Trace& trace, std::string input, lab::TraceFormat to, std::string output)
        : trace_(trace), input_(std::move(input)), to_(to), output_(std::move(output)) {}

    Outcome run() {
        if (output_ == standard_stream) return write_to(STDOUT_FILENO);
        return replace_output(output_, [this](const std::string& path) { return write_to_file(path); });
    }

private:
    Outcome write_to_file(const std::string& path) {
        auto file = OutputFile::open(path);
        if (!file) return tl::unexpected(Failure{exit_usage, file.error()});
        file->begin();
        const Outcome outcome = write_to(file->descriptor());
        if (!outcome) return outcome;
        const std::optional<int> error = file->close();
        return error ? cannot_write(*error) : outcome;
    }

    Outcome write_to(int descriptor) {
        lab::ByteSink sink = [descriptor](std::string_view bytes) { return write_all(descriptor, bytes); };
        std::unique_ptr<lab::PackedSink> packed;
        if (output_.ends_with(".zst")) {
            packed = std::make_unique<lab::PackedSink>(std::move(sink));
            sink = [&packed](std::string_view bytes) { return packed->put(bytes); };
        }
        const auto writer = lab::TraceWriter::create(to_, std::move(sink));
        {
            BackgroundProgress progress(bytes_to_read(input_), ProgressUnit::bytes);
            while (!writer->error() && trace_.read_some(writer->visitor()) == lab::Trace::State::more)
                progress.set(trace_.file_bytes());
        }
        if (trace_.is_useless()) return tl::unexpected(Failure{exit_usage, trace_.damage()});
        writer->finish();
        std::optional<int> error = writer->error();
        if (!error && packed) error = packed->finish();
        return error ? cannot_write(*error) : Outcome();
    }

    Outcome cannot_write(int error) const {
        const std::string name = output_ == standard_stream ? "standard output" : output_;
        return tl::unexpected(
            Failure{exit_output_failed, fmt::format("{}: cannot be written: {}", name, std::strerror(error))});
    }

    lab::Trace& trace_;
    std::string input_;
    lab::TraceFormat to_;
    std::string output_;
};

int refuse(const std::string& line) {
    report(line);
    return exit_usage;
}

}  // namespace

RefsConvert::RefsConvert(CLI::App& refs)
    : subcommand_(add_subcommand(refs, {.name = "convert",
                                        .meaning = "Write a reference string in another format",
                                        .operands = "[OPTIONS] IN OUT",
                                        .footer = footer})) {
    add_option(subcommand_, "IN", input_, "What to read; '-': standard input").required().option_text(" ");
    add_option(subcommand_, "OUT", output_, "What to write; '-': standard output").required().option_text(" ");
    add_format_option(subcommand_, "--from", from_, "Take IN for this instead of looking at it");
    add_option(subcommand_, "--to", to_, "Write this, whatever OUT is called")
        .one_of({"refs", "text", "u64", "oracle-general"})
        .type_name("FORMAT")
        .option_text("refs|text|u64|oracle-general");
}

int RefsConvert::execute() const {
    const auto to = to_.empty() ? lab::trace_format_by_suffix(output_) : lab::trace_format_by_name(to_);
    if (!to) return refuse(fmt::format("{}: its name says no format; give one by --to", output_));
    if (*to == lab::TraceFormat::lackey) return refuse(fmt::format("{}: lackey's format is only read", output_));
    struct stat there {};
    if (output_ != standard_stream && ::stat(output_.c_str(), &there) == 0) {
        if (S_ISDIR(there.st_mode)) return refuse(fmt::format("{}: is a folder", output_));
        if (is_same_file(input_, there)) return refuse(fmt::format("{}: cannot be read and replaced at once", output_));
    }
    auto trace = lab::Trace::open(input_, lab::trace_format_by_name(from_));
    if (!trace) return refuse(trace.error());
    const Outcome outcome = Conversion(*trace, input_, *to, output_).run();
    if (outcome) {
        report_damage(*trace);
        return 0;
    }
    report(outcome.error().line);
    return outcome.error().status;
}

}  // namespace fl::cli
