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

// With the umask taken off its mode. tmpfs knows seals but gives its own files none to add.
std::shared_ptr<RegularFile> new_regular_file(System& system, FileSystem& file_system, mode_t mode) {
    const bool is_tmpfs = file_system.file_kind == mm::FileKind::shared_memory;
    return RegularFile::create(system, file_system, {}, mode & 07777 & ~system.task.fs->umask,
                               is_tmpfs ? std::optional<unsigned>(seal_seal) : std::nullopt);
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
    auto dentry = add_name(system, last, new_regular_file(system, file_system, mode));
    name_mappings(*dentry);
    return dentry;
}

Result<DentryPointer> make_nameless_file(System& system, const DentryPointer& directory, mode_t mode) {
    const auto allowed = check_create(system, *directory);
    if (!allowed) return fail(allowed.error() == Errno::eperm ? Errno::eopnotsupp : allowed.error());
    auto inode = new_regular_file(system, directory->inode->file_system(), mode);
    inode->set_link_count(0);
    auto dentry = std::make_shared<Dentry>("#" + std::to_string(inode->number()), directory, std::move(inode));
    dentry->unlinked = true;
    name_mappings(*dentry);
    return dentry;
}

Result<void> make_directory(System& system, DentryPointer start, std::string_view path, mode_t mode) {
    const auto last = find_new_name(system, std::move(start), path, NewName::directory);
    if (!last) return fail(last.error());
    if (auto allowed = check_create(system, *last->parent); !allowed) return allowed;
    const mode_t permissions = mode & 01777 & ~system.task.fs->umask;
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
    auto from_dentry = from_walk.child(*from_last);
    if (!from_dentry) return fail(from_dentry.error());
    auto to_dentry = to_walk.child(*to_last);
    if (!to_dentry) return fail(to_dentry.error());
    const RenameEnd from{std::move(*from_last), std::move(*from_dentry)},
        to{std::move(*to_last), std::move(*to_dentry)};
    if (auto checked = check_rename_names(from, to, kind); !checked) return checked;
    if (to.dentry != nullptr && from.dentry->inode == to.dentry->inode) return {};
    if (auto checked = check_rename_rights(system, from, to, kind); !checked) return checked;

    from.last.parent->inode->modified_ns = from.last.parent->inode->changed_ns = system.clock.realtime_ns();
    take_out(*from.dentry);
    if (kind == RenameKind::exchange) {
        take_out(*to.dentry);
        put_in(system, to.dentry, from.last);
    } else if (to.dentry != nullptr) {
        remove_name(system, to.dentry);
    }
    put_in(system, from.dentry, to.last);
    return {};
}

}  // namespace fl::kernel
