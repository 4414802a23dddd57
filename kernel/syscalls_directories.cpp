// Reading directories (Linux: fs/readdir.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr unsigned type_shift = 12;  // IFTODT

// "." and "..", then the rest.
std::vector<DirectoryEntry> entries_after(const System& system, const Dentry& dentry, std::uint64_t position) {
    const Inode& above = dentry.parent != nullptr ? *dentry.parent->inode : *dentry.inode;
    std::vector<DirectoryEntry> entries = {{".", dentry.inode->number(), S_IFDIR, 0},
                                           {"..", above.number(), S_IFDIR, 1}};
    auto below = dentry.inode->directory()->list(system);
    std::move(below.begin(), below.end(), std::back_inserter(entries));
    std::erase_if(entries, [position](const DirectoryEntry& entry) { return entry.position < position; });
    return entries;
}

// The part that both records have; the name follows at `name_offset`.
std::vector<std::byte> record_of(const DirectoryEntry& entry, std::size_t name_offset, std::size_t bytes_behind) {
    const std::size_t size = (name_offset + entry.name.size() + 1 + bytes_behind + 7) & ~std::size_t{7};
    const struct {
        std::uint64_t inode;
        std::int64_t next_position;
        std::uint16_t record_bytes;
    } head{entry.inode_number, static_cast<std::int64_t>(entry.position + 1), static_cast<std::uint16_t>(size)};
    constexpr std::size_t head_bytes = 18;
    std::vector<std::byte> record(size);
    std::memcpy(record.data(), &head, head_bytes);
    std::memcpy(record.data() + name_offset, entry.name.data(), entry.name.size());
    return record;
}

// struct linux_dirent64: the type stands before the name.
std::vector<std::byte> dirent64_record(const DirectoryEntry& entry) {
    constexpr std::size_t type_offset = 18, name_offset = 19;
    auto record = record_of(entry, name_offset, 0);
    record[type_offset] = static_cast<std::byte>(entry.mode >> type_shift);
    return record;
}

// struct linux_dirent: the type is the record's last byte.
std::vector<std::byte> dirent_record(const DirectoryEntry& entry) {
    constexpr std::size_t name_offset = 18;
    auto record = record_of(entry, name_offset, 1);
    record.back() = static_cast<std::byte>(entry.mode >> type_shift);
    return record;
}

Result<std::uint64_t> read_directory(System& system, const Arguments& a,
                                     std::vector<std::byte> (*make_record)(const DirectoryEntry&)) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    Inode* inode = (*file)->inode();
    if (inode == nullptr || inode->directory() == nullptr) return fail(Errno::enotdir);
    if ((*file)->dentry()->unlinked) return fail(Errno::enoent);
    const std::uint64_t room = static_cast<std::uint32_t>(a[2]);
    std::uint64_t done = 0;
    for (const DirectoryEntry& entry : entries_after(system, *(*file)->dentry(), (*file)->position)) {
        const auto record = make_record(entry);
        if (record.size() > room - done) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::einval);
        const auto target = VirtAddr(a[1]).checked_add(done);
        if (!target || !system.user().copy_to(*target, record)) {
            return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        }
        done += record.size();
        (*file)->position = entry.position + 1;
    }
    return done;
}

}  // namespace

Result<std::uint64_t> sys_getdents64(System& system, const Arguments& a) {
    return read_directory(system, a, dirent64_record);
}
Result<std::uint64_t> sys_getdents(System& system, const Arguments& a) {
    return read_directory(system, a, dirent_record);
}

}  // namespace fl::kernel
