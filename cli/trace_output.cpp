#include "cli/trace_output.hpp"

#include "cli/option.hpp"
#include "trace/csv_writer.hpp"
#include "trace/filter_writer.hpp"
#include "trace/jsonl_writer.hpp"
#include "trace/last_writer.hpp"
#include "trace/perfetto_writer.hpp"
#include "trace/sqlite_writer.hpp"
#include "trace/terminal.hpp"
#include "trace/text_writer.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <utility>

namespace fl::cli {

namespace {

struct Form {
    std::string_view name;
    TraceFormat format;
    std::vector<std::string_view> suffixes;
};

const std::vector<Form>& forms() {
    static const std::vector<Form> all = {{"text", TraceFormat::text, {".txt"}},
                                          {"jsonl", TraceFormat::jsonl, {".jsonl"}},
                                          {"csv", TraceFormat::csv, {".csv"}},
                                          {"perfetto", TraceFormat::perfetto, {".json"}},
                                          {"sqlite", TraceFormat::sqlite, {".db", ".sqlite"}}};
    return all;
}

std::unique_ptr<trace::Writer> make_writer(TraceFormat format, trace::Output& output, int descriptor) {
    switch (format) {
        case TraceFormat::text: break;
        case TraceFormat::jsonl: return std::make_unique<trace::JsonlWriter>(output);
        case TraceFormat::csv: return std::make_unique<trace::CsvWriter>(output);
        case TraceFormat::perfetto: return std::make_unique<trace::PerfettoWriter>(output);
        case TraceFormat::sqlite: return std::make_unique<trace::SqliteWriter>();
    }
    return std::make_unique<trace::TextWriter>(output, trace::terminal_traits(descriptor));
}

}  // namespace

std::optional<TraceFormat> trace_format_by_name(std::string_view name) {
    for (const Form& form : forms()) {
        if (form.name == name) return form.format;
    }
    return std::nullopt;
}

std::optional<TraceFormat> trace_format_by_suffix(std::string_view path) {
    for (const Form& form : forms()) {
        for (const std::string_view suffix : form.suffixes) {
            if (path.ends_with(suffix)) return form.format;
        }
    }
    return std::nullopt;
}

std::vector<std::string> trace_format_names() {
    std::vector<std::string> names;
    for (const Form& form : forms()) names.emplace_back(form.name);
    return names;
}

trace::Delivery delivery_for(int descriptor) {
    const bool shared = descriptor == STDERR_FILENO || ::isatty(descriptor) != 0;
    return shared ? trace::Delivery::each_record : trace::Delivery::when_full;
}

void add_selection_options(CLI::App& subcommand, TraceSelectionOptions& options) {
    add_value_option(subcommand, "--filter", options.filter,
                     "Write what EXPR means alone: 'kind=cow && vma=[heap]' (docs/trace.md)", "EXPR");
    add_value_option(subcommand, "--trace-last", options.last, "Write the last N of it alone, at the end", "N");
}

tl::expected<TraceSelection, std::string> selection_from(const TraceSelectionOptions& options) {
    TraceSelection selection;
    if (options.filter) {
        auto filter = trace::Filter::parse(*options.filter);
        if (!filter) return tl::unexpected(fmt::format("--filter: {}", filter.error()));
        selection.filter = *std::move(filter);
    }
    if (options.last) {
        std::uint64_t count = 0;
        const char* end = options.last->data() + options.last->size();
        const auto [stop, error] = std::from_chars(options.last->data(), end, count);
        if (error != std::errc() || stop != end || count == 0) {
            return tl::unexpected(fmt::format("--trace-last {}: want a number from 1", *options.last));
        }
        selection.last = count;
    }
    return selection;
}

std::optional<std::string> TraceOutput::refusal(const OutputFile& file, TraceFormat format) {
    if (format != TraceFormat::sqlite) return std::nullopt;
    struct stat status {};
    if (file.descriptor() > STDERR_FILENO && ::fstat(file.descriptor(), &status) == 0 && S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return fmt::format("{}: cannot hold a database; the format sqlite needs a file", file.name());
}

TraceOutput::TraceOutput(OutputFile file, TraceFormat format, TraceSelection selection)
    : file_(std::move(file)), output_(file_.descriptor(), delivery_for(file_.descriptor())) {
    writers_.push_back(make_writer(format, output_, file_.descriptor()));
    database_ = dynamic_cast<trace::SqliteWriter*>(writers_.front().get());
    if (selection.last) writers_.push_back(std::make_unique<trace::LastWriter>(*selection.last, writer()));
    if (selection.filter) {
        writers_.push_back(std::make_unique<trace::FilterWriter>(*std::move(selection.filter), writer()));
    }
}

TraceOutput::~TraceOutput() = default;

void TraceOutput::begin() {
    file_.begin();
    // Not ":memory:", which is no file.
    const std::string& path = file_.name();
    if (database_ != nullptr) database_->open(path.starts_with('/') ? path : "./" + path);
    output_.release();
}

std::optional<std::string> TraceOutput::finish() {
    writer().finish();
    const std::optional<int> close_error = file_.close();
    const int error = output_.error() != 0 ? output_.error() : close_error.value_or(0);
    std::string reason = error != 0 ? std::strerror(error) : "";
    if (database_ != nullptr && !database_->error().empty()) reason = database_->error();
    if (reason.empty()) return std::nullopt;
    return fmt::format("{}: the trace could not be written: {}", file_.name(), reason);
}

}  // namespace fl::cli
