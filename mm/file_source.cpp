#include "mm/file_source.hpp"

#include <algorithm>
#include <cstring>

namespace fl::mm {

namespace {

class MemoryFileSource final : public FileSource {
public:
    explicit MemoryFileSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size_bytes() const override { return bytes_.size(); }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        const std::uint64_t begin = std::min<std::uint64_t>(offset, bytes_.size());
        const std::uint64_t count = std::min<std::uint64_t>(into.size(), bytes_.size() - begin);
        std::memcpy(into.data(), bytes_.data() + begin, count);
        std::fill(into.begin() + static_cast<std::ptrdiff_t>(count), into.end(), std::byte{0});
        return {};
    }

private:
    std::vector<std::byte> bytes_;
};

}  // namespace

std::unique_ptr<FileSource> memory_file_source(std::vector<std::byte> bytes) {
    return std::make_unique<MemoryFileSource>(std::move(bytes));
}

}  // namespace fl::mm
