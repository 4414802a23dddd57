#include "kernel/vfs/path.hpp"

#include "kernel/system.hpp"

namespace fl::kernel {

namespace {

using Kind = LastComponent::Kind;

// Takes the slashes off the front; returns whether there were any.
bool skip_slashes(std::string_view& path) {
    const std::size_t first = std::min(path.find_first_not_of('/'), path.size());
    path.remove_prefix(first);
    return first > 0;
}

std::string_view take_component(std::string_view& path) {
    const std::string_view component = path.substr(0, path.find('/'));
    path.remove_prefix(component.size());
    return component;
}

}  // namespace

Result<void> PathWalk::check_search(const Dentry& directory) const {
    return directory.inode->check_access(system_.task.credentials, may_exec);
}

// The root is its own parent.
DentryPointer PathWalk::above(const DentryPointer& at) const {
    return at == system_.task.fs->root || at->parent == nullptr ? at : at->parent;
}

Result<DentryPointer> PathWalk::child(const LastComponent& last) const {
    switch (last.kind) {
        case Kind::root:
        case Kind::dot: return last.parent;
        case Kind::dot_dot: return above(last.parent);
        case Kind::name: break;
    }
    if (last.name.size() > max_name_bytes) return fail(Errno::enametoolong);
    return last.parent->inode->directory()->lookup(system_, last.parent, last.name);
}

Result<SymbolicLink::Target> PathWalk::read_link(const Dentry& link) {
    if (++link_count_ > max_links) return fail(Errno::eloop);
    auto target = link.inode->symbolic_link()->follow(system_);
    if (!target) return target;
    const auto* path = std::get_if<std::string>(&*target);
    return path != nullptr && path->empty() ? fail(Errno::enoent) : target;
}

Result<DentryPointer> PathWalk::follow(const DentryPointer& link, const DentryPointer& parent) {
    auto target = read_link(*link);
    if (!target) return fail(target.error());
    if (auto* dentry = std::get_if<DentryPointer>(&*target)) return std::move(*dentry);
    auto found = find(parent, std::get<std::string>(*target), FollowLast::yes);
    if (!found) return fail(found.error());
    if (found->dentry == nullptr) return fail(Errno::enoent);
    return found->dentry;
}

// One component that is not the last: it has to lead to a directory.
Result<DentryPointer> PathWalk::step(const DentryPointer& at, std::string_view name) {
    LastComponent component{name == "." ? Kind::dot : name == ".." ? Kind::dot_dot : Kind::name, at, std::string(name)};
    auto next = child(component);
    if (!next) return next;
    if (*next == nullptr) return fail(Errno::enoent);
    if ((*next)->inode->symbolic_link() != nullptr) next = follow(*next, at);
    if (next && (*next)->inode->directory() == nullptr) return fail(Errno::enotdir);
    return next;
}

Result<LastComponent> PathWalk::parent_of(const DentryPointer& start, std::string_view path) {
    DentryPointer at = skip_slashes(path) ? system_.task.fs->root : start;
    if (path.empty()) return LastComponent{.kind = Kind::root, .parent = at, .name = {}, .trailing_slash = true};
    for (;;) {
        if (at->inode->directory() == nullptr) return fail(Errno::enotdir);
        if (auto allowed = check_search(*at); !allowed) return fail(allowed.error());
        const std::string_view name = take_component(path);
        const bool slash = skip_slashes(path);
        if (path.empty()) {
            const Kind kind = name == "." ? Kind::dot : name == ".." ? Kind::dot_dot : Kind::name;
            return LastComponent{kind, at, std::string(name), slash};
        }
        auto next = step(at, name);
        if (!next) return fail(next.error());
        at = std::move(*next);
    }
}

Result<PathWalk::Found> PathWalk::find(DentryPointer start, std::string path, FollowLast follow_last) {
    for (;;) {
        auto last = parent_of(start, path);
        if (!last) return fail(last.error());
        auto dentry = child(*last);
        if (!dentry) return fail(dentry.error());
        Found found{std::move(*last), std::move(*dentry)};
        const bool follows = follow_last == FollowLast::yes || found.last.trailing_slash;
        if (found.dentry == nullptr || found.dentry->inode->symbolic_link() == nullptr || !follows) return found;
        auto target = read_link(*found.dentry);
        if (!target) return fail(target.error());
        if (auto* direct = std::get_if<DentryPointer>(&*target)) {
            found.dentry = std::move(*direct);
            return found;
        }
        start = found.last.parent;
        path = std::get<std::string>(*target) + (found.last.trailing_slash ? "/" : "");
    }
}

Result<PathWalk::Found> PathWalk::find(std::string_view path, FollowLast follow) {
    if (path.empty()) return fail(Errno::enoent);
    return find(start_, std::string(path), follow);
}

Result<DentryPointer> PathWalk::resolve(std::string_view path, FollowLast follow) {
    auto found = find(path, follow);
    if (!found) return fail(found.error());
    if (found->dentry == nullptr) return fail(Errno::enoent);
    if (found->last.trailing_slash && found->dentry->inode->directory() == nullptr) return fail(Errno::enotdir);
    return found->dentry;
}

}  // namespace fl::kernel
