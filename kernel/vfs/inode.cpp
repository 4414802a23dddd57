#include "kernel/vfs/inode.hpp"

#include "emu/address.hpp"
#include "kernel/vfs/file_description.hpp"

#include <sys/sysmacros.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;
constexpr std::uint64_t bytes_per_entry = 20;  // BOGO_DIRENT_SIZE (mm/shmem.c)

timespec time_of(std::uint64_t ns) {
    return {static_cast<time_t>(ns / ns_per_second), static_cast<long>(ns % ns_per_second)};
}

}  // namespace

dev_t FileSystem::device() const { return ::makedev(device_major, device_minor); }

Inode::Inode(FileSystem& file_system, mode_t mode, Owner owner, std::uint64_t now_ns)
    : accessed_ns(now_ns),
      modified_ns(now_ns),
      changed_ns(now_ns),
      file_system_(file_system),
      number_(++file_system.last_inode),
      mode_(mode),
      owner_(owner) {
    ++file_system_.inode_count;
}

Inode::~Inode() { --file_system_.inode_count; }

struct stat Inode::status() const {
    struct stat status {};
    status.st_dev = file_system_.device();
    status.st_ino = number_;
    status.st_nlink = link_count_;
    status.st_mode = mode_;
    status.st_uid = owner_.uid;
    status.st_gid = owner_.gid;
    status.st_rdev = rdev_;
    status.st_size = static_cast<off_t>(size_bytes());
    status.st_blksize = file_system_.block_bytes;
    status.st_blocks = static_cast<blkcnt_t>(page_count() * (page_size / 512));
    status.st_atim = time_of(accessed_ns);
    status.st_mtim = time_of(modified_ns);
    status.st_ctim = time_of(changed_ns);
    return status;
}

Result<void> Inode::check_access(Owner who, unsigned wanted) const {
    // Root may do everything but execute what nobody may.
    if (who.uid == 0) {
        const bool executable = S_ISDIR(mode_) || (mode_ & 0111) != 0;
        return (wanted & may_exec) == 0 || executable ? Result<void>{} : fail(Errno::eacces);
    }
    const unsigned shift = who.uid == owner_.uid ? 6 : who.gid == owner_.gid ? 3 : 0;
    const unsigned granted = mode_ >> shift & 7;
    return (wanted & ~granted) == 0 ? Result<void>{} : fail(Errno::eacces);
}

// A chain of directories that nothing else refers to ends one by one, and not one inside the other.
Dentry::~Dentry() {
    DentryPointer above = std::move(parent);
    while (above != nullptr && above.use_count() == 1) above = std::move(above->parent);
}

std::string Dentry::path() const {
    const std::string end = unlinked ? " (deleted)" : "";
    if (parent == nullptr) return "/" + name + end;
    std::vector<const Dentry*> below_root;
    for (const Dentry* at = this; at->parent != nullptr; at = at->parent.get()) below_root.push_back(at);
    std::string text;
    for (auto at = below_root.rbegin(); at != below_root.rend(); ++at) text += "/" + (*at)->name;
    return text + end;
}

bool Dentry::is_mount_point() const {
    return parent != nullptr && &parent->inode->file_system() != &inode->file_system() && S_ISDIR(inode->mode());
}

void Directory::add(const DentryPointer&) {}
void Directory::remove(const Dentry&) {}

Result<std::shared_ptr<FileDescription>> Directory::open(System&, const DentryPointer& dentry, int flags) {
    return std::make_shared<DirectoryDescription>(dentry, flags);
}

// Only O_PATH opens a link itself.
Result<std::shared_ptr<FileDescription>> SymbolicLink::open(System&, const DentryPointer&, int) {
    return fail(Errno::eloop);
}

Result<SymbolicLink::Target> SymbolicLink::follow(const System& system) const {
    auto path = text(system);
    if (!path) return fail(path.error());
    return Target(std::move(*path));
}

DentryPointer MemoryDirectory::find(const System&, const DentryPointer&, std::string_view name) {
    const auto found = children_.find(name);
    return found == children_.end() ? nullptr : found->second;
}

std::vector<DirectoryEntry> MemoryDirectory::list(const System&) {
    std::vector<DirectoryEntry> entries;
    for (const auto& [name, child] : children_) {
        entries.push_back({name, child->inode->number(), child->inode->mode() & S_IFMT, child->position});
    }
    std::sort(entries.begin(), entries.end(),
              [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.position < b.position; });
    return entries;
}

void MemoryDirectory::add(const DentryPointer& child) {
    child->position = ++last_position_;
    children_[child->name] = child;
    if (child->inode->directory() != nullptr) set_link_count(link_count() + 1);
}

void MemoryDirectory::remove(const Dentry& child) {
    if (child.inode->directory() != nullptr) set_link_count(link_count() - 1);
    children_.erase(child.name);
}

std::uint64_t MemoryDirectory::size_bytes() const { return (children_.size() + 2) * bytes_per_entry; }

void drop_tree(const DentryPointer& root) {
    std::vector<DentryPointer> all = {root};
    for (std::size_t i = 0; i < all.size(); ++i) {
        auto* directory = dynamic_cast<MemoryDirectory*>(all[i]->inode.get());
        if (directory == nullptr) continue;
        for (auto& [name, child] : directory->take_children()) all.push_back(std::move(child));
    }
    // From the leaves, so that each goes before what it refers to.
    while (!all.empty()) all.pop_back();
}

}  // namespace fl::kernel
