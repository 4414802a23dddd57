#include "lab/refs_reader.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <cstring>
#include <limits>
#include <new>

namespace fl::lab {

using namespace refs;

namespace {

std::uint32_t u32_at(const char* bytes) {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes, sizeof value);
    return value;
}

}  // namespace

struct RefsReader::Decompressor {
    Decompressor() : context(ZSTD_createDCtx()) {
        if (context == nullptr) throw std::bad_alloc();
    }
    ~Decompressor() { ZSTD_freeDCtx(context); }
    Decompressor(const Decompressor&) = delete;
    Decompressor& operator=(const Decompressor&) = delete;

    ZSTD_DCtx* context;
};

// The records of one block. What does not fit in them makes it fail, for good.
class RefsReader::Block {
public:
    Block(const std::uint8_t* at, std::size_t size) : at_(at), end_(at + size) {}

    bool is_over() const { return at_ == end_; }
    bool has_failed() const { return has_failed_; }
    std::uint8_t token() { return *at_++; }
    std::uint64_t number() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
            const std::uint8_t byte = *at_++;
            if (shift == 63 && byte > 1) break;
            value |= std::uint64_t{byte & 0x7fU} << shift;
            if (byte < 0x80) return value;
        }
        has_failed_ = true;
        return 0;
    }
    template <class Integer>
    Integer number_up_to(Integer most) {
        const std::uint64_t value = number();
        if (value > most) has_failed_ = true;
        return has_failed_ ? Integer{0} : static_cast<Integer>(value);
    }
    std::uint32_t process() { return number_up_to(std::numeric_limits<std::uint32_t>::max()); }
    std::string text() {
        const std::size_t size = number_up_to(max_text_bytes);
        if (size > static_cast<std::size_t>(end_ - at_)) has_failed_ = true;
        if (has_failed_) return {};
        std::string value(reinterpret_cast<const char*>(at_), size);
        at_ += size;
        return value;
    }

private:
    const std::uint8_t* at_;
    const std::uint8_t* end_;
    bool has_failed_ = false;
};

tl::expected<RefsReader, std::string> RefsReader::open(std::istream& in) {
    RefsReader reader(in);
    std::array<char, header_bytes> header{};
    if (!reader.read_exactly(header.data(), header.size()))
        return tl::unexpected(std::string("too short to be a recording"));
    if (!recognizes(std::string_view(header.data(), header.size())))
        return tl::unexpected(std::string("not a recording"));
    if (const std::uint32_t found = u32_at(header.data() + magic.size()); found != version) {
        return tl::unexpected(fmt::format("a recording of version {}, and only version {} is known", found, version));
    }
    return reader;
}

RefsReader::RefsReader(std::istream& in) : in_(in), decompressor_(std::make_unique<Decompressor>()) {}
RefsReader::RefsReader(RefsReader&&) noexcept = default;
RefsReader::~RefsReader() = default;

RefsReader::State RefsReader::read_all(RecordingVisitor& visitor) {
    State state = State::more;
    while (state == State::more) state = read_block(visitor);
    return state;
}

RefsReader::State RefsReader::read_block(RecordingVisitor& visitor) {
    if (!damage_.empty()) return State::damaged;
    if (has_ended_) return State::complete;
    const std::uint64_t start = offset_;
    std::array<char, block_header_bytes> header{};
    if (!read_exactly(header.data(), header.size())) return damaged(fmt::format("cut off at byte {}", offset_));
    const std::uint32_t packed_bytes = u32_at(header.data() + block_magic.size());
    const std::uint32_t plain_bytes = u32_at(header.data() + block_magic.size() + 4);
    const bool is_block = std::string_view(header.data(), block_magic.size()) == block_magic;
    if (!is_block || plain_bytes > max_plain_bytes || packed_bytes > ZSTD_compressBound(max_plain_bytes)) {
        return damaged(fmt::format("damaged: no block begins at byte {}", start));
    }
    packed_.resize(packed_bytes);
    if (!read_exactly(packed_.data(), packed_bytes)) return damaged(fmt::format("cut off at byte {}", offset_));
    plain_.resize(max_plain_bytes);
    const std::size_t size =
        ZSTD_decompressDCtx(decompressor_->context, plain_.data(), plain_bytes, packed_.data(), packed_bytes);
    if (ZSTD_isError(size) != 0) {
        return damaged(fmt::format("damaged: the block at byte {}: {}", start, ZSTD_getErrorName(size)));
    }
    Block block(plain_.data(), size);
    if (size != plain_bytes || !decode(block, visitor)) {
        return damaged(fmt::format("damaged: the block at byte {} has a record that means nothing", start));
    }
    if (!has_ended_) return State::more;
    if (in_.peek() != std::istream::traits_type::eof()) {
        return damaged(fmt::format("damaged: the recording is over at byte {}, and more follows", offset_));
    }
    return State::complete;
}

