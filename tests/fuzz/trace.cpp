// Any bytes as a trace of JSON lines: they are refused with one clear line, or read as events that every writer can
// write, a report's page among them; and what was read is the same again after it was JSON lines.
#include "trace/csv_writer.hpp"
#include "trace/filter.hpp"
#include "trace/filter_writer.hpp"
#include "trace/jsonl_reader.hpp"
#include "trace/jsonl_writer.hpp"
#include "trace/last_writer.hpp"
#include "trace/perfetto_writer.hpp"
#include "trace/report/report_writer.hpp"
#include "trace/text_writer.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace fl::trace;

void require(bool condition, std::string_view what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz_trace: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

// A file without a name, to write to.
class Target {
public:
    Target() : descriptor_(::memfd_create("trace", MFD_CLOEXEC)), output_(descriptor_, Delivery::when_full) {
        require(descriptor_ >= 0, "no file");
        output_.release();
    }
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    ~Target() { ::close(descriptor_); }

    Output& output() { return output_; }
    std::string text() const {
        struct stat status {};
        require(::fstat(descriptor_, &status) == 0, "no size");
        std::string text(static_cast<std::size_t>(status.st_size), '\0');
        require(::pread(descriptor_, text.data(), text.size(), 0) == status.st_size, "no bytes");
        return text;
    }

private:
    int descriptor_;
    Output output_;
};

// The message, where not all can be read.
std::string read_into(std::string_view bytes, Writer& writer) {
    JsonlReader reader(
        [bytes](char* to, std::size_t size) mutable {
            const std::size_t count = std::min(size, bytes.size());
            std::memcpy(to, bytes.data(), count);
            bytes.remove_prefix(count);
            return static_cast<std::ptrdiff_t>(count);
        },
        "t");
    const auto read = reader.read(writer);
    writer.finish();
    return read ? std::string() : read.error();
}

void check_filter(std::string_view text, std::string_view trace) {
    auto filter = Filter::parse(text);
    if (!filter) {
        require(filter.error().starts_with("column "), "a mistake in a filter without a column");
        require(filter.error().find('\n') == std::string::npos, "a mistake in a filter that is not one line");
        return;
    }
    Target target;
    JsonlWriter writer(target.output());
    FilterWriter filtered(*std::move(filter), writer);
    (void)read_into(trace, filtered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    // A line before the first event is a filter.
    std::string_view filter;
    if (!bytes.starts_with('{') && bytes.find('\n') != std::string_view::npos) {
        filter = bytes.substr(0, bytes.find('\n'));
        bytes.remove_prefix(filter.size() + 1);
    }
    Target first, second, others;
    JsonlWriter to_first(first.output()), to_second(second.output());
    const std::string message = read_into(bytes, to_first);
    require(message.find('\n') == std::string::npos, "a message that is not one line");
    const std::string text = first.text();
    require(read_into(text, to_second).empty(), "what was written cannot be read");
    require(second.text() == text, "writing changes the events");
    TextWriter to_text(others.output(), {});
    CsvWriter to_csv(others.output());
    PerfettoWriter to_perfetto(others.output());
    LastWriter last(3, to_perfetto);
    (void)read_into(text, to_text);
    (void)read_into(text, to_csv);
    (void)read_into(text, last);
    report::ReportWriter to_report(others.output());
    (void)read_into(text, to_report);
    check_filter(filter, text);
    return 0;
}
