// PackedSink: hands bytes on as zstd packs them.
#pragma once

#include "lab/trace_writer.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fl::lab {

class PackedSink {
public:
    explicit PackedSink(ByteSink sink);
    PackedSink(const PackedSink&) = delete;
    PackedSink& operator=(const PackedSink&) = delete;
    ~PackedSink();

    // As a ByteSink has it.
    std::optional<int> put(std::string_view bytes);
    // The bytes are over.
    std::optional<int> finish();

private:
    struct Compressor;
    enum class Part : bool { some, last };

    std::optional<int> pack(std::string_view bytes, Part part);

    ByteSink sink_;
    std::unique_ptr<Compressor> compressor_;
    std::string packed_;
};

}  // namespace fl::lab
