#include "kernel/vfs/names.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/vfs/regular_file.hpp"

namespace fl::kernel {

namespace {

// may_create(): a directory that is gone takes no names; the right to write comes before whether it can be done.
Result<void> check_create(const System& system, const Dentry& parent) {
    if (parent.unlinked) return fail(Errno::enoent);
    if (parent.inode->file_system().read_only) return fail(Errno::erofs);
    const auto allowed = parent.inode->check_access(credentials(system.task), may_write | may_exec);
    if (!allowed) return allowed;
    if (!parent.inode->directory()->is_writable()) return fail(Errno::eperm);
    return Inode::has_room(parent.inode->file_system()) ? Result<void>{} : fail(Errno::enospc);
}

// In a directory with the sticky bit only the owner of it or of the file removes a name.
bool is_sticky_for(const Task& task, const Inode& parent, const Inode& victim) {
    const std::uint32_t user = task.credentials.user.file_system;
    const bool owns =
        user == parent.owner().uid || user == victim.owner().uid || task.credentials.may(Capability::fowner);
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
    if (victim.is_mount_point()) return fail(Errno::ebusy);
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

// A name for a new inode.
Result<DentryPointer> make_name(System& system, const LastComponent& last, const NewInode& what) {
    auto inode = last.parent->inode->directory()->create(system, last.name, what);
    if (!inode) return fail(inode.error());
    return add_name(system, last, std::move(*inode));
}

// Its directory has agreed to it.
void forget_name(System& system, const DentryPointer& victim) {
    Inode& parent = *victim->parent->inode;
    parent.directory()->remove(*victim);
    victim->unlinked = true;
    const std::uint32_t links = victim->inode->link_count();
    victim->inode->set_link_count(victim->inode->directory() != nullptr || links == 0 ? 0 : links - 1);
    if (victim->inode->link_count() == 0) name_mappings(*victim);
    victim->inode->changed_ns = parent.modified_ns = parent.changed_ns = system.clock.realtime_ns();
}

Result<void> remove_name(System& system, const DentryPointer& victim) {
    if (auto agreed = victim->parent->inode->directory()->prepare_remove(*victim); !agreed) return agreed;
    forget_name(system, victim);
    return {};
}

bool is_at_or_below(const Dentry* dentry, const Dentry& top) {
    while (dentry != nullptr && dentry != &top) dentry = dentry->parent.get();
    return dentry != nullptr;
}

// One side of a rename: a name, and what is there.
struct RenameEnd {
    LastComponent last;
    DentryPointer dentry;  // nullptr: nothing yet
    bool is_directory() const { return dentry != nullptr && dentry->inode->directory() != nullptr; }
};

// do_renameat2(), as far as it looks at the names.
Result<void> check_rename_names(const RenameEnd& from, const RenameEnd& to, RenameKind kind) {
    if (from.dentry == nullptr) return fail(Errno::enoent);
    if (kind == RenameKind::no_replace && to.dentry != nullptr) return fail(Errno::eexist);
    if (kind == RenameKind::exchange) {
        if (to.dentry == nullptr) return fail(Errno::enoent);
        if (!to.is_directory() && to.last.trailing_slash) return fail(Errno::enotdir);
    }
    if (!from.is_directory()) {
        if (from.last.trailing_slash) return fail(Errno::enotdir);
        if (kind != RenameKind::exchange && to.last.trailing_slash) return fail(Errno::enotdir);
    }
    if (is_at_or_below(to.last.parent.get(), *from.dentry)) return fail(Errno::einval);
    if (to.dentry != nullptr && is_at_or_below(from.last.parent.get(), *to.dentry)) {
        return fail(kind == RenameKind::exchange ? Errno::einval : Errno::enotempty);
    }
    return {};
}

// vfs_rename(): the rights, and what stands in the way.
Result<void> check_rename_rights(const System& system, const RenameEnd& from, const RenameEnd& to, RenameKind kind) {
    const bool swaps = kind == RenameKind::exchange;
    const auto taken = check_remove(system, *from.last.parent, *from.dentry, from.is_directory());
    if (!taken) return taken;
    const auto given = to.dentry == nullptr ? check_create(system, *to.last.parent)
                                            : check_remove(system, *to.last.parent, *to.dentry,
                                                           swaps ? to.is_directory() : from.is_directory());
    if (!given) return given;
    // Its ".." changes.
    const auto may_move = [&](const RenameEnd& end) {
        return end.is_directory() ? end.dentry->inode->check_access(credentials(system.task), may_write)
                                  : Result<void>{};
    };
    if (from.last.parent != to.last.parent) {
        if (auto allowed = may_move(from); !allowed) return allowed;
        if (auto allowed = swaps ? may_move(to) : Result<void>{}; !allowed) return allowed;
    }
    if (!swaps && to.is_directory() && !to.dentry->inode->directory()->is_empty()) return fail(Errno::enotempty);
    return {};
}

void take_out(const Dentry& dentry) { dentry.parent->inode->directory()->remove(dentry); }

void put_in(System& system, const DentryPointer& dentry, const LastComponent& place) {
    dentry->name = place.name;
    dentry->parent = place.parent;
    place.parent->inode->directory()->add(dentry);
    place.parent->inode->modified_ns = place.parent->inode->changed_ns = system.clock.realtime_ns();
    dentry->inode->changed_ns = system.clock.realtime_ns();
    name_mappings(*dentry);
}

// All is checked.
Result<void> move_name(System& system, const RenameEnd& from, const RenameEnd& to, RenameKind kind) {
    Inode& from_directory = *from.last.parent->inode;
    const bool swaps = kind == RenameKind::exchange;
    const auto agreed = from_directory.directory()->prepare_rename(*from.dentry, *to.last.parent->inode->directory(),
                                                                   to.last.name, swaps);
    if (!agreed) return agreed;
    from_directory.modified_ns = from_directory.changed_ns = system.clock.realtime_ns();
    take_out(*from.dentry);
    if (swaps) {
        take_out(*to.dentry);
        put_in(system, to.dentry, from.last);
    } else if (to.dentry != nullptr) {
        forget_name(system, to.dentry);
    }
    put_in(system, from.dentry, to.last);
    return {};
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
    auto dentry = make_name(system, last, {S_IFREG | (mode & 07777 & ~system.task.fs->umask)});
    if (dentry) name_mappings(**dentry);
    return dentry;
}

Result<DentryPointer> make_nameless_file(System& system, const DentryPointer& directory, mode_t mode, NameLater kind) {
    const auto allowed = check_create(system, *directory);
    if (!allowed) return fail(allowed.error() == Errno::eperm ? Errno::eopnotsupp : allowed.error());
    if (directory->inode->directory()->is_of_host()) return fail(Errno::eopnotsupp);
    auto inode = make_regular_file(system, directory->inode->file_system(), mode & 07777 & ~system.task.fs->umask);
    inode->set_link_count(0);
    if (kind == NameLater::may_get_name) inode->set_linkable();
    auto dentry = std::make_shared<Dentry>("#" + std::to_string(inode->number()), directory, std::move(inode));
    dentry->unlinked = true;
    name_mappings(*dentry);
    return dentry;
}

Result<void> make_directory(System& system, DentryPointer start, std::string_view path, mode_t mode) {
    const auto last = find_new_name(system, std::move(start), path, NewName::directory);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    const auto made = make_name(system, *last, {S_IFDIR | (mode & 01777 & ~system.task.fs->umask)});
    return made ? Result<void>{} : fail(made.error());
}

Result<void> make_link(System& system, DentryPointer start, std::string_view path, std::string target) {
    const auto last = find_new_name(system, std::move(start), path, NewName::other);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    const auto made = make_name(system, *last, {S_IFLNK | 0777, std::move(target)});
    return made ? Result<void>{} : fail(made.error());
}

Result<void> make_node(System& system, DentryPointer start, std::string_view path, mode_t mode) {
    const auto last = find_new_name(system, std::move(start), path, NewName::other);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    // Devices of the program's own making are not ours to give.
    if (S_ISCHR(mode) || S_ISBLK(mode)) return fail(Errno::eperm);
    const mode_t type = (mode & S_IFMT) == 0 ? S_IFREG : mode & S_IFMT;
    auto made = make_name(system, *last, {type | (mode & 07777 & ~system.task.fs->umask)});
    if (!made) return fail(made.error());
    name_mappings(**made);
    return {};
}

Result<void> link_file(System& system, const DentryPointer& old, DentryPointer start, std::string_view path) {
    const auto last = find_new_name(system, std::move(start), path, NewName::other);
    if (!last) return fail(last.error());
    Inode& inode = *old->inode;
    Inode& parent = *last->parent->inode;
    if (parent.file_system().read_only) return fail(Errno::erofs);
    if (&inode.file_system() != &parent.file_system()) return fail(Errno::exdev);
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    if (inode.directory() != nullptr) return fail(Errno::eperm);
    RegularFile* file = inode.regular_file();
    if (inode.link_count() == 0 && (file == nullptr || !file->is_linkable())) return fail(Errno::enoent);
    if (auto agreed = parent.directory()->prepare_link(inode, last->name); !agreed) return agreed;
    inode.set_link_count(inode.link_count() + 1);
    inode.changed_ns = system.clock.realtime_ns();
    add_name(system, *last, old->inode);
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
    if (last->parent->inode->file_system().read_only) return fail(Errno::erofs);
    const auto victim = walk.child(*last);
    if (!victim) return fail(victim.error());
    if (*victim == nullptr) return fail(Errno::enoent);
    if (auto allowed = check_remove(system, *last->parent, **victim, true); !allowed) return allowed;
    if (!(*victim)->inode->directory()->is_empty()) return fail(Errno::enotempty);
    return remove_name(system, *victim);
}

Result<void> remove_file(System& system, DentryPointer start, std::string_view path) {
    PathWalk walk(system, std::move(start));
    const auto last = walk.parent_of(path);
    if (!last) return fail(last.error());
    if (last->kind != LastComponent::Kind::name) return fail(Errno::eisdir);
    if (last->parent->inode->file_system().read_only) return fail(Errno::erofs);
    const auto victim = walk.child(*last);
    if (!victim) return fail(victim.error());
    if (*victim == nullptr) return fail(Errno::enoent);
    if (last->trailing_slash) {
        return fail((*victim)->inode->directory() != nullptr ? Errno::eisdir : Errno::enotdir);
    }
    if (auto allowed = check_remove(system, *last->parent, **victim, false); !allowed) return allowed;
    return remove_name(system, *victim);
}

Result<void> rename_path(System& system, const PathFrom& old_path, const PathFrom& new_path, RenameKind kind) {
    PathWalk from_walk(system, old_path.start), to_walk(system, new_path.start);
    auto from_last = from_walk.parent_of(old_path.path);
    if (!from_last) return fail(from_last.error());
    auto to_last = to_walk.parent_of(new_path.path);
    if (!to_last) return fail(to_last.error());
    const Inode& from_directory = *from_last->parent->inode;
    if (&from_directory.file_system() != &to_last->parent->inode->file_system()) return fail(Errno::exdev);
    if (from_last->kind != LastComponent::Kind::name) return fail(Errno::ebusy);
    if (to_last->kind != LastComponent::Kind::name) {
        return fail(kind == RenameKind::no_replace ? Errno::eexist : Errno::ebusy);
    }
    if (from_directory.file_system().read_only) return fail(Errno::erofs);
    auto from_dentry = from_walk.child(*from_last);
    if (!from_dentry) return fail(from_dentry.error());
    auto to_dentry = to_walk.child(*to_last);
    if (!to_dentry) return fail(to_dentry.error());
    const RenameEnd from{std::move(*from_last), std::move(*from_dentry)},
        to{std::move(*to_last), std::move(*to_dentry)};
    if (auto checked = check_rename_names(from, to, kind); !checked) return checked;
    if (to.dentry != nullptr && from.dentry->inode == to.dentry->inode) return {};
    if (auto checked = check_rename_rights(system, from, to, kind); !checked) return checked;
    return move_name(system, from, to, kind);
}

}  // namespace fl::kernel
