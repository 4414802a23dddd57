// Any bytes as a recorded reference string, in every format: they are refused or cut off with one clear line, or read
// as events that keep the rules of RecordingVisitor. What was read is the same again after it was text, and a
// recording.
#include "lab/trace_reader.hpp"
#include "lab/trace_writer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace fl::lab;

// Few bytes can be packed, or repeat, a great many events.
constexpr std::uint64_t enough_events = 20'000;

void require(bool condition, std::string_view what) {
    if (condition) return;
    std::fprintf(stderr, "fuzz_refs: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

bool is_one_line(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Holds the events to the rules, and hands them on.
class Judge final : public RecordingVisitor {
public:
    explicit Judge(RecordingVisitor& next) : next_(next) {}

    std::uint64_t events() const { return events_; }
    std::uint64_t touches() const { return touches_; }

private:
    void on_about(const std::string& key, const std::string& value) override {
        ++events_;
        next_.on_about(key, value);
    }
    void on_touch(PageId page, Touch touch, std::uint64_t count) override {
        ++events_;
        touches_ += count;
        require(exists(page) && count > 0, "a touch of no page, or none of one");
        next_.on_touch(page, touch, count);
    }
    void on_page(PageId page, const PageOrigin& origin) override {
        ++events_;
        require(page <= exists_.size() && !exists(page), "a page that is there, or leaves out a number");
        if (page == exists_.size()) exists_.push_back(false);
        exists_[page] = true;
        next_.on_page(page, origin);
    }
    void on_page_gone(PageId page) override {
        ++events_;
        require(exists(page), "no page is gone");
        exists_[page] = false;
        next_.on_page_gone(page);
    }
    void on_page_needed(PageId page) override {
        ++events_;
        require(exists(page), "no page is needed");
        next_.on_page_needed(page);
    }
    void on_process(std::uint32_t process) override {
        ++events_;
        next_.on_process(process);
    }
    void on_fork(std::uint32_t parent, std::uint32_t child) override {
        ++events_;
        next_.on_fork(parent, child);
    }
    void on_exec(std::uint32_t process, const std::string& path) override {
        ++events_;
        next_.on_exec(process, path);
    }
    void on_exit(std::uint32_t process) override {
        ++events_;
        next_.on_exit(process);
    }
    void on_map(const MappedRange& range) override {
        ++events_;
        require(range.protection <= 7, "rights that there are not");
        next_.on_map(range);
    }
    void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) override {
        ++events_;
        next_.on_unmap(process, first_page, page_count);
    }

    bool exists(PageId page) const { return page < exists_.size() && exists_[page]; }

    RecordingVisitor& next_;
    std::vector<bool> exists_;
    std::uint64_t events_ = 0, touches_ = 0;
};

TraceInput input_of(std::string_view bytes) {
    return TraceInput([bytes](char* to, std::size_t size) mutable {
        const std::size_t count = std::min(size, bytes.size());
        std::memcpy(to, bytes.data(), count);
        bytes.remove_prefix(count);
        return static_cast<std::ptrdiff_t>(count);
    });
}

enum class Trusted : bool { no, yes };

// The events of `bytes` in another format; nullopt where they are refused.
std::optional<std::string> convert(std::string_view bytes, std::optional<TraceFormat> from, TraceFormat to,
                                   Trusted trusted) {
    auto trace = Trace::over(input_of(bytes), "t", from);
    if (!trace) {
        require(trusted == Trusted::no && is_one_line(trace.error()), "a refusal that is not one line");
        return std::nullopt;
    }
    std::string result;
    const auto writer = TraceWriter::create(to, [&](std::string_view part) -> std::optional<int> {
        result += part;
        return std::nullopt;
    });
    Judge judge(writer->visitor());
    Trace::State state = Trace::State::more;
    while (state == Trace::State::more && (trusted == Trusted::yes || judge.events() < enough_events)) {
        state = trace->read_some(judge);
    }
    require(state != Trace::State::damaged || is_one_line(trace->damage()), "a damage that is not one line");
    require(state == Trace::State::damaged || trace->damage().empty(), "a damage that is none");
    require(trusted == Trusted::no || state == Trace::State::complete, "what was written cannot be read");
    // Those that are held back, to be joined with the next, are counted already.
    require(judge.touches() == trace->touches() || (state == Trace::State::more && judge.touches() < trace->touches()),
            "references are lost");
    writer->finish();
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    constexpr std::array<std::optional<TraceFormat>, 6> formats = {std::nullopt,        TraceFormat::refs,
                                                                   TraceFormat::text,   TraceFormat::u64,
                                                                   TraceFormat::lackey, TraceFormat::oracle_general};
    std::set<std::string> texts;  // that were looked at
    for (const auto& format : formats) {
        const auto text = convert(bytes, format, TraceFormat::text, Trusted::no);
        if (!text || text->empty() || texts.contains(*text)) continue;
        texts.insert(*text);
        require(convert(*text, TraceFormat::text, TraceFormat::text, Trusted::yes) == text, "text changes the events");
        // The others have no events that these two lack.
        if (format != TraceFormat::refs && format != TraceFormat::text) continue;
        const auto refs = convert(*text, TraceFormat::text, TraceFormat::refs, Trusted::yes);
        require(convert(*refs, std::nullopt, TraceFormat::text, Trusted::yes) == text, "a recording changes them");
    }
    return 0;
}
