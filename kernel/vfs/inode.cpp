#include "kernel/vfs/inode.hpp"

#include "emu/address.hpp"
#include "kernel/vfs/fifo.hpp"
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

// Before 1970 there is nothing here.
std::uint64_t ns_of(const timespec& time) {
    if (time.tv_sec < 0) return 0;
    return static_cast<std::uint64_t>(time.tv_sec) * ns_per_second + static_cast<std::uint64_t>(time.tv_nsec);
}

}  // namespace

dev_t FileSystem::device() const { return ::makedev(device_major, device_minor); }

namespace {

// Without memory for it the object is empty: who makes a new file asks afterwards, and who finds one goes without.
mm::SlabObject object_or_none(mm::PhysicalMemory& memory, mm::KernelObject kind) {
    auto object = mm::new_kernel_object(memory, kind);
    return object ? std::move(*object) : mm::SlabObject();
}

mm::KernelObject object_kind(const FileSystem& file_system) {
    return file_system.file_kind == mm::FileKind::shared_memory ? mm::KernelObject::shmem_inode_cache
                                                                : mm::KernelObject::inode_cache;
}

}  // namespace

Inode::Inode(FileSystem& file_system, mode_t mode, Owner owner, std::uint64_t now_ns)
    : accessed_ns(now_ns),
      modified_ns(now_ns),
      changed_ns(now_ns),
      file_system_(file_system),
      number_(++file_system.last_inode),
      mode_(mode),
      owner_(owner),
      device_(file_system.device()) {
    ++file_system_.inode_count;
    if (file_system.memory != nullptr) object_ = object_or_none(*file_system.memory, object_kind(file_system));
}

Inode::~Inode() { --file_system_.inode_count; }

struct stat Inode::status() const {
    struct stat status {};
    status.st_dev = device_;
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

void Inode::take_identity(const struct stat& host_status) {
    device_ = host_status.st_dev;
    number_ = host_status.st_ino;
    owner_ = Owner{host_status.st_uid, host_status.st_gid};
    link_count_ = static_cast<std::uint32_t>(host_status.st_nlink);
    accessed_ns = ns_of(host_status.st_atim);
    modified_ns = ns_of(host_status.st_mtim);
    changed_ns = ns_of(host_status.st_ctim);
}

Result<void> Inode::change_attributes(const AttributeChange& change, std::uint64_t now_ns) {
    if (change.permissions) mode_ = (mode_ & S_IFMT) | *change.permissions;
    owner_ = Owner{change.uid.value_or(owner_.uid), change.gid.value_or(owner_.gid)};
    accessed_ns = change.accessed_ns.value_or(accessed_ns);
    modified_ns = change.modified_ns.value_or(modified_ns);
    changed_ns = now_ns;
    return {};
}

Dentry::Dentry(std::string dentry_name, DentryPointer dentry_parent, std::shared_ptr<Inode> dentry_inode)
    : name(std::move(dentry_name)), parent(std::move(dentry_parent)), inode(std::move(dentry_inode)) {
    mm::PhysicalMemory* memory = inode->file_system().memory;
    if (memory != nullptr) object_ = object_or_none(*memory, mm::KernelObject::dentry);
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
    return parent != nullptr && &parent->inode->file_system() != &inode->file_system();
}

void Directory::add(const DentryPointer&) {}
void Directory::remove(const Dentry&) {}

Result<std::shared_ptr<FileDescription>> Directory::open(System&, const DentryPointer& dentry, int flags) {
    return std::make_shared<DirectoryDescription>(dentry, flags);
}

Result<std::shared_ptr<FileDescription>> SpecialNode::open(System& system, const DentryPointer& dentry, int flags) {
    return S_ISFIFO(mode()) ? open_fifo(system, dentry, flags) : fail(Errno::enxio);
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

std::vector<DentryPointer> MemoryDirectory::take_children() {
    std::vector<DentryPointer> taken;
    for (auto& [name, child] : std::exchange(children_, {})) taken.push_back(child);
    return taken;
}

std::uint64_t MemoryDirectory::size_bytes() const { return (children_.size() + 2) * bytes_per_entry; }

void drop_tree(const DentryPointer& root) {
    std::vector<DentryPointer> all = {root};
    for (std::size_t i = 0; i < all.size(); ++i) {
        Directory* directory = all[i]->inode->directory();
        if (directory == nullptr) continue;
        for (DentryPointer& child : directory->take_children()) all.push_back(std::move(child));
    }
    // From the leaves, so that each goes before what it refers to.
    while (!all.empty()) all.pop_back();
}

}  // namespace fl::kernel
