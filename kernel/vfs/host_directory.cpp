#include "kernel/vfs/host_directory.hpp"

#include "kernel/vfs/file_description.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <algorithm>

namespace fl::kernel {

HostDirectory::HostDirectory(HostLayer& layer, std::shared_ptr<HostNode> node)
    : Directory(layer.file_system(), node->status().st_mode & 07777, Owner{}, 0),
      layer_(layer),
      node_(std::move(node)) {
    take_identity(node_->status());
}

Result<std::shared_ptr<FileDescription>> HostDirectory::open(System& system, const DentryPointer& dentry, int flags) {
    if (auto readable = node_->check_readable(); !readable) return fail(readable.error());
    return Directory::open(system, dentry, flags);
}

// --- names -----------------------------------------------------------------------------------------------------------

DentryPointer HostDirectory::dentry_of(const DentryPointer& self, std::string_view name, std::shared_ptr<Inode> inode) {
    auto& slot = seen_[std::string(name)];
    if (auto known = slot.lock(); known != nullptr && known->inode == inode && known->parent == self) return known;
    auto dentry = std::make_shared<Dentry>(std::string(name), self, std::move(inode));
    slot = dentry;
    // What maps shows of it, also where nobody opened it by name (execve).
    if (RegularFile* file = dentry->inode->regular_file(); file != nullptr && file->file()->identity().path.empty()) {
        file->file()->set_path(dentry->path());
    }
    if (seen_.size() >= sweep_at_) {
        std::erase_if(seen_, [](const auto& entry) { return entry.second.expired(); });
        sweep_at_ = 2 * seen_.size() + 64;
    }
    return dentry;
}

// The host is asked each time, as it may have changed.
Result<DentryPointer> HostDirectory::child(const DentryPointer& self, std::string_view name) {
    if (const auto own = children_.find(name); own != children_.end()) return own->second;
    if (hidden_.contains(name)) return DentryPointer();
    const auto node = node_->child(name);
    if (!node && node.error() == Errno::enoent) return DentryPointer();
    if (!node) return fail(node.error());
    return dentry_of(self, name, layer_.inode_of(*node));
}

Result<DentryPointer> HostDirectory::lookup(const System&, const DentryPointer& self, std::string_view name) {
    return child(self, name);
}

DentryPointer HostDirectory::find(const System&, const DentryPointer& self, std::string_view name) {
    return child(self, name).value_or(nullptr);
}

std::uint64_t HostDirectory::position_of(const std::string& name) {
    const auto [place, is_new] = positions_.try_emplace(name, last_position_ + 1);
    if (is_new) ++last_position_;
    return place->second;
}

std::vector<DirectoryEntry> HostDirectory::list(const System&) {
    auto entries = node_->entries().value_or(std::vector<DirectoryEntry>{});
    std::erase_if(entries, [this](const DirectoryEntry& entry) {
        return hidden_.contains(entry.name) || children_.contains(entry.name);
    });
    for (const auto& [name, dentry] : children_) {
        entries.push_back({name, dentry->inode->number(), dentry->inode->mode() & S_IFMT, 0});
    }
    for (DirectoryEntry& entry : entries) entry.position = position_of(entry.name);
    std::sort(entries.begin(), entries.end(),
              [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.position < b.position; });
    return entries;
}

bool HostDirectory::is_empty() const {
    if (!children_.empty()) return false;
    const auto entries = node_->entries();
    return entries && std::all_of(entries->begin(), entries->end(),
                                  [this](const DirectoryEntry& entry) { return hidden_.contains(entry.name); });
}

void HostDirectory::add(const DentryPointer& child) {
    positions_.erase(child->name);
    if (writes_through()) {
        seen_[child->name] = child;
        return;
    }
    children_[child->name] = child;
    if (child->inode->directory() != nullptr) set_link_count(link_count() + 1);
    layer_.keep_change(*node_);
}

void HostDirectory::remove(const Dentry& child) {
    positions_.erase(child.name);
    seen_.erase(child.name);
    if (writes_through()) return;
    children_.erase(child.name);
    // Only what the host has needs to be hidden, so that names which come and go take no memory.
    if (node_->child(child.name)) hidden_.insert(child.name);
    if (child.inode->directory() != nullptr) set_link_count(link_count() - 1);
    layer_.keep_change(*node_);
    // Its other names show what is left of its links.
    if (const HostNode* node = child.inode->host_node(); node != nullptr) layer_.keep_change(*node);
}

void HostDirectory::mount(const DentryPointer& child) {
    positions_.erase(child->name);
    children_[child->name] = child;
    layer_.keep(*node_);
}

std::vector<DentryPointer> HostDirectory::take_children() {
    std::vector<DentryPointer> taken;
    for (auto& [name, child] : std::exchange(children_, {})) taken.push_back(child);
    return taken;
}

// --- the host's side -------------------------------------------------------------------------------------------------

struct stat HostDirectory::status() const {
    return layer_.status_of(*node_, Directory::status());
}

Result<void> HostDirectory::change_attributes(const AttributeChange& change, std::uint64_t now_ns) {
    if (writes_through()) {
        if (auto changed = node_->change_attributes(change); !changed) return changed;
    }
    layer_.keep_change(*node_);
    return Directory::change_attributes(change, now_ns);
}

Result<std::shared_ptr<Inode>> HostDirectory::create(System& system, std::string_view name, const NewInode& what) {
    if (!writes_through()) return Directory::create(system, name, what);
    const auto made = node_->create(name, what);
    if (!made) return fail(made.error());
    return layer_.inode_of(*made);
}

Result<void> HostDirectory::prepare_link(Inode& inode, std::string_view name) {
    if (!writes_through()) return {};
    const HostNode* file = inode.host_node();
    return file != nullptr ? node_->add_link(*file, name) : fail(Errno::exdev);
}

Result<void> HostDirectory::prepare_remove(const Dentry& child) {
    if (!writes_through()) return {};
    return node_->remove(child.name, child.inode->directory() != nullptr);
}

Result<void> HostDirectory::prepare_rename(const Dentry& child, Directory& to, std::string_view name, bool exchange) {
    if (!writes_through()) return {};
    const HostNode* target = to.host_node();
    return target != nullptr ? node_->rename(child.name, *target, name, exchange) : fail(Errno::exdev);
}

}  // namespace fl::kernel
