#include "mm/file.hpp"

#include "mm/reclaimer.hpp"
#include "mm/rmap.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

namespace fl::mm {

namespace {

std::uint32_t next_file_id() {
    static std::atomic<std::uint32_t> last{0};
    return ++last;
}

// Beyond the index of every page that a file can have.
constexpr std::uint64_t end_of_pages = ~std::uint64_t{0};

// The bytes [offset, offset + size) page by page: use(page index, first byte in the page, bytes, position in the whole)
// until it fails.
template <class Use>
Result<void> by_page(std::uint64_t offset, std::uint64_t size_bytes, Use&& use) {
    for (std::uint64_t done = 0; done < size_bytes;) {
        const std::uint64_t at = offset + done;
        const std::uint64_t in_page = at & page_mask;
        const std::uint64_t count = std::min(size_bytes - done, page_size - in_page);
        if (const auto used = use(at >> page_shift, in_page, count, done); !used) return fail(used.error());
        done += count;
    }
    return {};
}

FileIdentity of_kind(FileIdentity identity, FileKind kind) {
    identity.kind = kind;
    return identity;
}

}  // namespace

File::File(PhysicalMemory& memory, std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind)
    : memory_(memory),
      source_(std::move(source)),
      identity_(std::make_shared<const FileIdentity>(of_kind(std::move(identity), kind))),
      kind_(kind),
      id_(next_file_id()),
      size_bytes_(source_ ? source_->size_bytes() : 0) {
    FL_ASSERT((source_ != nullptr) == (kind == FileKind::regular));
}

File::~File() {
    FL_ASSERT(i_mmap_.empty());
    for (const auto& [index, pfn] : pages_) memory_.release(pfn);
    forget_swapped(0, end_of_pages);
}

// --- the page cache --------------------------------------------------------------------------------------------------

std::optional<Pfn> File::cached(std::uint64_t page_index) const {
    const auto found = pages_.find(page_index);
    return found == pages_.end() || unwritten_.contains(page_index) ? std::nullopt : std::optional(found->second);
}

Result<Pfn> File::read_page(std::uint64_t page_index) {
    FL_ASSERT(page_index < page_count().value());
    const auto found = pages_.find(page_index);
    const auto pfn = found != pages_.end() ? Result<Pfn>(found->second) : add_page(page_index);
    if (pfn) unwritten_.erase(page_index);
    return pfn;
}

Result<Pfn> File::add_page(std::uint64_t page_index) {
    if (const auto ready = nodes_.add(page_index); !ready) return fail(ready.error());
    const auto pfn = make_page(page_index);
    if (!pfn) nodes_.remove(page_index);
    return pfn;
}

// Out of the cache. Returns the page behind it.
std::map<std::uint64_t, Pfn>::iterator File::release_page(std::map<std::uint64_t, Pfn>::iterator page) {
    memory_.release(page->second);
    nodes_.remove(page->first);
    return pages_.erase(page);
}

Result<Pfn> File::make_page(std::uint64_t page_index) {
    const auto slot = swapped_.find(page_index);
    const auto shadow = shadows_.find(page_index);
    PageOrigin origin{.is_pageable = kind_ != FileKind::memory};
    if (slot != swapped_.end()) origin.known = memory_.reclaimer()->swap()->page_id(slot->second);
    if (shadow != shadows_.end()) origin.known = shadow->second;
    const auto pfn =
        memory_.allocate(page_state(), source_ || slot != swapped_.end() ? Fill::caller : Fill::zeroed, origin);
    if (!pfn) return pfn;
    memory_.frames().set_anchor(*pfn, RmapAnchor::of(*this, page_index));
    if (const auto filled = fill_page(page_index, *pfn); !filled) {
        memory_.release(*pfn);
        return fail(filled.error());
    }
    pages_.emplace(page_index, *pfn);
    return *pfn;
}

// Whatever keeps the page's bytes, or its number, while it is away is forgotten.
Result<void> File::fill_page(std::uint64_t page_index, Pfn pfn) {
    if (source_) {
        if (const auto done = source_->read(page_index * page_size, memory_.ram().frame(pfn)); !done) return done;
    } else if (const auto swapped = swapped_.find(page_index); swapped != swapped_.end()) {
        Reclaimer& reclaimer = *memory_.reclaimer();
        if (const auto done = reclaimer.swap()->read(swapped->second, memory_.ram().frame(pfn)); !done) return done;
        pay_zeroes(page_index, memory_.ram().frame(pfn));
        zeroes_owed_.erase(page_index);
        reclaimer.drop_slot(swapped->second);
        swapped_.erase(swapped);
        mark_dirty(pfn);
    }
    if (const auto shadow = shadows_.find(page_index); shadow != shadows_.end()) {
        memory_.reclaimer()->drop_shadow(shadow->second);
        shadows_.erase(shadow);
    }
    return {};
}

void File::pay_zeroes(std::uint64_t page_index, std::span<std::byte> bytes) const {
    const auto [first, end] = zeroes_owed_.equal_range(page_index);
    for (auto owed = first; owed != end; ++owed) {
        const ByteRange part = owed->second;
        std::ranges::fill(bytes.subspan(part.first, part.end - part.first), std::byte{0});
    }
}

void File::lose_page(std::uint64_t page_index, std::optional<emu::SwapSlot> slot, std::uint32_t page_number) {
    const auto page = pages_.find(page_index);
    FL_ASSERT(page != pages_.end());
    if (slot) {
        swapped_.emplace(page_index, *slot);
    } else {
        shadows_.emplace(page_index, page_number);
        unwritten_.erase(page_index);
    }
    release_page(page);
}

void File::forget_swapped(std::uint64_t first_page, std::uint64_t end_page) {
    if (swapped_.empty() && shadows_.empty()) return;
    Reclaimer& reclaimer = *memory_.reclaimer();
    const auto end = swapped_.lower_bound(end_page);
    for (auto page = swapped_.lower_bound(first_page); page != end; page = swapped_.erase(page)) {
        reclaimer.drop_slot(page->second);
    }
    zeroes_owed_.erase(zeroes_owed_.lower_bound(first_page), zeroes_owed_.lower_bound(end_page));
    const auto last = shadows_.lower_bound(end_page);
    for (auto page = shadows_.lower_bound(first_page); page != last; page = shadows_.erase(page)) {
        reclaimer.drop_shadow(page->second);
    }
}

Result<void> File::allocate_page(std::uint64_t page_index) {
    if (source_ && page_index >= page_count().value()) return {};
    if (swapped_.contains(page_index)) return {};
    const bool is_new = !pages_.contains(page_index);
    const auto pfn = is_new ? add_page(page_index) : Result<Pfn>(pages_.at(page_index));
    if (!pfn) return fail(pfn.error());
    if (source_) return {};
    // So that MADV_PAGEOUT does not drop it.
    mark_dirty(*pfn);
    if (is_new) unwritten_.insert(page_index);
    return {};
}

Result<Pfn> File::page_to_write(std::uint64_t page_index) {
    const auto pfn = read_page(page_index);
    if (!pfn) return pfn;
    mark_dirty(*pfn);
    note_use(*pfn, emu::Access::write);
    memory_.ram().code_frames().note_rewritten(*pfn);
    return pfn;
}

// By read(2) or write(2).
void File::note_use(Pfn pfn, emu::Access access) {
    memory_.frames().set_referenced(pfn, true);
    if (Reclaimer* reclaimer = memory_.reclaimer()) reclaimer->note_kernel_access(pfn, access);
}

PageCount File::drop_unmapped_pages() {
    if (kind_ != FileKind::regular) return PageCount(0);
    PageCount dropped;
    for (auto page = pages_.begin(); page != pages_.end();) {
        const auto [index, pfn] = *page;
        const Frame& frame = memory_.frames()[pfn];
        // A reference beyond the cache's own pins the page: somebody is reading or copying it.
        const bool in_use = frame.map_count > 0 || frame.reference_count > 1;
        if (in_use || (frame.dirty && !write_back_page(index, pfn))) {
            ++page;
            continue;
        }
        page = release_page(page);
        dropped += PageCount(1);
    }
    return dropped;
}

void File::drop_clean_page(std::uint64_t page_index) {
    const auto page = pages_.find(page_index);
    if (page == pages_.end()) return;
    const Frame& frame = memory_.frames()[page->second];
    if (frame.dirty || frame.map_count > 0 || frame.reference_count > 1) return;
    release_page(page);
}

void File::drop_pages(std::uint64_t first_page, std::uint64_t end_page) {
    if (first_page >= end_page) return;
    forget_swapped(first_page, end_page);
    unwritten_.erase(unwritten_.lower_bound(first_page), unwritten_.lower_bound(end_page));
    const auto end = pages_.lower_bound(end_page);
    for (auto page = pages_.lower_bound(first_page); page != end;) page = release_page(page);
}

Result<void> File::write_back_page(std::uint64_t page_index, Pfn pfn) {
    if (source_) {
        const std::uint64_t offset = page_index * page_size;
        const auto bytes = memory_.ram().frame(pfn).first(std::min(page_size, size_bytes_ - offset));
        if (const auto done = source_->write(offset, bytes); !done) return done;
    }
    memory_.frames().set_dirty(pfn, false);
    return {};
}

Result<void> File::write_back_cached(std::uint64_t page_index) {
    const Pfn pfn = pages_.at(page_index);
    if (clean_mappings(memory_, pfn) == Cleaned::was_dirty) mark_dirty(pfn);
    return memory_.frames()[pfn].dirty ? write_back_page(page_index, pfn) : Result<void>{};
}

Result<void> File::write_back(std::uint64_t first_page, PageCount pages) {
    // What is only in memory has nowhere to go.
    if (kind_ == FileKind::shared_memory) return {};
    Result<void> outcome;
    const std::uint64_t end_page = std::max(first_page, first_page + pages.value());
    for (auto page = pages_.lower_bound(first_page); page != pages_.end() && page->first < end_page; ++page) {
        const auto [index, pfn] = *page;
        if (clean_mappings(memory_, pfn) == Cleaned::was_dirty) mark_dirty(pfn);
        if (!memory_.frames()[pfn].dirty) continue;
        // A page that cannot be written does not keep the others from it.
        if (const auto done = write_back_page(index, pfn); !done) outcome = done;
    }
    return outcome;
}

// --- read, write, truncate -------------------------------------------------------------------------------------------

Result<std::uint64_t> File::read(std::uint64_t offset, std::span<std::byte> into) {
    const std::uint64_t available = offset < size_bytes_ ? size_bytes_ - offset : 0;
    const std::uint64_t wanted = std::min<std::uint64_t>(into.size(), available);
    std::uint64_t done = 0;
    const auto outcome = by_page(offset, wanted, [&](auto page, auto in_page, auto count, auto at) -> Result<void> {
        const auto part = into.subspan(at, count);
        if (!source_ && !cached(page) && !is_in_swap(page)) {
            std::ranges::fill(part, std::byte{0});
        } else {
            const auto pfn = read_page(page);
            if (!pfn) return fail(pfn.error());
            note_use(*pfn, emu::Access::read);
            std::memcpy(part.data(), memory_.ram().frame(*pfn).data() + in_page, count);
        }
        done += count;
        return {};
    });
    if (!outcome && done == 0) return fail(outcome.error());
    return done;
}

Result<std::uint64_t> File::write(std::uint64_t offset, std::span<const std::byte> from) {
    if (from.empty()) return 0;
    if (offset >= max_file_bytes) return fail(Errno::efbig);
    const std::uint64_t wanted = std::min<std::uint64_t>(from.size(), max_file_bytes - offset);
    const std::uint64_t old_size = size_bytes_;
    if (offset + wanted > old_size) {
        if (const auto grown = resize(offset + wanted); !grown) return fail(grown.error());
    }
    std::uint64_t done = 0;
    const auto outcome = by_page(offset, wanted, [&](auto page, auto in_page, auto count, auto at) -> Result<void> {
        const auto pfn = page_to_write(page);
        if (!pfn) return fail(pfn.error());
        std::memcpy(memory_.ram().frame(*pfn).data() + in_page, from.data() + at, count);
        done += count;
        return {};
    });
    if (outcome) return done;
    // The file ends where the writing ended.
    if (size_bytes_ > old_size) (void)resize(std::max(old_size, done > 0 ? offset + done : 0));
    if (done == 0) return fail(outcome.error());
    return done;
}

Result<void> File::read_uncached(std::uint64_t offset, std::span<std::byte> into) const {
    return by_page(offset, into.size(), [&](auto page, auto in_page, auto count, auto at) -> Result<void> {
        const auto part = into.subspan(at, count);
        if (const auto pfn = cached(page)) {
            std::memcpy(part.data(), memory_.ram().frame(*pfn).data() + in_page, count);
            return {};
        }
        if (source_ && page < page_count().value()) return source_->read(page * page_size + in_page, part);
        if (const auto swapped = swapped_.find(page); swapped != swapped_.end()) {
            std::array<std::byte, page_size> bytes{};
            const auto done = memory_.reclaimer()->swap()->peek(swapped->second, bytes);
            pay_zeroes(page, bytes);
            std::memcpy(part.data(), bytes.data() + in_page, count);
            return done;
        }
        std::ranges::fill(part, std::byte{0});
        return {};
    });
}

Result<void> File::zero_part(std::uint64_t page_index, std::uint64_t first_byte, std::uint64_t end_byte) {
    if (page_index >= page_count().value() || first_byte >= end_byte) return {};
    // Without a source a page that is not there is a hole already.
    if (!source_ && !cached(page_index) && !is_in_swap(page_index)) return {};
    const auto pfn = page_to_write(page_index);
    if (pfn) {
        std::memset(memory_.ram().frame(*pfn).data() + first_byte, 0, end_byte - first_byte);
        return {};
    }
    if (!is_in_swap(page_index)) return fail(pfn.error());
    // Without a frame, or its bytes, the page stays where it is, and the bytes are zero when it comes back. Nobody is
    // told (shmem_undo_range, shmem_get_partial_folio).
    zeroes_owed_.emplace(page_index, ByteRange{first_byte, end_byte});
    return {};
}

// mm/truncate.c, truncate_setsize: the size first, so that no new fault brings back what is being cut off.
Result<void> File::resize(std::uint64_t size_bytes) {
    if (size_bytes > max_file_bytes) return fail(Errno::efbig);
    if (size_bytes == size_bytes_) {
        drop_pages(page_count().value(), end_of_pages);
        return {};
    }
    if (source_) {
        if (const auto done = source_->resize(size_bytes); !done) return done;
    }
    const std::uint64_t boundary = std::min(size_bytes, size_bytes_);
    // What a mapping wrote past the end must not become part of the file. Only a page in memory can hold such bytes.
    if (const auto page_index = boundary >> page_shift;
        (boundary & page_mask) != 0 && (cached(page_index) || is_in_swap(page_index))) {
        if (const auto done = zero_part(page_index, boundary & page_mask, page_size); !done) return done;
    }
    const std::uint64_t old_pages = page_count().value();
    const bool shrinks = size_bytes < size_bytes_;
    size_bytes_ = size_bytes;
    if (const std::uint64_t pages = page_count().value(); shrinks) {
        if (pages < old_pages) unmap_file_pages(*this, pages, old_pages, PrivateCopies::unmap);
        drop_pages(pages, end_of_pages);
    }
    return {};
}

Result<void> File::punch_hole(std::uint64_t offset, std::uint64_t length_bytes) {
    // Past the end there may be pages that allocate_page() took.
    drop_pages(std::max(page_count().value(), PageCount::of_bytes(offset).value()),
               (offset + std::min(length_bytes, max_file_bytes - std::min(offset, max_file_bytes))) >> page_shift);
    if (offset >= size_bytes_ || length_bytes == 0) return {};
    const std::uint64_t end = offset + std::min(length_bytes, size_bytes_ - offset);
    const std::uint64_t first_whole = PageCount::of_bytes(offset).value();
    // The end of the file's last page goes with the file's last byte.
    const std::uint64_t end_whole = end == size_bytes_ ? page_count().value() : end >> page_shift;
    const bool inside_one_page = end_whole < first_whole;
    if (source_) {
        return by_page(offset, end - offset, [&](auto page, auto in_page, auto count, auto) -> Result<void> {
            return zero_part(page, in_page, in_page + count);
        });
    }
    if (inside_one_page) return zero_part(offset >> page_shift, offset & page_mask, end & page_mask);
    if (const auto done =
            zero_part(offset >> page_shift, offset & page_mask, (offset & page_mask) != 0 ? page_size : 0);
        !done) {
        return done;
    }
    if (end_whole == end >> page_shift) {
        if (const auto done = zero_part(end_whole, 0, end & page_mask); !done) return done;
    }
    unmap_file_pages(*this, first_whole, end_whole, PrivateCopies::keep);
    drop_pages(first_whole, end_whole);
    return {};
}

// --- the registry ----------------------------------------------------------------------------------------------------

std::shared_ptr<File> FileRegistry::add(std::unique_ptr<FileSource> source, FileIdentity identity, FileKind kind) {
    // Each time the list would have to grow, so that the cost of an entry stays the same on average.
    if (files_.size() == files_.capacity()) std::erase_if(files_, [](const auto& file) { return file.expired(); });
    auto file = std::make_shared<File>(memory_, std::move(source), std::move(identity), kind);
    files_.push_back(file);
    return file;
}

std::shared_ptr<File> FileRegistry::open(std::unique_ptr<FileSource> source, FileIdentity identity) {
    return add(std::move(source), std::move(identity), FileKind::regular);
}

std::shared_ptr<File> FileRegistry::create(FileIdentity identity, FileKind kind, std::uint64_t size_bytes) {
    auto file = add(nullptr, std::move(identity), kind);
    if (size_bytes > 0) (void)file->resize(size_bytes);
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
