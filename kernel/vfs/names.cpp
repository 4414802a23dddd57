#include "kernel/vfs/names.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/vfs/regular_file.hpp"

namespace fl::kernel {

namespace {

// may_create(): a directory that is gone takes no names; the right to write comes before whether it can be done.
Result<void> check_create(const System& system, const Dentry& parent) {
    if (parent.unlinked) return fail(Errno::enoent);
    const auto allowed = parent.inode->check_access(credentials(system.task), may_write | may_exec);
    if (!allowed) return allowed;
    if (!parent.inode->directory()->is_writable()) return fail(Errno::eperm);
    return Inode::has_room(parent.inode->file_system()) ? Result<void>{} : fail(Errno::enospc);
}

// In a directory with the sticky bit only the owner of it or of the file removes a name.
bool is_sticky_for(const Task& task, const Inode& parent, const Inode& victim) {
    const bool owns = task.uid == 0 || task.uid == parent.owner().uid || task.uid == victim.owner().uid;
    return (parent.mode() & S_ISVTX) != 0 && !owns;
}

// may_delete(), and whether the file system can do it at all.
Result<void> check_remove(const System& system, const Dentry& parent, const Dentry& victim, bool as_directory) {
    const auto allowed = parent.inode->check_access(credentials(system.task), may_write | may_exec);
    if (!allowed) return allowed;
    if (is_sticky_for(system.task, *parent.inode, *victim.inode)) return fail(Errno::eperm);
    const bool is_directory = victim.inode->directory() != nullptr;
    if (as_directory && !is_directory) return fail(Errno::enotdir);
    if (!as_directory && is_directory) return fail(Errno::eisdir);
    if (as_directory && victim.is_mount_point()) return fail(Errno::ebusy);
    return parent.inode->directory()->is_writable() ? Result<void>{} : fail(Errno::eperm);
}

DentryPointer add_name(System& system, const LastComponent& last, std::shared_ptr<Inode> inode) {
    auto dentry = std::make_shared<Dentry>(last.name, last.parent, std::move(inode));
    last.parent->inode->directory()->add(dentry);
    last.parent->inode->modified_ns = last.parent->inode->changed_ns = system.clock.realtime_ns();
    return dentry;
}

// What maps shows of it; longer paths lose their beginning, so that names cannot fill the host's memory.
void name_mappings(const Dentry& dentry) {
    RegularFile* file = dentry.inode->regular_file();
    if (file == nullptr) return;
    std::string path = dentry.path();
    if (path.size() > max_path_bytes) path.erase(0, path.size() - max_path_bytes);
    file->file()->set_path(std::move(path));
}

void remove_name(System& system, const DentryPointer& victim) {
    Inode& parent = *victim->parent->inode;
    parent.directory()->remove(*victim);
    victim->unlinked = true;
    name_mappings(*victim);
    victim->inode->set_link_count(victim->inode->directory() != nullptr ? 0 : victim->inode->link_count() - 1);
    victim->inode->changed_ns = parent.modified_ns = parent.changed_ns = system.clock.realtime_ns();
}

}  // namespace

Result<LastComponent> find_new_name(const System& system, DentryPointer start, std::string_view path, NewName kind) {
    PathWalk walk(system, std::move(start));
    auto last = walk.parent_of(path);
    if (!last) return last;
    if (last->kind != LastComponent::Kind::name) return fail(Errno::eexist);
    const auto there = walk.child(*last);
    if (!there) return fail(there.error());
    if (*there != nullptr) return fail(Errno::eexist);
    if (last->trailing_slash && kind != NewName::directory) return fail(Errno::enoent);
    return last;
}

Result<DentryPointer> make_file(System& system, const LastComponent& last, mode_t mode) {
    const auto allowed = check_create(system, *last.parent);
    // A directory that takes no names answers open(2) with EACCES (lookup_open).
    if (!allowed) return fail(allowed.error() == Errno::eperm ? Errno::eacces : allowed.error());
    FileSystem& file_system = last.parent->inode->file_system();
    const mm::FileIdentity identity{.path = {},
                                    .device_major = file_system.device_major,
                                    .device_minor = file_system.device_minor,
                                    .inode = file_system.last_inode + 1};
    // tmpfs knows seals but gives its own files none to add.
    const bool is_tmpfs = file_system.file_kind == mm::FileKind::shared_memory;
    auto inode = std::make_shared<RegularFile>(file_system, mode & 07777 & ~system.task.fs.umask,
                                               credentials(system.task), system.clock.realtime_ns(),
                                               system.vfs.files().create(identity, file_system.file_kind),
                                               is_tmpfs ? std::optional<unsigned>(seal_seal) : std::nullopt);
    auto dentry = add_name(system, last, std::move(inode));
    name_mappings(*dentry);
    return dentry;
}

Result<void> make_directory(System& system, DentryPointer start, std::string_view path, mode_t mode) {
    const auto last = find_new_name(system, std::move(start), path, NewName::directory);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    const mode_t permissions = mode & 01777 & ~system.task.fs.umask;
    add_name(system, *last,
             std::make_shared<MemoryDirectory>(last->parent->inode->file_system(), permissions,
                                               credentials(system.task), system.clock.realtime_ns()));
    return {};
}

Result<void> make_link(System& system, DentryPointer start, std::string_view path, std::string target) {
    const auto last = find_new_name(system, std::move(start), path, NewName::other);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    add_name(system, *last,
             std::make_shared<MemoryLink>(last->parent->inode->file_system(), credentials(system.task),
                                          system.clock.realtime_ns(), std::move(target)));
    return {};
}

Result<void> remove_directory(System& system, DentryPointer start, std::string_view path) {
    PathWalk walk(system, std::move(start));
    const auto last = walk.parent_of(path);
    if (!last) return fail(last.error());
    switch (last->kind) {
        case LastComponent::Kind::dot_dot: return fail(Errno::enotempty);
        case LastComponent::Kind::dot: return fail(Errno::einval);
        case LastComponent::Kind::root: return fail(Errno::ebusy);
        case LastComponent::Kind::name: break;
    }
    const auto victim = walk.child(*last);
    if (!victim) return fail(victim.error());
    if (*victim == nullptr) return fail(Errno::enoent);
    if (auto allowed = check_remove(system, *last->parent, **victim, true); !allowed) return allowed;
    if (!(*victim)->inode->directory()->is_empty()) return fail(Errno::enotempty);
    remove_name(system, *victim);
    return {};
}

Result<void> remove_file(System& system, DentryPointer start, std::string_view path) {
    PathWalk walk(system, std::move(start));
    const auto last = walk.parent_of(path);
    if (!last) return fail(last.error());
    if (last->kind != LastComponent::Kind::name) return fail(Errno::eisdir);
    const auto victim = walk.child(*last);
    if (!victim) return fail(victim.error());
    if (*victim == nullptr) return fail(Errno::enoent);
    if (last->trailing_slash) {
        return fail((*victim)->inode->directory() != nullptr ? Errno::eisdir : Errno::enotdir);
    }
    if (auto allowed = check_remove(system, *last->parent, **victim, false); !allowed) return allowed;
    remove_name(system, *victim);
    return {};
}

}  // namespace fl::kernel
