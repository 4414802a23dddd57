#include "kernel/vfs/host_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fl::kernel {

namespace {

Errno host_error() { return static_cast<Errno>(errno); }

// Fills `into`; what lies past the end of the host's file is zero.
Result<void> read_host(HostNode& node, std::uint64_t offset, std::span<std::byte> into) {
    const auto descriptor = node.content(HostOpening::for_reading);
    if (!descriptor) return fail(Errno::eio);
    while (!into.empty()) {
        const ssize_t got = ::pread(*descriptor, into.data(), into.size(), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(Errno::eio);
        if (got == 0) break;
        offset += static_cast<std::uint64_t>(got);
        into = into.subspan(static_cast<std::size_t>(got));
    }
    std::ranges::fill(into, std::byte{0});
    return {};
}

mode_t permissions_of(const HostNode& node) { return node.status().st_mode & 07777; }

Result<void> change_on_host(HostLayer& layer, const HostNode& node, const AttributeChange& change) {
    if (layer.access() == HostAccess::write_through) return node.change_attributes(change);
    layer.keep_change(node);
    return {};
}

}  // namespace

// --- bytes -----------------------------------------------------------------------------------------------------------

std::uint64_t HostSource::size_bytes() const { return static_cast<std::uint64_t>(node_->status().st_size); }

Result<void> HostSource::read(std::uint64_t offset, std::span<std::byte> into) const {
    return read_host(*node_, offset, into);
}

Result<void> HostSource::write(std::uint64_t offset, std::span<const std::byte> from) {
    if (access_ != HostAccess::write_through) return fail(Errno::erofs);
    const auto descriptor = node_->content(HostOpening::for_writing);
    if (!descriptor) return fail(descriptor.error());
    while (!from.empty()) {
        const ssize_t written = ::pwrite(*descriptor, from.data(), from.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail(host_error());
        offset += static_cast<std::uint64_t>(written);
        from = from.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Result<void> HostSource::resize(std::uint64_t size_bytes) {
    if (access_ != HostAccess::write_through) return fail(Errno::erofs);
    const auto descriptor = node_->content(HostOpening::for_writing);
    if (!descriptor) return fail(descriptor.error());
    return ::ftruncate(*descriptor, static_cast<off_t>(size_bytes)) == 0 ? Result<void>{} : fail(host_error());
}

LayeredSource::LayeredSource(std::shared_ptr<HostNode> node, std::shared_ptr<PageBudget> budget)
    : node_(std::move(node)),
      budget_(std::move(budget)),
      size_bytes_(static_cast<std::uint64_t>(node_->status().st_size)),
      host_bytes_(size_bytes_) {}

LayeredSource::~LayeredSource() { budget_->pages_left += pages_.size(); }

Result<void> LayeredSource::read(std::uint64_t offset, std::span<std::byte> into) const {
    // The page cache asks for whole pages or parts of one.
    const auto page = pages_.find(offset >> page_shift);
    if (page != pages_.end() && page->second != nullptr) {
        const std::uint64_t in_page = offset & page_mask;
        const auto kept = std::span(*page->second).subspan(in_page).first(into.size());
        std::ranges::copy(kept, into.begin());
        return {};
    }
    const std::uint64_t shown = offset < host_bytes_ ? std::min<std::uint64_t>(host_bytes_ - offset, into.size()) : 0;
    std::ranges::fill(into.subspan(shown), std::byte{0});
    return shown > 0 ? read_host(*node_, offset, into.first(shown)) : Result<void>{};
}

Result<LayeredSource::Pages::iterator> LayeredSource::page_at(std::uint64_t index) {
    if (const auto known = pages_.find(index); known != pages_.end()) return known;
    if (budget_->pages_left == 0) return fail(Errno::enospc);
    --budget_->pages_left;
    return pages_.emplace(index, nullptr).first;
}

Result<void> LayeredSource::write(std::uint64_t offset, std::span<const std::byte> from) {
    const auto page = page_at(offset >> page_shift);
    if (!page) return fail(page.error());
    const std::uint64_t in_page = offset & page_mask;
    FL_ASSERT(in_page + from.size() <= page_size);
    if ((*page)->second == nullptr) {
        auto fresh = std::make_unique<Page>();
        if (auto read = this->read(offset - in_page, *fresh); !read) return read;
        (*page)->second = std::move(fresh);
    }
    std::ranges::copy(from, (*page)->second->begin() + static_cast<std::ptrdiff_t>(in_page));
    return {};
}

void LayeredSource::give_back(Pages::iterator first, Pages::iterator last) {
    budget_->pages_left += static_cast<std::uint64_t>(std::distance(first, last));
    pages_.erase(first, last);
}

Result<void> LayeredSource::resize(std::uint64_t size_bytes) {
    if (size_bytes < size_bytes_) {
        give_back(pages_.lower_bound(PageCount::of_bytes(size_bytes).value()), pages_.end());
        const auto last = pages_.find(size_bytes >> page_shift);
        if ((size_bytes & page_mask) != 0 && last != pages_.end() && last->second != nullptr) {
            std::ranges::fill(std::span(*last->second).subspan(size_bytes & page_mask), std::byte{0});
        }
        host_bytes_ = std::min(host_bytes_, size_bytes);
    }
    size_bytes_ = size_bytes;
    return {};
}

Result<void> LayeredSource::reserve(FileRange range) {
    if (range.length_bytes == 0) return {};
    const std::uint64_t last = (range.offset + range.length_bytes - 1) >> page_shift;
    for (std::uint64_t index = range.offset >> page_shift; index <= last; ++index) {
        if (auto page = page_at(index); !page) return fail(page.error());
    }
    return {};
}

// --- a regular file --------------------------------------------------------------------------------------------------

HostFile::HostFile(HostLayer& layer, const std::shared_ptr<HostNode>& node)
    : HostFile(layer, node, layer.content_of(node)) {}

HostFile::HostFile(HostLayer& layer, std::shared_ptr<HostNode> node, const HostLayer::Content& content)
    : RegularFile(layer.file_system(), permissions_of(*node), Owner{}, 0, content.file, std::nullopt),
      layer_(layer),
      node_(std::move(node)),
      layered_(content.layered) {
    take_identity(node_->status());
}

Result<std::shared_ptr<FileDescription>> HostFile::open(System& system, const DentryPointer& dentry, int flags) {
    const bool writes = (flags & O_ACCMODE) != O_RDONLY;
    const bool on_host = writes && layer_.access() == HostAccess::write_through;
    auto description = RegularFile::open(system, dentry, flags);
    if (!description) return description;
    const auto reached = node_->content(on_host ? HostOpening::for_writing : HostOpening::for_reading);
    if (!reached) return fail(reached.error());
    if (writes) layer_.keep_change(*node_);
    return description;
}

struct stat HostFile::status() const {
    struct stat status = layer_.status_of(*node_, RegularFile::status());
    status.st_size = static_cast<off_t>(size_bytes());
    if (size_bytes() != static_cast<std::uint64_t>(node_->status().st_size) && layered_ != nullptr) {
        status.st_blocks = static_cast<blkcnt_t>(file()->page_count().value() * (page_size / 512));
    }
    return status;
}

Result<void> HostFile::change_attributes(const AttributeChange& change, std::uint64_t now_ns) {
    if (auto changed = change_on_host(layer_, *node_, change); !changed) return changed;
    return RegularFile::change_attributes(change, now_ns);
}

Result<void> HostFile::resize(System& system, std::uint64_t size_bytes) {
    layer_.keep_change(*node_);
    return RegularFile::resize(system, size_bytes);
}

Result<void> HostFile::synchronise() {
    if (layer_.access() != HostAccess::write_through) return {};
    if (auto written = file()->write_back(0, file()->page_count()); !written) return written;
    const auto descriptor = node_->content(HostOpening::for_reading);
    if (!descriptor) return fail(descriptor.error());
    return ::fsync(*descriptor) == 0 ? Result<void>{} : fail(host_error());
}

// The page cache of a file with a source makes room for itself.
Result<void> HostFile::before_write(System&, FileRange range) {
    return layered_ != nullptr ? layered_->reserve(range) : Result<void>{};
}

// What write(2) wrote is there for the host's other programs to see.
Result<void> HostFile::after_write(FileRange range) {
    if (layer_.access() != HostAccess::write_through || range.length_bytes == 0) return {};
    const std::uint64_t first = range.offset >> page_shift;
    const std::uint64_t last = (range.offset + range.length_bytes - 1) >> page_shift;
    return file()->write_back(first, PageCount(last - first + 1));
}

// --- links and what is never opened ----------------------------------------------------------------------------------

HostLink::HostLink(HostLayer& layer, std::shared_ptr<HostNode> node)
    : SymbolicLink(layer.file_system(), Owner{}, 0), layer_(layer), node_(std::move(node)), text_(node_->link_text()) {
    take_identity(node_->status());
}

Result<void> HostLink::change_attributes(const AttributeChange& change, std::uint64_t now_ns) {
    if (auto changed = change_on_host(layer_, *node_, change); !changed) return changed;
    return SymbolicLink::change_attributes(change, now_ns);
}

HostSpecialFile::HostSpecialFile(HostLayer& layer, std::shared_ptr<HostNode> node)
    : Inode(layer.file_system(), node->status().st_mode, Owner{}, 0), layer_(layer), node_(std::move(node)) {
    take_identity(node_->status());
    set_device(node_->status().st_rdev);
}

// Devices as under a mount with nodev; nobody is at the other end of the rest.
Result<std::shared_ptr<FileDescription>> HostSpecialFile::open(System&, const DentryPointer&, int) {
    return fail(S_ISCHR(mode()) || S_ISBLK(mode()) ? Errno::eacces : Errno::enxio);
}

Result<void> HostSpecialFile::change_attributes(const AttributeChange& change, std::uint64_t now_ns) {
    if (layer_.access() == HostAccess::write_through) return fail(Errno::eperm);
    layer_.keep_change(*node_);
    return Inode::change_attributes(change, now_ns);
}

}  // namespace fl::kernel
