#include "kernel/vfs/host_layer.hpp"

#include "kernel/vfs/host_directory.hpp"
#include "kernel/vfs/host_file.hpp"

#include <sys/sysmacros.h>

namespace fl::kernel {

namespace {

// A file that has been written to through a mapping goes back to the host when the last one who uses it is gone.
struct WrittenBack {
    std::shared_ptr<mm::File> file;
    explicit WrittenBack(std::shared_ptr<mm::File> written) : file(std::move(written)) {}
    WrittenBack(const WrittenBack&) = delete;
    WrittenBack& operator=(const WrittenBack&) = delete;
    ~WrittenBack() { (void)file->write_back(0, file->page_count()); }
};

}  // namespace

HostLayer::HostLayer(mm::FileRegistry& files, HostAccess access, FileSystem file_system, std::uint64_t budget_pages)
    : files_(files),
      access_(access),
      file_system_(file_system),
      budget_(std::make_shared<PageBudget>(PageBudget{budget_pages})) {
    // Beyond the numbers that files of the host have, most often.
    constexpr std::uint64_t first_own_inode = std::uint64_t{1} << 40;
    file_system_.last_inode = first_own_inode;
    file_system_.read_only = access == HostAccess::read_only;
}

HostLayer::~HostLayer() { clear(); }

std::shared_ptr<Inode> HostLayer::inode_of(const std::shared_ptr<HostNode>& node) {
    std::weak_ptr<Inode>& slot = known_[key_of(*node)];
    if (auto inode = slot.lock()) return inode;
    auto inode = make_inode(node);
    slot = inode;
    if (known_.size() + contents_.size() >= sweep_at_) {
        std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
        std::erase_if(contents_, [](const auto& entry) { return entry.second.file.expired(); });
        sweep_at_ = 2 * (known_.size() + contents_.size()) + 64;
    }
    return inode;
}

std::shared_ptr<Inode> HostLayer::make_inode(const std::shared_ptr<HostNode>& node) {
    switch (node->status().st_mode & S_IFMT) {
        case S_IFDIR: return std::make_shared<HostDirectory>(*this, node);
        case S_IFREG: return std::make_shared<HostFile>(*this, node);
        case S_IFLNK: return std::make_shared<HostLink>(*this, node);
        default: return std::make_shared<HostSpecialFile>(*this, node);
    }
}

void HostLayer::keep_change(const HostNode& node) {
    if (access_ == HostAccess::copy_on_write) keep(node);
}

void HostLayer::keep(const HostNode& node) {
    const Key key = key_of(node);
    if (const auto known = known_.find(key); known != known_.end()) {
        if (auto inode = known->second.lock()) kept_[key] = std::move(inode);
    }
}

void HostLayer::clear() {
    for (const auto& [key, inode] : kept_) {
        if (inode->directory() == nullptr) continue;
        for (const DentryPointer& child : inode->directory()->take_children()) drop_tree(child);
    }
    kept_.clear();
}

HostLayer::Content HostLayer::content_of(const std::shared_ptr<HostNode>& node) {
    KnownContent& known = contents_[key_of(*node)];
    if (auto file = known.file.lock()) return {std::move(file), known.layered};
    mm::FileIdentity identity{.path = {},
                              .device_major = major(node->status().st_dev),
                              .device_minor = minor(node->status().st_dev),
                              .inode = node->status().st_ino};
    if (access_ == HostAccess::copy_on_write) {
        auto source = std::make_unique<LayeredSource>(node, budget_);
        known.layered = source.get();
        auto file = files_.open(std::move(source), std::move(identity));
        known.file = file;
        return {std::move(file), known.layered};
    }
    auto file = files_.open(std::make_unique<HostSource>(node, access_), std::move(identity));
    if (access_ == HostAccess::write_through) {
        const auto owner = std::make_shared<WrittenBack>(std::move(file));
        file = std::shared_ptr<mm::File>(owner, owner->file.get());
    }
    known = {file, nullptr};
    return {std::move(file), nullptr};
}

// A file that cannot be written says so to who asks for it alone, by fsync(2).
void HostLayer::write_back() {
    if (access_ != HostAccess::write_through) return;
    for (const auto& [key, known] : contents_) {
        if (const auto file = known.file.lock()) (void)file->write_back(0, file->page_count());
    }
}

struct stat HostLayer::status_of(const HostNode& node, struct stat in_memory) const {
    if (access_ != HostAccess::copy_on_write) {
        if (const auto now = node.status_now()) return *now;
    }
    in_memory.st_blksize = node.status().st_blksize;
    in_memory.st_blocks = node.status().st_blocks;
    return in_memory;
}

}  // namespace fl::kernel
