#include "lab/trace_reader.hpp"

#include "lab/lackey_reader.hpp"
#include "lab/record_readers.hpp"
#include "lab/refs_reader.hpp"
#include "lab/text_reader.hpp"

#include <fmt/format.h>

namespace fl::lab {

namespace {

class RefsTraceReader final : public TraceReader {
public:
    explicit RefsTraceReader(RefsReader reader) : reader_(std::move(reader)) {}

    State read_some(RecordingVisitor& visitor) override {
        switch (reader_.read_block(visitor)) {
            case RefsReader::State::more: return State::more;
            case RefsReader::State::complete: return State::complete;
            case RefsReader::State::damaged: break;
        }
        return damaged(reader_.damage());
    }
    std::uint64_t touches() const override { return reader_.touches(); }

private:
    RefsReader reader_;
};

tl::expected<std::unique_ptr<TraceReader>, std::string> reader_for(TraceFormat format, std::istream& in) {
    switch (format) {
        case TraceFormat::text: return std::make_unique<TextReader>(in);
        case TraceFormat::u64: return std::make_unique<U64Reader>(in);
        case TraceFormat::lackey: return std::make_unique<LackeyReader>(in);
        case TraceFormat::oracle_general: return std::make_unique<OracleGeneralReader>(in);
        case TraceFormat::refs: break;
    }
    auto reader = RefsReader::open(in);
    if (!reader) return tl::unexpected(std::move(reader.error()));
    return std::make_unique<RefsTraceReader>(*std::move(reader));
}

}  // namespace

tl::expected<Trace, std::string> Trace::open(const std::string& path, std::optional<TraceFormat> format) {
    auto input = TraceInput::open(path);
    if (!input) return tl::unexpected(std::move(input.error()));
    return over(*std::move(input), path, format);
}

tl::expected<Trace, std::string> Trace::over(TraceInput input, const std::string& path,
                                             std::optional<TraceFormat> format) {
    const std::string_view begin = input.begin();
    const auto failed = [&](const std::string& what) { return tl::unexpected(fmt::format("{}: {}", path, what)); };
    if (begin.empty()) return failed(input.problem().empty() ? "is empty" : input.problem());
    if (!format) format = trace_format_by_content(begin);
    if (!format) format = trace_format_by_suffix(path);
    if (!format && begin.find('\0') != std::string_view::npos) {
        return failed("is neither a recording nor text; u64 and oracle-general are to be named as its format");
    }
    auto reader = reader_for(format.value_or(TraceFormat::text), input.stream());
    if (!reader) return failed(input.problem().empty() ? reader.error() : input.problem());
    return Trace(std::move(input), path, format.value_or(TraceFormat::text), *std::move(reader));
}

Trace::State Trace::read_some(RecordingVisitor& visitor) {
    if (!damage_.empty()) return State::damaged;
    const State state = reader_->read_some(visitor);
    if (state == State::more) return state;
    // Where the bytes ended too early, that is what is wrong with them.
    const std::string& what = input_.problem().empty() ? reader_->damage() : input_.problem();
    if (what.empty()) return State::complete;
    damage_ = fmt::format("{}: {}", path_, what);
    return State::damaged;
}

Trace::State Trace::read_all(RecordingVisitor& visitor) {
    State state = State::more;
    while (state == State::more) state = read_some(visitor);
    return state;
}

}  // namespace fl::lab
