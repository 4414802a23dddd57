// HostFile and its kin: files of the host as inodes (see host_layer.hpp).
#pragma once

#include "kernel/vfs/host_layer.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <array>
#include <map>

namespace fl::kernel {

// The bytes of a file of the host, read and written where they are. Nothing is mapped: a file that somebody cuts short
// must not become a SIGBUS of ours.
class HostSource final : public mm::FileSource {
public:
    HostSource(std::shared_ptr<HostNode> node, HostAccess access) : node_(std::move(node)), access_(access) {}
    std::uint64_t size_bytes() const override;
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override;
    Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override;
    Result<void> resize(std::uint64_t size_bytes) override;

private:
    std::shared_ptr<HostNode> node_;
    HostAccess access_;
};

// The same bytes under pages that the guest wrote, which are kept here when they leave the page cache.
class LayeredSource final : public mm::FileSource {
public:
    LayeredSource(std::shared_ptr<HostNode> node, std::shared_ptr<PageBudget> budget);
    LayeredSource(const LayeredSource&) = delete;
    LayeredSource& operator=(const LayeredSource&) = delete;
    ~LayeredSource() override;
    std::uint64_t size_bytes() const override { return size_bytes_; }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override;
    Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override;
    Result<void> resize(std::uint64_t size_bytes) override;
    // Room for these pages once they are written back. ENOSPC.
    Result<void> reserve(FileRange range);

private:
    using Page = std::array<std::byte, page_size>;
    using Pages = std::map<std::uint64_t, std::unique_ptr<Page>>;  // nullptr: reserved
    Result<Pages::iterator> page_at(std::uint64_t index);
    void give_back(Pages::iterator first, Pages::iterator last);

    std::shared_ptr<HostNode> node_;
    std::shared_ptr<PageBudget> budget_;
    std::uint64_t size_bytes_;
    std::uint64_t host_bytes_;  // of the host's file that still show
    Pages pages_;
};

class HostFile final : public RegularFile {
public:
    HostFile(HostLayer& layer, const std::shared_ptr<HostNode>& node);
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    struct stat status() const override;
    Result<void> change_attributes(const AttributeChange& change, std::uint64_t now_ns) override;
    Result<void> resize(System& system, std::uint64_t size_bytes) override;
    Result<void> synchronise() override;
    Result<void> before_write(System& system, FileRange range) override;
    Result<void> after_write(FileRange range) override;
    const HostNode* host_node() const override { return node_.get(); }

private:
    HostFile(HostLayer& layer, std::shared_ptr<HostNode> node, const HostLayer::Content& content);

    HostLayer& layer_;
    std::shared_ptr<HostNode> node_;
    LayeredSource* layered_;
};

class HostLink final : public SymbolicLink {
public:
    HostLink(HostLayer& layer, std::shared_ptr<HostNode> node);
    Result<std::string> text(const System&) const override { return text_; }
    std::uint64_t size_bytes() const override { return text_ ? text_->size() : 0; }
    Result<void> change_attributes(const AttributeChange& change, std::uint64_t now_ns) override;
    const HostNode* host_node() const override { return node_.get(); }

private:
    HostLayer& layer_;
    std::shared_ptr<HostNode> node_;
    Result<std::string> text_;
};

// A device, FIFO or socket of the host: it shows, and nobody opens it.
class HostSpecialFile final : public Inode {
public:
    HostSpecialFile(HostLayer& layer, std::shared_ptr<HostNode> node);
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    Result<void> change_attributes(const AttributeChange& change, std::uint64_t now_ns) override;
    const HostNode* host_node() const override { return node_.get(); }

private:
    HostLayer& layer_;
    std::shared_ptr<HostNode> node_;
};

}  // namespace fl::kernel
