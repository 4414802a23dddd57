// What mkdir(2), mknod(2), symlink(2) and open(2) make in a directory that is in memory.
#include "kernel/path_argument.hpp"
#include "kernel/vfs/regular_file.hpp"

namespace fl::kernel {

// tmpfs knows seals but gives its own files none to add.
std::shared_ptr<RegularFile> make_regular_file(System& system, FileSystem& file_system, mode_t permissions) {
    const bool is_tmpfs = file_system.file_kind == mm::FileKind::shared_memory;
    return RegularFile::create(system, file_system, {}, permissions,
                               is_tmpfs ? std::optional<unsigned>(seal_seal) : std::nullopt);
}

namespace {

std::shared_ptr<Inode> make_inode(System& system, FileSystem& file_system, const NewInode& what) {
    const Owner owner = credentials(system.task);
    const std::uint64_t now_ns = system.clock.realtime_ns();
    const mode_t permissions = what.mode & 07777;
    switch (what.mode & S_IFMT) {
        case S_IFREG: return make_regular_file(system, file_system, permissions);
        case S_IFDIR: return std::make_shared<MemoryDirectory>(file_system, permissions, owner, now_ns);
        case S_IFLNK: return std::make_shared<MemoryLink>(file_system, owner, now_ns, what.link_target);
        default: return std::make_shared<SpecialNode>(file_system, what.mode, owner, now_ns);
    }
}

}  // namespace

Result<std::shared_ptr<Inode>> Directory::create(System& system, std::string_view, const NewInode& what) {
    auto inode = make_inode(system, file_system(), what);
    const bool wants_memory = file_system().memory != nullptr && file_system().memory->slab() != nullptr;
    if (wants_memory && !inode->is_accounted()) return fail(Errno::enomem);
    return inode;
}

}  // namespace fl::kernel
