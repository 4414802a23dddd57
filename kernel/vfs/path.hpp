// Path resolution (Linux: fs/namei.c): from a text to a dentry, component by component, with "..", symbolic links and
// search permission, in the order of checks that decides which error a path with two faults gives.
#pragma once

#include "kernel/vfs/inode.hpp"

namespace fl::kernel {

enum class FollowLast : std::uint8_t { no, yes };  // whether a symbolic link as the last component is followed

// The last component of a path, and the directory that it is in.
struct LastComponent {
    enum class Kind : std::uint8_t { name, dot, dot_dot, root };
    Kind kind = Kind::root;
    DentryPointer parent;
    std::string name;             // Kind::name
    bool trailing_slash = false;  // it has to be a directory
};

class PathWalk {
public:
    static constexpr unsigned max_links = 40;  // MAXSYMLINKS

    // Starts at `start` where the path is relative.
    PathWalk(const System& system, DentryPointer start) : system_(system), start_(std::move(start)) {}

    // ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
    Result<DentryPointer> resolve(std::string_view path, FollowLast follow);
    // Everything but the last component.
    Result<LastComponent> parent_of(std::string_view path) { return parent_of(start_, path); }
    // nullptr where the name is not there. EACCES, ENAMETOOLONG.
    Result<DentryPointer> child(const LastComponent& last) const;
    // Where a link leads, seen from the directory it is in.
    Result<DentryPointer> follow(const DentryPointer& link, const DentryPointer& parent);
    // As resolve(), but keeps the last component of the path that links lead to, which may not exist: for O_CREAT.
    struct Found {
        LastComponent last;
        DentryPointer dentry;  // nullptr: no such name
    };
    Result<Found> find(std::string_view path, FollowLast follow);

private:
    Result<LastComponent> parent_of(const DentryPointer& start, std::string_view path);
    Result<Found> find(DentryPointer start, std::string path, FollowLast follow);
    Result<DentryPointer> step(const DentryPointer& at, std::string_view name);
    Result<void> check_search(const Dentry& directory) const;
    Result<SymbolicLink::Target> read_link(const Dentry& link);
    DentryPointer above(const DentryPointer& at) const;

    const System& system_;
    DentryPointer start_;
    unsigned link_count_ = 0;
};

}  // namespace fl::kernel
