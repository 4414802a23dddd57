// File: a file that can be mapped, read and written: its size, its page cache, and who maps it (Linux: struct inode
// and address_space).
//
// Invariants: a cached frame is in the state of the file's kind, anchored to (this file, page index), and the cache
// holds one reference on it; no page past the end is cached; bytes past the end in the last page read as zero when the
// file grows over them; every VMA that maps the file is in i_mmap; a page in swap is not in the cache, and its slot has
// one reference of the file's.
#pragma once

#include "emu/page_fault.hpp"
#include "mm/file_identity.hpp"
#include "mm/file_source.hpp"
#include "mm/interval_tree.hpp"
#include "mm/page_cache_nodes.hpp"
#include "mm/physical_memory.hpp"

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace fl::mm {

inline constexpr std::uint64_t max_file_bytes = 0x7fff'ffff'ffff'ffff;  // MAX_LFS_FILESIZE: offsets are signed

class File : public std::enable_shared_from_this<File> {
public:
    // `source` is there for regular files only.
    File(PhysicalMemory& memory, std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind);
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();

    // Unique among the live and dead files of this process.
    std::uint32_t id() const { return id_; }
    FileKind kind() const { return kind_; }
    const FileIdentity& identity() const { return *identity_; }
    // What it is now, for those who may outlive the file.
    const std::shared_ptr<const FileIdentity>& shared_identity() const { return identity_; }
    // After a rename or an unlink ("... (deleted)").
    void set_path(std::string path) {
        auto identity = std::make_shared<FileIdentity>(*identity_);
        identity->path = std::move(path);
        identity_ = std::move(identity);
    }

    std::uint64_t size_bytes() const { return size_bytes_; }
    // Pages that hold at least one byte of the file.
    PageCount page_count() const { return PageCount::of_bytes(size_bytes_); }
    // Cuts the file off or lets it grow by a hole (truncate(2)). What lies past the new end leaves every address space,
    // private copies included, so that touching it is SIGBUS. EROFS, EIO: its source's.
    Result<void> resize(std::uint64_t size_bytes);

    // Through the page cache, as read(2) does: how many bytes were read, fewer than asked for at the end of the file or
    // where an error came later. A hole that nobody wrote to costs no page. ENOMEM, EIO.
    Result<std::uint64_t> read(std::uint64_t offset, std::span<std::byte> into);
    // Through the page cache, as write(2) does; the file grows where needed. ENOMEM, EIO; EFBIG past the largest
    // offset.
    Result<std::uint64_t> write(std::uint64_t offset, std::span<const std::byte> from);
    // Without bringing pages into the cache; what lies past the end reads as zero. EIO.
    Result<void> read_uncached(std::uint64_t offset, std::span<std::byte> into) const;
    // Makes a hole of whole and partial pages; the size stays (fallocate(2) FALLOC_FL_PUNCH_HOLE). Private copies
    // stay. ENOMEM, EIO.
    Result<void> punch_hole(std::uint64_t offset, std::uint64_t length_bytes);
    // Brings dirty pages to the source and makes their mappings read-only, so that the next write to them is seen
    // (msync(2), fsync(2)). EIO, EROFS.
    Result<void> write_back(std::uint64_t first_page, PageCount pages);

    // The cached frame of a page; nullopt where it was not read yet, is in swap, or is allocated only.
    std::optional<Pfn> cached(std::uint64_t page_index) const;
    // Of a file that is only in memory: a page that has left it for swap, and was not allocated only.
    bool is_in_swap(std::uint64_t page_index) const {
        return swapped_.contains(page_index) && !unwritten_.contains(page_index);
    }
    // All that take swap, by the slot.
    std::optional<emu::SwapSlot> swap_slot(std::uint64_t page_index) const {
        const auto found = swapped_.find(page_index);
        return found == swapped_.end() ? std::nullopt : std::optional(found->second);
    }
    const std::map<std::uint64_t, emu::SwapSlot>& swapped_pages() const { return swapped_; }
    // What the Reclaimer calls pages that have left and that the file's source has, or nobody wrote to.
    const std::map<std::uint64_t, std::uint32_t>& shadows() const { return shadows_; }
    // Pages that take memory or swap, cached or allocated only.
    bool holds(std::uint64_t page_index) const { return pages_.contains(page_index) || swapped_.contains(page_index); }
    // Reads the page into the cache where it is not there yet; the page lies inside the file. ENOMEM, EIO.
    Result<Pfn> read_page(std::uint64_t page_index);
    // Takes memory for a page of a hole, which stays one until somebody writes to the page or maps it
    // (shmem_fallocate); of a file that is only in memory also past its end, until that changes other than by growing.
    // ENOMEM, EIO.
    Result<void> allocate_page(std::uint64_t page_index);
    void mark_dirty(Pfn pfn) { memory_.frames().set_dirty(pfn, true); }
    // Whether a write through a shared mapping has to be seen, so that the page can be written back
    // (vma_wants_writenotify).
    bool wants_write_notify() const { return kind_ != FileKind::shared_memory; }

    // Pages that are in memory stay there, and those that come (SHM_LOCK; mapping_set_unevictable). Of files that would
    // lose theirs to swap.
    void set_locked(bool locked) { is_locked_ = locked; }
    bool is_locked() const { return is_locked_; }

    PageCount cached_page_count() const { return PageCount(pages_.size()); }
    const std::map<std::uint64_t, Pfn>& cached_pages() const { return pages_; }
    const PageCacheNodes& nodes() const { return nodes_; }
    // Drops pages that nobody maps and that can be read again, having written them back; returns how many.
    PageCount drop_unmapped_pages();
    // Drops one page where nobody uses it and nothing was written to it since it was read, or made.
    void drop_clean_page(std::uint64_t page_index);
    // The Reclaimer's: writes a cached page back where it is dirty, EIO, EROFS; and takes one that nobody maps any more
    // out of the cache: it is in `slot` now, or can be had again. Its number is remembered.
    Result<void> write_back_cached(std::uint64_t page_index);
    void lose_page(std::uint64_t page_index, std::optional<emu::SwapSlot> slot, std::uint32_t page_number);
    // A cached page lies in another frame now, which the cache's reference is on (folio_migrate_mapping).
    void move_page(std::uint64_t page_index, Pfn to) { pages_.at(page_index) = to; }
    // nullptr: the file is nobody's to share.
    std::shared_ptr<const File> shared() const { return weak_from_this().lock(); }

    // The VMAs that map this file, by page index.
    IntervalTree& i_mmap() { return i_mmap_; }
    const IntervalTree& i_mmap() const { return i_mmap_; }

private:
    // Of a page: [first, end).
    struct ByteRange {
        std::uint64_t first;
        std::uint64_t end;
    };

    FrameState page_state() const {
        return kind_ == FileKind::shared_memory ? FrameState::shared_memory : FrameState::file_cache;
    }
    // Of the pages that the cache has not. ENOMEM, EIO.
    Result<Pfn> add_page(std::uint64_t page_index);
    Result<Pfn> make_page(std::uint64_t page_index);
    std::map<std::uint64_t, Pfn>::iterator release_page(std::map<std::uint64_t, Pfn>::iterator page);
    Result<void> fill_page(std::uint64_t page_index, Pfn pfn);
    void pay_zeroes(std::uint64_t page_index, std::span<std::byte> bytes) const;
    void forget_swapped(std::uint64_t first_page, std::uint64_t end_page);
    // The page, about to be changed by the kernel: dirty, and no translation of its bytes counts any more.
    Result<Pfn> page_to_write(std::uint64_t page_index);
    void note_use(Pfn pfn, emu::Access access);
    Result<void> zero_part(std::uint64_t page_index, std::uint64_t first_byte, std::uint64_t end_byte);
    Result<void> write_back_page(std::uint64_t page_index, Pfn pfn);
    void drop_pages(std::uint64_t first_page, std::uint64_t end_page);

    PhysicalMemory& memory_;
    std::unique_ptr<FileSource> source_;
    std::shared_ptr<const FileIdentity> identity_;  // never nullptr
    FileKind kind_;
    std::uint32_t id_;
    std::uint64_t size_bytes_;
    std::map<std::uint64_t, Pfn> pages_;
    PageCacheNodes nodes_{memory_};
    std::map<std::uint64_t, emu::SwapSlot> swapped_;
    std::map<std::uint64_t, std::uint32_t> shadows_;  // numbers of pages that have left (Linux: shadow entries)
    // Of swapped_: parts that have become zeroes since, but for a slot that could not be read or written.
    std::multimap<std::uint64_t, ByteRange> zeroes_owed_;
    bool is_locked_ = false;
    std::set<std::uint64_t> unwritten_;  // of pages_ and swapped_: what allocate_page() made and nobody used yet
    IntervalTree i_mmap_;
};

// Creates files and gives back their unmapped cache pages when memory runs out.
class FileRegistry final : public MemoryShrinker {
public:
    explicit FileRegistry(PhysicalMemory& memory) : memory_(memory) { memory_.set_shrinker(this); }
    FileRegistry(const FileRegistry&) = delete;
    FileRegistry& operator=(const FileRegistry&) = delete;
    ~FileRegistry() { memory_.set_shrinker(nullptr); }

    // A file with a source.
    std::shared_ptr<File> open(std::unique_ptr<FileSource> source, FileIdentity identity);
    // A file of a kind without one, `size_bytes` of hole.
    std::shared_ptr<File> create(FileIdentity identity, FileKind kind, std::uint64_t size_bytes = 0);
    PageCount shrink() override;
    // The files that are still referred to, oldest first.
    std::vector<std::shared_ptr<File>> files() const;

private:
    std::shared_ptr<File> add(std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind);

    PhysicalMemory& memory_;
    std::vector<std::weak_ptr<File>> files_;
};

}  // namespace fl::mm
