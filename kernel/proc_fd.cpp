#include "kernel/proc_fd.hpp"

#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <charconv>
#include <optional>

namespace fl::kernel {

namespace {

constexpr mode_t link_reads = 0500, link_writes = 0300;
constexpr std::uint64_t first_position = 2;

// ENOENT where the process is over, EACCES.
Result<const Task*> visible_task(const System& system, std::uint32_t pid) {
    const Task* task = find_proc_task(system, pid);
    if (task == nullptr || task->files == nullptr) return fail(Errno::enoent);
    const bool may = may_ptrace(system.task, *task, PtraceMode::file_system);
    return may ? Result<const Task*>(task) : fail(Errno::eacces);
}

Result<DescriptionPointer> open_file(const System& system, std::uint32_t pid, std::uint32_t fd) {
    const auto task = visible_task(system, pid);
    if (!task) return fail(task.error());
    auto file = (*task)->files->find_any(fd);
    return file ? file : fail(Errno::enoent);
}

// The inode of an open file that is nowhere in the tree: opening it opens the file anew.
class OpenedInode final : public Inode {
public:
    OpenedInode(FileSystem& file_system, const struct stat& status, DescriptionPointer file)
        : Inode(file_system, status.st_mode, Owner{status.st_uid, status.st_gid}, 0),
          status_(status),
          file_(std::move(file)) {}
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer&, int flags) override {
        return file_->reopen(system, flags);
    }
    struct stat status() const override {
        return status_;
    }

private:
    struct stat status_;
    DescriptionPointer file_;
};

class DescriptorLink final : public SymbolicLink {
public:
    DescriptorLink(ProcFs& proc, std::uint32_t pid, std::uint32_t fd)
        : SymbolicLink(proc.file_system(), Owner{}, proc.made_ns()), proc_(proc), pid_(pid), fd_(fd) {}

    std::uint64_t size_bytes() const override { return 64; }
    Result<std::string> text(const System& system) const override {
        const auto file = open_file(system, pid_, fd_);
        if (!file) return fail(file.error());
        return (*file)->path();
    }
    Result<Target> follow(const System& system) const override {
        const auto file = open_file(system, pid_, fd_);
        if (!file) return fail(file.error());
        if ((*file)->dentry() != nullptr) return Target((*file)->dentry());
        const auto status = (*file)->status(system);
        if (!status) return fail(status.error());
        auto inode = std::make_shared<OpenedInode>(proc_.file_system(), *status, *file);
        return Target(std::make_shared<Dentry>((*file)->path(), nullptr, std::move(inode)));
    }

private:
    ProcFs& proc_;
    std::uint32_t pid_, fd_;
};

// fs/proc/fd.c, seq_show. A mount is known by its file system's device.
Result<std::string> descriptor_info(const System& system, std::uint32_t pid, std::uint32_t fd) {
    const auto file = open_file(system, pid, fd);
    if (!file) return fail(file.error());
    const auto status = (*file)->status(system);
    const auto flags = (*file)->status_flags();
    if (!status || !flags) return fail(Errno::enoent);
    const Task* task = find_proc_task(system, pid);
    const auto on_exec = task->files->on_exec(fd);
    const int all_flags = *flags | (on_exec && *on_exec == OnExec::close ? O_CLOEXEC : 0);
    const Inode* inode = (*file)->inode();
    const unsigned mount = inode != nullptr ? inode->file_system().device_minor : minor(status->st_dev);
    return fmt::format("pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{}\nino:\t{}\n{}", (*file)->position, all_flags, mount,
                       status->st_ino, (*file)->info_text());
}

// A directory with an entry for each descriptor.
class DescriptorDirectory final : public Directory {
public:
    enum class Kind : std::uint8_t { links, information };
    DescriptorDirectory(ProcFs& proc, std::uint32_t pid, Kind kind)
        : Directory(proc.file_system(), kind == Kind::links ? 0500 : 0555, Owner{}, proc.made_ns()),
          proc_(proc),
          pid_(pid),
          kind_(kind) {}

