#include "kernel/vfs/vfs.hpp"

#include "kernel/vfs/devices.hpp"
#include "kernel/vfs/host_directory.hpp"
#include "kernel/vfs/regular_file.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

// Calls use(name) for each component of an absolute path without "." and "..".
template <class Use>
void for_each_component(std::string_view path, Use&& use) {
    while (!path.empty()) {
        path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
        const std::string_view name = path.substr(0, path.find('/'));
        if (!name.empty()) use(std::string(name));
        path.remove_prefix(name.size());
    }
}

// nullptr: there is none, or it cannot be had. The directory is in memory or the host's.
DentryPointer child_of(const DentryPointer& parent, std::string_view name) {
    if (auto* host = dynamic_cast<HostDirectory*>(parent->inode.get())) {
        return host->child(parent, name).value_or(nullptr);
    }
    auto* memory = dynamic_cast<MemoryDirectory*>(parent->inode.get());
    if (memory == nullptr) return nullptr;
    const auto known = memory->children().find(name);
    return known != memory->children().end() ? known->second : nullptr;
}

// Whether names can be put there that are in memory alone.
bool takes_names(const Dentry& dentry) {
    Inode* inode = dentry.inode.get();
    return dynamic_cast<MemoryDirectory*>(inode) != nullptr || dynamic_cast<HostDirectory*>(inode) != nullptr;
}

bool is_same_file(const Inode& inode, const struct stat& host_status) {
    const struct stat status = inode.status();
    return S_ISREG(status.st_mode) && status.st_dev == host_status.st_dev && status.st_ino == host_status.st_ino;
}

constexpr std::uint64_t ramfs_magic = 0x8584'58f6, tmpfs_magic = 0x0102'1994;

}  // namespace