RefsReader::State RefsReader::damaged(std::string what) {
    damage_ = std::move(what);
    return State::damaged;
}

bool RefsReader::read_exactly(char* to, std::size_t size) {
    in_.read(to, static_cast<std::streamsize>(size));
    offset_ += static_cast<std::uint64_t>(in_.gcount());
    return static_cast<std::size_t>(in_.gcount()) == size;
}

// Numbers are dense, so that nobody has to keep more for them than their records take.
bool RefsReader::is_new_number(std::uint64_t page) const {
    return page == exists_.size() ? page < replacement::no_page : page < exists_.size() && exists_[page] == 0;
}

bool RefsReader::decode(Block& block, RecordingVisitor& visitor) {
    LatestPages latest;
    while (!block.is_over()) {
        if (has_ended_) return false;
        const unsigned token = block.token();
        const unsigned kind = token & 3U;
        if (kind == event_kind) {
            if (!decode_event(block, static_cast<Event>(token >> 2U), visitor)) return false;
            continue;
        }
        const unsigned place = token >> 4U;
        const std::uint64_t page = place == numbered_apart ? block.number() : latest[place];
        std::uint64_t count = (token >> 2U & 3U) + 1;
        if (count == counted_apart + 1) count = block.number_up_to(max_touches) + 4;
        if (block.has_failed() || !page_exists(page) || count > max_touches - touches_) return false;
        latest.move_to_front(place, static_cast<PageId>(page));
        touches_ += count;
        visitor.on_touch(static_cast<PageId>(page), static_cast<Touch>(kind), count);
    }
    return true;
}

bool RefsReader::decode_event(Block& block, Event event, RecordingVisitor& visitor) {
    switch (event) {
        case Event::about: {
            const std::string key = block.text();
            const std::string value = block.text();
            if (!block.has_failed()) visitor.on_about(key, value);
            break;
        }
        case Event::page: {
            const std::uint64_t page = block.number();
            PageOrigin origin{.process = block.process(), .page_number = block.number(), .file = block.text()};
            if (block.has_failed() || !is_new_number(page)) return false;
            if (page == exists_.size()) exists_.push_back(0);
            exists_[page] = 1;
            visitor.on_page(static_cast<PageId>(page), origin);
            break;
        }
        case Event::gone:
        case Event::needed: {
            const std::uint64_t page = block.number();
            if (block.has_failed() || !page_exists(page)) return false;
            if (event == Event::gone) {
                exists_[page] = 0;
                visitor.on_page_gone(static_cast<PageId>(page));
            } else {
                visitor.on_page_needed(static_cast<PageId>(page));
            }
            break;
        }
        case Event::process: {
            const std::uint32_t process = block.process();
            if (!block.has_failed()) visitor.on_process(process);
            break;
        }
        case Event::fork: {
            const std::uint32_t parent = block.process();
            const std::uint32_t child = block.process();
            if (!block.has_failed()) visitor.on_fork(parent, child);
            break;
        }
        case Event::exec: {
            const std::uint32_t process = block.process();
            const std::string path = block.text();
            if (!block.has_failed()) visitor.on_exec(process, path);
            break;
        }
        case Event::exit: {
            const std::uint32_t process = block.process();
            if (!block.has_failed()) visitor.on_exit(process);
            break;
        }
        case Event::map: {
            MappedRange range{.process = block.process(), .first_page = block.number(), .page_count = block.number()};
            range.protection = block.number_up_to(std::uint8_t{7});
            range.shared = block.number_up_to(std::uint8_t{1}) != 0;
            range.name = block.text();
            if (!block.has_failed()) visitor.on_map(range);
            break;
        }
        case Event::unmap: {
            const std::uint32_t process = block.process();
            const std::uint64_t first_page = block.number();
            const std::uint64_t page_count = block.number();
            if (!block.has_failed()) visitor.on_unmap(process, first_page, page_count);
            break;
        }
        case Event::end: {
            const std::uint64_t touches = block.number();
            const std::uint64_t events = block.number();
            if (touches != touches_ || events != events_) return false;
            has_ended_ = true;
            break;
        }
        default: return false;
    }
    ++events_;
    return !block.has_failed();
}

}  // namespace fl::lab
