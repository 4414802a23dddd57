#include "lab/refs_writer.hpp"

#include "emu/assert.hpp"

#include <zstd.h>

#include <bit>
#include <cstring>
#include <new>

namespace fl::lab {

using namespace refs;

namespace {

static_assert(std::endian::native == std::endian::little);

// No record is longer.
constexpr std::size_t max_record_bytes = 3 * (max_text_bytes + 64);

void append_u32(std::string& to, std::uint32_t value) {
    std::array<char, sizeof value> bytes{};
    std::memcpy(bytes.data(), &value, sizeof value);
    to.append(bytes.data(), bytes.size());
}

}  // namespace

struct RefsWriter::Compressor {
    Compressor() : context(ZSTD_createCCtx()) {
        if (context == nullptr) throw std::bad_alloc();
        constexpr int level = 3;
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    }
    ~Compressor() { ZSTD_freeCCtx(context); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    ZSTD_CCtx* context;
};

RefsWriter::RefsWriter(Sink sink) : sink_(std::move(sink)), compressor_(std::make_unique<Compressor>()) {
    plain_.reserve(max_plain_bytes);
    std::string header(magic);
    append_u32(header, version);
    append_u32(header, 0);
    FL_ASSERT(header.size() == header_bytes);
    write(header);
}

RefsWriter::~RefsWriter() = default;

void RefsWriter::on_touch(PageId page, Touch touch, std::uint64_t count) {
    touches_ += count;
    const std::size_t place = latest_.find(page);
    latest_.move_to_front(place, page);
    const unsigned counted = count < 4 ? static_cast<unsigned>(count) - 1 : counted_apart;
    plain_.push_back(static_cast<std::uint8_t>(static_cast<unsigned>(touch) | counted << 2U | place << 4U));
    if (place == numbered_apart) put(page);
    if (counted == counted_apart) put(count - 4);
    end_record();
}

void RefsWriter::on_about(const std::string& key, const std::string& value) {
    begin(Event::about);
    put_text(key);
    put_text(value);
    end_record();
}

void RefsWriter::on_page(PageId page, const PageOrigin& origin) {
    begin(Event::page);
    put(page);
    put(origin.process);
    put(origin.page_number);
    put_text(origin.file);
    end_record();
}

void RefsWriter::on_page_gone(PageId page) {
    begin(Event::gone);
    put(page);
    end_record();
}

void RefsWriter::on_page_needed(PageId page) {
    begin(Event::needed);
    put(page);
    end_record();
}

void RefsWriter::on_process(std::uint32_t process) {
    begin(Event::process);
    put(process);
    end_record();
}

void RefsWriter::on_fork(std::uint32_t parent, std::uint32_t child) {
    begin(Event::fork);
    put(parent);
    put(child);
    end_record();
}

void RefsWriter::on_exec(std::uint32_t process, const std::string& path) {
    begin(Event::exec);
    put(process);
    put_text(path);
    end_record();
}

void RefsWriter::on_exit(std::uint32_t process) {
    begin(Event::exit);
    put(process);
    end_record();
}

void RefsWriter::on_map(const MappedRange& range) {
    begin(Event::map);
    put(range.process);
    put(range.first_page);
    put(range.page_count);
    put(range.protection);
    put(range.shared ? 1 : 0);
    put_text(range.name);
    end_record();
}

void RefsWriter::on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) {
    begin(Event::unmap);
    put(process);
    put(first_page);
    put(page_count);
    end_record();
}

void RefsWriter::finish() {
    const std::uint64_t events = events_;
    begin(Event::end);
    put(touches_);
    put(events);
    write_block();
}

void RefsWriter::begin(Event event) {
    ++events_;
    plain_.push_back(static_cast<std::uint8_t>(event_kind | static_cast<unsigned>(event) << 2U));
}

void RefsWriter::put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) plain_.push_back(static_cast<std::uint8_t>(value | 0x80U));
    plain_.push_back(static_cast<std::uint8_t>(value));
}

// A longer text loses its end.
void RefsWriter::put_text(const std::string& text) {
    const std::size_t size = std::min(text.size(), max_text_bytes);
    put(size);
    plain_.insert(plain_.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size));
}

void RefsWriter::end_record() {
    if (plain_.size() > max_plain_bytes - max_record_bytes) write_block();
}

void RefsWriter::write_block() {
    packed_.resize(ZSTD_compressBound(plain_.size()));
    const std::size_t size =
        ZSTD_compress2(compressor_->context, packed_.data(), packed_.size(), plain_.data(), plain_.size());
    FL_ASSERT(ZSTD_isError(size) == 0);
    std::string header(block_magic);
    append_u32(header, static_cast<std::uint32_t>(size));
    append_u32(header, static_cast<std::uint32_t>(plain_.size()));
    write(header);
    write(std::string_view(packed_).substr(0, size));
    plain_.clear();
    latest_ = LatestPages();
}

void RefsWriter::write(std::string_view bytes) {
    if (error_.has_value()) return;
    error_ = sink_(bytes);
    if (!error_.has_value()) written_bytes_ += bytes.size();
}

}  // namespace fl::lab
