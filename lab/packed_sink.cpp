#include "lab/packed_sink.hpp"

#include "emu/assert.hpp"

#include <zstd.h>

#include <new>
#include <utility>

namespace fl::lab {

struct PackedSink::Compressor {
    Compressor() : context(ZSTD_createCCtx()) {
        if (context == nullptr) throw std::bad_alloc();
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    }
    ~Compressor() { ZSTD_freeCCtx(context); }
    Compressor(const Compressor&) = delete;
    Compressor& operator=(const Compressor&) = delete;

    ZSTD_CCtx* context;
};

PackedSink::PackedSink(ByteSink sink)
    : sink_(std::move(sink)), compressor_(std::make_unique<Compressor>()), packed_(ZSTD_CStreamOutSize(), '\0') {}

PackedSink::~PackedSink() = default;

std::optional<int> PackedSink::put(std::string_view bytes) { return pack(bytes, Part::some); }
std::optional<int> PackedSink::finish() { return pack({}, Part::last); }

std::optional<int> PackedSink::pack(std::string_view bytes, Part part) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool is_over = false;
    while (!is_over) {
        ZSTD_outBuffer out{packed_.data(), packed_.size(), 0};
        const std::size_t left =
            ZSTD_compressStream2(compressor_->context, &out, &in, part == Part::last ? ZSTD_e_end : ZSTD_e_continue);
        FL_ASSERT(ZSTD_isError(left) == 0);
        if (out.pos > 0) {
            if (const auto error = sink_(std::string_view(packed_).substr(0, out.pos))) return error;
        }
        is_over = part == Part::last ? left == 0 : in.pos == in.size;
    }
    return std::nullopt;
}

}  // namespace fl::lab
