#include "trace/code_names.hpp"

#include "mm/file.hpp"

#include <array>
#include <span>
#include <utility>

namespace fl::trace {

namespace {

// A larger file has no names: it may be a hole without end.
constexpr std::uint64_t max_image_bytes = 256 << 20;

std::vector<std::byte> bytes_of(const std::optional<RunningImage>& image) {
    return image ? image_bytes(*image->file) : std::vector<std::byte>();
}

std::uint64_t bias_of(const std::optional<RunningImage>& image) { return image ? image->load_bias : 0; }

}  // namespace

std::vector<std::byte> image_bytes(const mm::File& file) {
    if (file.size_bytes() > max_image_bytes) return {};
    std::vector<std::byte> bytes(file.size_bytes());
    if (!file.read_uncached(0, bytes)) return {};
    return bytes;
}

CodeNames::CodeNames(const CodeReader& code)
    : code_(code), symbolizer_(bytes_of(code.image()), bias_of(code.image())) {}

Instruction CodeNames::at(VirtAddr address) {
    std::array<std::byte, max_instruction_bytes> bytes{};
    const std::size_t size = code_.peek(address, bytes);
    CodeLocation location = locate(address);
    return Instruction{.id = 0,
                       .symbol = std::move(location.symbol),
                       .source = std::move(location.source),
                       .text = disassembler_.disassemble(address, std::span(bytes).first(size))};
}

}  // namespace fl::trace
