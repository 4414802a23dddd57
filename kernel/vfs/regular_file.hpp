// RegularFile: a file of bytes. They are mm::File's: read, write and mappings meet in its page cache.
#pragma once

#include "kernel/vfs/file_description.hpp"
#include "mm/file.hpp"

namespace fl::kernel {

class RegularFile : public Inode {
public:
    RegularFile(FileSystem& file_system, mode_t permissions, Owner owner, std::uint64_t now_ns,
                std::shared_ptr<mm::File> file)
        : Inode(file_system, S_IFREG | permissions, owner, now_ns), file_(std::move(file)) {}

    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    std::uint64_t size_bytes() const override { return file_->size_bytes(); }
    RegularFile* regular_file() override { return this; }

    const std::shared_ptr<mm::File>& file() const { return file_; }

private:
    std::shared_ptr<mm::File> file_;
};

// The program's own executable, as the host has it. Nobody writes to it while it runs.
class ExecutableFile final : public RegularFile {
public:
    // Shows the host's device, inode and times.
    ExecutableFile(FileSystem& file_system, const struct stat& host_status, std::shared_ptr<mm::File> file);
    struct stat status() const override;

    // ETXTBSY for writing (deny_write_access).
    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;

private:
    struct stat host_status_;
};

class RegularDescription final : public FileDescription {
public:
    RegularDescription(const DentryPointer& dentry, int flags, RegularFile& file)
        : FileDescription(dentry, flags), file_(file) {}
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;

private:
    RegularFile& file_;  // the dentry keeps it
};

}  // namespace fl::kernel
