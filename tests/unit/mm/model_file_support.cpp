// The model tests' operations on files: read, write, resize, holes, and writing back.
#include "tests/unit/mm/model_support.hpp"

#include <cstring>

namespace fl::mm::test {

Twins::OpenFile* Twins::file_of(const OracleObject* object) {
    auto* const found = std::ranges::find_if(files_, [&](const OpenFile& file) { return file.oracle.get() == object; });
    return found == files_.end() ? nullptr : &*found;
}

std::string Twins::read_file(const Operation& operation) {
    const OpenFile& file = files_[operation.file];
    const Bytes& known = file.oracle->bytes;
    std::vector<std::byte> into(operation.length);
    const auto done = file.file->read(operation.offset, into);
    if (!done) return agree("ok", outcome(done));
    const std::uint64_t available = operation.offset < known.size() ? known.size() - operation.offset : 0;
    const std::uint64_t expected = std::min(operation.length, available);
    if (*done > expected || (*done < expected && !starved)) return "read another number of bytes";
    if (*done > 0 && std::memcmp(into.data(), known.data() + operation.offset, *done) != 0) return "read other bytes";
    return "";
}

std::string Twins::write_file(const Operation& operation) {
    OpenFile& file = files_[operation.file];
    std::vector<std::byte> from(operation.length, std::byte{next_value()});
    const auto done = file.file->write(operation.offset, from);
    if (!done) return agree("ok", outcome(done));
    if (*done > operation.length || (*done < operation.length && !starved)) return "wrote another number of bytes";
    Bytes& known = file.oracle->bytes;
    if (*done == 0) return "";
    known.resize(std::max<std::uint64_t>(known.size(), operation.offset + *done));
    std::memcpy(known.data() + operation.offset, from.data(), *done);
    return "";
}

std::string Twins::resize_file(const Operation& operation) {
    OpenFile& file = files_[operation.file];
    std::string difference = agree_strictly("ok", outcome(file.file->resize(operation.length)));
    file.oracle->bytes.resize(operation.length);
    for (Space& space : spaces_) space.oracle.forget_past_end(*file.oracle);
    return difference;
}

std::string Twins::punch_file(const Operation& operation) {
    OpenFile& file = files_[operation.file];
    std::string difference = agree("ok", outcome(file.file->punch_hole(operation.offset, operation.length)));
    if (refused_)
        take_over_holes(file, operation.offset, operation.length);
    else
        file.oracle->punch(operation.offset, operation.length);
    return difference;
}

void Twins::take_over_holes(OpenFile& file, std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t end = std::min<std::uint64_t>(offset + length, file.oracle->bytes.size());
    for (std::uint64_t at = offset; at < end;) {
        const std::uint64_t part = std::min(end, (at & ~page_mask) + page_size) - at;
        std::vector<std::byte> bytes(part);
        REQUIRE(file.file->read_uncached(at, bytes).has_value());
        const bool empty = std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; });
        if (empty) file.oracle->punch(at, part);
        at += part;
    }
}

std::string Twins::write_back(const Operation& operation) {
    const OpenFile& file = files_[operation.file];
    std::string difference = agree_strictly("ok", outcome(file.file->write_back(0, file.file->page_count())));
    if (file.disk != nullptr && *file.disk != file.oracle->bytes) return "the disk has other bytes";
    return difference;
}

}  // namespace fl::mm::test
