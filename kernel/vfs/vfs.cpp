#include "kernel/vfs/vfs.hpp"

#include "kernel/vfs/devices.hpp"
#include "kernel/vfs/regular_file.hpp"

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

constexpr std::uint64_t ramfs_magic = 0x8584'58f6, tmpfs_magic = 0x0102'1994;

}  // namespace

Vfs::Vfs(mm::FileRegistry& files, PageCount memory, std::uint64_t now_ns)
    : files_(files),
      now_ns_(now_ns),
      root_fs_{"rootfs", 0, 2, ramfs_magic, memory.value() / 2},
      device_fs_{"devtmpfs", 0, 6, tmpfs_magic, memory.value() / 2},
      shared_fs_{"tmpfs", 0, 25, tmpfs_magic, memory.value() / 2, mm::FileKind::shared_memory},
      nameless_fs_{"tmpfs", 0, 1, tmpfs_magic, memory.value() / 2, mm::FileKind::shared_memory},
      proc_(memory.value() / 2, now_ns),
      root_(std::make_shared<Dentry>("", nullptr, std::make_shared<MemoryDirectory>(root_fs_, 0755, Owner{}, now_ns))) {
    add_proc_files(proc_);
    add(root_, "proc", proc_.root());
    const DentryPointer dev = add_directory(root_, "dev", device_fs_, 0755);
    const auto device = [&](const char* name, Device which) { add(dev, name, make_device(device_fs_, now_ns, which)); };
    device("null", Device::null);
    device("zero", Device::zero);
    device("full", Device::full);
    device("random", Device::random);
    device("urandom", Device::urandom);
    device("tty", Device::tty);
    add_directory(dev, "shm", shared_fs_, 01777);
    const DentryPointer etc = add_directory(root_, "etc", root_fs_, 0755);
    add_text(etc, "passwd", "root:x:0:0:root:/root:/bin/sh\n");
    add_text(etc, "hosts", "127.0.0.1\tlocalhost\n");
    add_directory(root_, "tmp", root_fs_, 01777);
}

Vfs::~Vfs() { drop_tree(std::exchange(root_, nullptr)); }

DentryPointer Vfs::add(const DentryPointer& parent, std::string name, std::shared_ptr<Inode> inode) {
    auto dentry = std::make_shared<Dentry>(std::move(name), parent, std::move(inode));
    parent->inode->directory()->add(dentry);
    return dentry;
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
        auto* directory = at != nullptr ? dynamic_cast<MemoryDirectory*>(at->inode.get()) : nullptr;
        if (directory == nullptr) {
            at = nullptr;
        } else if (const auto known = directory->children().find(name); known != directory->children().end()) {
            at = known->second;
        } else {
            at = add_directory(at, name, directory->file_system(), 0755);
        }
    });
    return at != nullptr && at->inode->directory() != nullptr ? at : nullptr;
}

DentryPointer Vfs::add_executable(const std::string& path, const struct stat& host_status,
                                  std::shared_ptr<mm::File> file) {
    auto inode = std::make_shared<ExecutableFile>(root_fs_, host_status, std::move(file));
    const std::size_t slash = path.rfind('/');
    const DentryPointer parent = slash == std::string::npos ? nullptr : make_directories(path.substr(0, slash));
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (parent == nullptr || dynamic_cast<MemoryDirectory*>(parent->inode.get()) == nullptr) {
        return std::make_shared<Dentry>(name, nullptr, std::move(inode));
    }
    return add(parent, name, std::move(inode));
}

}  // namespace fl::kernel
