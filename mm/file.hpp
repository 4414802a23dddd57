// File: a file that can be mapped, and its page cache (Linux: struct inode and address_space).
//
// Invariants: a cached frame is in state file_cache (shared_memory for that kind), anchored to (id, page index), and
// the cache holds one reference on it; bytes of a page past the end of the file read as zero.
#pragma once

#include "mm/physical_memory.hpp"

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace fl::mm {

// Where a file's bytes come from.
class FileSource {
public:
    virtual ~FileSource() = default;
    virtual std::uint64_t size_bytes() const = 0;
    // Fills `into` from `offset`; a file that ends earlier leaves the rest zero. EIO where the host cannot read.
    virtual Result<void> read(std::uint64_t offset, std::span<std::byte> into) const = 0;
};

struct FileIdentity {
    std::string path;  // as /proc/PID/maps prints it
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
};

enum class FileKind : std::uint8_t {
    regular,        // its pages can be dropped and read again
    shared_memory,  // MAP_SHARED | MAP_ANONYMOUS: its pages are all there is of it
};

class File {
public:
    File(PhysicalMemory& memory, std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind);
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

    // Unique among the live and dead files of this process; the rmap anchor of its cached frames.
    std::uint32_t id() const { return id_; }
    FileKind kind() const { return kind_; }
    const FileIdentity& identity() const { return identity_; }
    std::uint64_t size_bytes() const { return source_->size_bytes(); }
    // Pages that hold at least one byte of the file.
    PageCount page_count() const { return PageCount::of_bytes(size_bytes()); }

    // The cached frame of a page; nullopt where it was not read yet.
    std::optional<Pfn> cached(std::uint64_t page_index) const;
    // Reads the page into the cache where it is not there yet. ENOMEM, EIO.
    Result<Pfn> read_page(std::uint64_t page_index);
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const { return source_->read(offset, into); }

    PageCount cached_page_count() const { return PageCount(pages_.size()); }
    const std::unordered_map<std::uint64_t, Pfn>& cached_pages() const { return pages_; }
    // Drops clean pages that nobody maps; returns how many.
    PageCount drop_unmapped_pages();

private:
    PhysicalMemory& memory_;
    std::unique_ptr<FileSource> source_;
    FileIdentity identity_;
    FileKind kind_;
    std::uint32_t id_;
    std::unordered_map<std::uint64_t, Pfn> pages_;
};

// Creates files and gives back their unmapped cache pages when memory runs out.
class FileRegistry final : public MemoryShrinker {
public:
    explicit FileRegistry(PhysicalMemory& memory) : memory_(memory) { memory_.set_shrinker(this); }
    FileRegistry(const FileRegistry&) = delete;
    FileRegistry& operator=(const FileRegistry&) = delete;
    ~FileRegistry() { memory_.set_shrinker(nullptr); }

    std::shared_ptr<File> open(std::unique_ptr<FileSource> source, FileIdentity identity,
                               FileKind kind = FileKind::regular);
    PageCount shrink() override;
    // The files that are still referred to.
    std::vector<std::shared_ptr<File>> files() const;

private:
    PhysicalMemory& memory_;
    std::vector<std::weak_ptr<File>> files_;
};

// A file of zeroes: what MAP_SHARED | MAP_ANONYMOUS maps.
std::unique_ptr<FileSource> zero_file_source(std::uint64_t size_bytes);

// A file whose bytes are in memory: the vDSO, tests.
std::unique_ptr<FileSource> memory_file_source(std::vector<std::byte> bytes);

}  // namespace fl::mm