    // Who may not look at them does not get as far as the list (proc_fdinfo_permission).
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override {
        const auto task = visible_task(system, pid_);
        if (!task && task.error() == Errno::eacces) return fail(Errno::eacces);
        return Directory::open(system, dentry, flags);
    }
    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override {
        return lookup(system, self, name).value_or(nullptr);
    }
    Result<DentryPointer> lookup(const System& system, const DentryPointer& self, std::string_view name) override {
        std::uint32_t fd = 0;
        const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), fd);
        const bool is_number = error == std::errc{} && end == name.data() + name.size();
        if (!is_number || std::to_string(fd) != name) return DentryPointer();
        const auto file = open_file(system, pid_, fd);
        if (!file) return file.error() == Errno::enoent ? Result<DentryPointer>(DentryPointer()) : fail(file.error());
        return std::make_shared<Dentry>(std::string(name), self, entry(system, fd, **file));
    }
    std::vector<DirectoryEntry> list(const System& system) override {
        std::vector<DirectoryEntry> entries;
        const auto task = visible_task(system, pid_);
        if (!task) return entries;
        const mode_t type = kind_ == Kind::links ? S_IFLNK : S_IFREG;
        for (const std::uint32_t fd : (*task)->files->numbers()) {
            entries.push_back({std::to_string(fd), number() + fd + 1, type, fd + first_position});
        }
        return entries;
    }

private:
    std::shared_ptr<Inode> entry(const System& system, std::uint32_t fd, const FileDescription& file) {
        if (kind_ == Kind::information) {
            return proc_.make_file([pid = pid_, fd](const System& reader) { return descriptor_info(reader, pid, fd); },
                                   0444);
        }
        auto link = std::make_shared<DescriptorLink>(proc_, pid_, fd);
        const mode_t rights = (file.is_readable() ? link_reads : 0) | (file.is_writable() ? link_writes : 0);
        (void)link->change_attributes({.permissions = rights}, system.clock.realtime_ns());
        link->set_owner(owner());
        return link;
    }

    ProcFs& proc_;
    std::uint32_t pid_;
    Kind kind_;
};

// map_files: a link for each mapping of a file, to its path.
class MapLink final : public SymbolicLink {
public:
    MapLink(ProcFs& proc, std::string path)
        : SymbolicLink(proc.file_system(), Owner{}, proc.made_ns()), path_(std::move(path)) {}
    std::uint64_t size_bytes() const override { return 64; }
    Result<std::string> text(const System&) const override { return path_; }

private:
    std::string path_;
};

class MapDirectory final : public Directory {
public:
    MapDirectory(ProcFs& proc, std::uint32_t pid)
        : Directory(proc.file_system(), 0500, Owner{}, proc.made_ns()), proc_(proc), pid_(pid) {}

    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override {
        const auto task = visible_task(system, pid_);
        if (!task || (*task)->mm == nullptr) return nullptr;
        const mm::MmStruct& mm = *(*task)->mm;
        for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) {
            if (vma->file() == nullptr || name_of(*vma) != name) continue;
            return std::make_shared<Dentry>(std::string(name), self, link_to(system, mm, *vma));
        }
        return nullptr;
    }
    std::vector<DirectoryEntry> list(const System& system) override {
        std::vector<DirectoryEntry> entries;
        const auto task = visible_task(system, pid_);
        if (!task || (*task)->mm == nullptr) return entries;
        for (const mm::Vma* vma = (*task)->mm->vmas().first(); vma != nullptr; vma = vma->next()) {
            if (vma->file() == nullptr) continue;
            const std::uint64_t position = entries.size() + first_position;
            entries.push_back({name_of(*vma), number() + position, S_IFLNK, position});
        }
        return entries;
    }

private:
    static std::string name_of(const mm::Vma& vma) {
        return fmt::format("{:x}-{:x}", vma.range().start.value(), vma.range().end.value());
    }
    std::shared_ptr<Inode> link_to(const System& system, const mm::MmStruct& mm, const mm::Vma& vma) {
        auto link = std::make_shared<MapLink>(proc_, mm.vma_name(vma));
        const std::string protection = mm::protection_string(vma.flags());
        const mode_t rights = (protection.find('r') != std::string::npos ? link_reads : 0) |
                              (protection.find('w') != std::string::npos && protection.back() == 's' ? link_writes : 0);
        (void)link->change_attributes({.permissions = rights}, system.clock.realtime_ns());
        link->set_owner(owner());
        return link;
    }

    ProcFs& proc_;
    std::uint32_t pid_;
};

}  // namespace

void add_descriptor_directories(ProcFs& proc) {
    using Kind = DescriptorDirectory::Kind;
    proc.add_process_entry(
        "fd", [&proc](std::uint32_t pid) { return std::make_shared<DescriptorDirectory>(proc, pid, Kind::links); });
    proc.add_process_entry("fdinfo", [&proc](std::uint32_t pid) {
        return std::make_shared<DescriptorDirectory>(proc, pid, Kind::information);
    });
    proc.add_process_entry("map_files",
                           [&proc](std::uint32_t pid) { return std::make_shared<MapDirectory>(proc, pid); });
}

}  // namespace fl::kernel
