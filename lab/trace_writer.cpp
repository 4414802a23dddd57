#include "lab/trace_writer.hpp"

#include "lab/record_writers.hpp"
#include "lab/refs_writer.hpp"
#include "lab/text_writer.hpp"

#include <utility>

namespace fl::lab {

namespace {

class RefsTraceWriter final : public TraceWriter {
public:
    explicit RefsTraceWriter(ByteSink sink) : writer_(std::move(sink)) {}

    RecordingVisitor& visitor() override { return writer_; }
    void finish() override { writer_.finish(); }
    std::optional<int> error() const override { return writer_.error(); }

private:
    RefsWriter writer_;
};

}  // namespace

std::unique_ptr<TraceWriter> TraceWriter::create(TraceFormat format, ByteSink sink) {
    switch (format) {
        case TraceFormat::refs: return std::make_unique<RefsTraceWriter>(std::move(sink));
        case TraceFormat::text: return std::make_unique<TextWriter>(std::move(sink));
        case TraceFormat::u64: return std::make_unique<RecordWriter>(RecordWriter::Shape::u64, std::move(sink));
        case TraceFormat::oracle_general:
            return std::make_unique<RecordWriter>(RecordWriter::Shape::oracle_general, std::move(sink));
        case TraceFormat::lackey: break;
    }
    return nullptr;
}

}  // namespace fl::lab