Vfs::Vfs(mm::FileRegistry& files, PageCount memory, std::uint64_t now_ns)
    : files_(files),
      now_ns_(now_ns),
      memory_(memory),
      root_fs_{"rootfs", 0, 2, ramfs_magic, memory.value() / 2},
      device_fs_{"devtmpfs", 0, 6, tmpfs_magic, memory.value() / 2},
      shared_fs_{"tmpfs", 0, 25, tmpfs_magic, memory.value() / 2, mm::FileKind::shared_memory},
      nameless_fs_{"tmpfs", 0, 1, tmpfs_magic, memory.value() / 2, mm::FileKind::shared_memory},
      proc_(memory.value() / 2, now_ns),
      root_(std::make_shared<Dentry>("", nullptr, std::make_shared<MemoryDirectory>(root_fs_, 0755, Owner{}, now_ns))) {
    add_proc_files(proc_);
    add(root_, "proc", proc_.root());
    add(root_, "sys", proc_.sys_root());
    const DentryPointer dev = add_directory(root_, "dev", device_fs_, 0755);
    const auto device = [&](const char* name, Device which) { add(dev, name, make_device(device_fs_, now_ns, which)); };
    device("null", Device::null);
    device("zero", Device::zero);
    device("full", Device::full);
    device("random", Device::random);
    device("urandom", Device::urandom);
    device("kmsg", Device::kmsg);
    device("tty", Device::tty);
    const auto link = [&](const char* name, const char* target) {
        add(dev, name, std::make_shared<MemoryLink>(device_fs_, Owner{}, now_ns, target));
    };
    link("fd", "/proc/self/fd");
    link("stdin", "/proc/self/fd/0");
    link("stdout", "/proc/self/fd/1");
    link("stderr", "/proc/self/fd/2");
    add_directory(dev, "shm", shared_fs_, 01777);
    const DentryPointer etc = add_directory(root_, "etc", root_fs_, 0755);
    add_text(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\n");
    add_text(etc, "hosts", "127.0.0.1\tlocalhost\n");
    add_directory(root_, "tmp", root_fs_, 01777);
}

Vfs::~Vfs() { (void)take_apart(); }

void Vfs::account_to(mm::PhysicalMemory& memory) {
    for (FileSystem* file_system : {&root_fs_, &device_fs_, &shared_fs_, &nameless_fs_}) {
        file_system->memory = &memory;
    }
    for (const auto& layer : layers_) layer->file_system().memory = &memory;
}

std::uint64_t Vfs::take_apart() {
    if (root_ != nullptr) drop_tree(std::exchange(root_, nullptr));
    for (const auto& layer : layers_) layer->clear();
    return root_fs_.inode_count + device_fs_.inode_count + shared_fs_.inode_count + nameless_fs_.inode_count;
}

// Over whatever had the name.
DentryPointer Vfs::add(const DentryPointer& parent, std::string name, std::shared_ptr<Inode> inode) {
    auto dentry = std::make_shared<Dentry>(std::move(name), parent, std::move(inode));
    if (dentry->is_mount_point()) mounts_.push_back(dentry);
    Directory& directory = *parent->inode->directory();
    if (auto* host = dynamic_cast<HostDirectory*>(&directory)) {
        host->mount(dentry);
        return dentry;
    }
    if (const auto before = child_of(parent, dentry->name)) {
        directory.remove(*before);
        drop_tree(before);
    }
    directory.add(dentry);
    return dentry;
}

std::vector<DentryPointer> Vfs::mount_points() const {
    std::vector<DentryPointer> points{root_};
    for (const auto& mount : mounts_) {
        if (auto dentry = mount.lock(); dentry != nullptr && dentry->is_mount_point()) points.push_back(dentry);
    }
    return points;
}

void Vfs::add_text(const DentryPointer& parent, std::string name, std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    mm::FileIdentity identity{.path = parent->path() + "/" + name,
                              .device_major = root_fs_.device_major,
                              .device_minor = root_fs_.device_minor,
                              .inode = root_fs_.last_inode + 1};
    auto file = files_.open(mm::memory_file_source({bytes.begin(), bytes.end()}), std::move(identity));
    add(parent, std::move(name),
        std::make_shared<RegularFile>(root_fs_, 0644, Owner{}, now_ns_, std::move(file), std::nullopt));
}

DentryPointer Vfs::add_directory(const DentryPointer& parent, std::string name, FileSystem& file_system, mode_t mode) {
    return add(parent, std::move(name), std::make_shared<MemoryDirectory>(file_system, mode, Owner{}, now_ns_));
}

DentryPointer Vfs::make_directories(std::string_view path) {
    DentryPointer at = root_;
    for_each_component(path, [&](const std::string& name) {
        if (at == nullptr) return;
        if (auto known = child_of(at, name)) {
            at = std::move(known);
        } else {
            at = takes_names(*at) ? add_directory(at, name, at->inode->file_system(), 0755) : nullptr;
        }
    });
    return at != nullptr && at->inode->directory() != nullptr ? at : nullptr;
}

DentryPointer Vfs::add_executable(const std::string& path, const struct stat& host_status,
                                  std::shared_ptr<mm::File> file) {
    const std::size_t slash = path.rfind('/');
    const DentryPointer parent = slash == std::string::npos ? nullptr : make_directories(path.substr(0, slash));
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    const bool has_place = parent != nullptr && takes_names(*parent);
    if (has_place) {
        if (auto there = child_of(parent, name); there != nullptr && is_same_file(*there->inode, host_status)) {
            if (RegularFile* known = there->inode->regular_file()) known->set_executed();
            return there;
        }
    }
    FileSystem& file_system = has_place ? parent->inode->file_system() : root_fs_;
    auto inode = std::make_shared<ExecutableFile>(file_system, host_status, std::move(file));
    if (!has_place) return std::make_shared<Dentry>(name, nullptr, std::move(inode));
    return add(parent, name, std::move(inode));
}

// eventpoll_init(): a twenty-fifth of memory, at what an item costs Linux.
std::uint64_t Vfs::max_epoll_items() const {
    constexpr std::uint64_t part = 25, item_bytes = 192;
    return memory_.bytes() / part / item_bytes;
}

void Vfs::write_back() {
    for (const auto& layer : layers_) layer->write_back();
}

// --- what is shown of the host ---------------------------------------------------------------------------------------

HostLayer& Vfs::add_layer(HostAccess access, const std::shared_ptr<HostNode>& node) {
    constexpr std::uint32_t first_minor = 40;
    const auto minor = first_minor + static_cast<std::uint32_t>(layers_.size());
    FileSystem file_system{access == HostAccess::copy_on_write ? "overlay" : "bind", 0, minor, ramfs_magic,
                           memory_.value() / 2};
    file_system.host_folder = node->descriptor();
    layers_.push_back(std::make_unique<HostLayer>(files_, access, file_system, memory_.value()));
    return *layers_.back();
}

void Vfs::mount_root(const HostRoot& root) {
    HostLayer& layer = add_layer(HostAccess::copy_on_write, root.node);
    const auto top = layer.inode_of(root.node);
    auto* directory = dynamic_cast<HostDirectory*>(top.get());
    FL_ASSERT(directory != nullptr);  // open_host_root() takes nothing else
    const auto old_root = std::exchange(root_, std::make_shared<Dentry>("", nullptr, top));
    for (const char* const name : {"proc", "sys", "dev", "tmp"}) {
        const DentryPointer child = child_of(old_root, name);
        old_root->inode->directory()->remove(*child);
        child->parent = root_;
        directory->mount(child);
    }
    drop_tree(old_root);
}

tl::expected<void, std::string> Vfs::mount_bind(const HostBind& bind) {
    const auto refuse = [&bind](const std::string& where) {
        return tl::unexpected(fmt::format("--bind: nothing can be put at {}: {} is not a directory that takes names",
                                          bind.guest_path, where));
    };
    std::vector<std::string> names;
    for_each_component(bind.guest_path, [&names](const std::string& name) { names.push_back(name); });
    std::string above;
    for (std::size_t i = 0; i + 1 < names.size(); ++i) above += "/" + names[i];
    const DentryPointer parent = make_directories(above);
    if (parent == nullptr || !takes_names(*parent)) return refuse(above);
    HostLayer& layer = add_layer(bind.writable ? HostAccess::write_through : HostAccess::read_only, bind.node);
    const DentryPointer place = add(parent, names.back(), layer.inode_of(bind.node));
    if (RegularFile* file = place->inode->regular_file()) file->file()->set_path(place->path());
    return {};
}

tl::expected<void, std::string> Vfs::mount(const HostTree& tree) {
    if (tree.root) mount_root(*tree.root);
    for (const HostBind& bind : tree.binds) {
        if (auto mounted = mount_bind(bind); !mounted) return mounted;
    }
    return {};
}

}  // namespace fl::kernel
