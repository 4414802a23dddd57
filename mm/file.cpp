#include "mm/file.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace fl::mm {

namespace {

std::uint32_t next_file_id() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
}

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

class ZeroFileSource final : public FileSource {
public:
    explicit ZeroFileSource(std::uint64_t size_bytes) : size_bytes_(size_bytes) {}
    std::uint64_t size_bytes() const override { return size_bytes_; }
    Result<void> read(std::uint64_t, std::span<std::byte> into) const override {
        std::fill(into.begin(), into.end(), std::byte{0});
        return {};
    }

private:
    std::uint64_t size_bytes_;
};

}  // namespace

std::unique_ptr<FileSource> zero_file_source(std::uint64_t size_bytes) {
    return std::make_unique<ZeroFileSource>(size_bytes);
}

std::unique_ptr<FileSource> memory_file_source(std::vector<std::byte> bytes) {
    return std::make_unique<MemoryFileSource>(std::move(bytes));
}

File::File(PhysicalMemory& memory, std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind)
    : memory_(memory), source_(std::move(source)), identity_(std::move(identity)), kind_(kind), id_(next_file_id()) {}

File::~File() {
    for (const auto& [index, pfn] : pages_) memory_.release(pfn);
}

std::optional<Pfn> File::cached(std::uint64_t page_index) const {
    const auto found = pages_.find(page_index);
    return found == pages_.end() ? std::nullopt : std::optional(found->second);
}

Result<Pfn> File::read_page(std::uint64_t page_index) {
    FL_ASSERT(page_index < page_count().value());
    if (const auto found = cached(page_index)) return *found;
    const auto pfn =
        memory_.allocate(kind_ == FileKind::regular ? FrameState::file_cache : FrameState::shared_memory, Fill::caller);
    if (!pfn) return pfn;
    if (const auto done = source_->read(page_index * page_size, memory_.ram().frame(*pfn)); !done) {
        memory_.release(*pfn);
        return fail(done.error());
    }
    memory_.frames().set_anchor(*pfn, RmapAnchor{id_, page_index});
    pages_.emplace(page_index, *pfn);
    return *pfn;
}

PageCount File::drop_unmapped_pages() {
    if (kind_ != FileKind::regular) return PageCount(0);
    PageCount dropped;
    for (auto page = pages_.begin(); page != pages_.end();) {
        const Frame& frame = memory_.frames()[page->second];
        // A reference beyond the cache's own pins the page: somebody is reading or copying it.
        if (frame.map_count > 0 || frame.reference_count > 1) {
            ++page;
            continue;
        }
        memory_.release(page->second);
        page = pages_.erase(page);
        dropped += PageCount(1);
    }
    return dropped;
}

std::shared_ptr<File> FileRegistry::open(std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind) {
    std::erase_if(files_, [](const std::weak_ptr<File>& file) { return file.expired(); });
    auto file = std::make_shared<File>(memory_, std::move(source), std::move(identity), kind);
    files_.push_back(file);
    return file;
}

PageCount FileRegistry::shrink() {
    PageCount freed;
    for (const auto& file : files()) freed += file->drop_unmapped_pages();
    return freed;
}

std::vector<std::shared_ptr<File>> FileRegistry::files() const {
    std::vector<std::shared_ptr<File>> live;
    for (const auto& weak : files_) {
        if (auto file = weak.lock()) live.push_back(std::move(file));
    }
    return live;
}

}  // namespace fl::mm
