// RegularFile: a file of bytes. They are mm::File's: read, write and mappings meet in its page cache.
#pragma once

#include "kernel/vfs/file_description.hpp"
#include "mm/file.hpp"

#include <optional>

namespace fl::kernel {

// fcntl(F_ADD_SEALS)'s bits (include/uapi/linux/fcntl.h).
inline constexpr unsigned seal_seal = 1, seal_shrink = 2, seal_grow = 4, seal_write = 8, seal_future_write = 0x10,
                          seal_exec = 0x20, all_seals = 0x3f;

class RegularFile : public Inode {
public:
    // `seals`: nullopt where the file system does not know them.
    RegularFile(FileSystem& file_system, mode_t permissions, Owner owner, std::uint64_t now_ns,
                std::shared_ptr<mm::File> file, std::optional<unsigned> seals)
        : Inode(file_system, S_IFREG | permissions, owner, now_ns), file_(std::move(file)), seals_(seals) {}

    // An empty file of the program's own, of the kind that the file system's files have; `path` as maps shows it.
    static std::shared_ptr<RegularFile> create(System& system, FileSystem& file_system, std::string path,
                                               mode_t permissions, std::optional<unsigned> seals);

    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    std::uint64_t size_bytes() const override { return file_->size_bytes(); }
    // In memory or in swap.
    std::uint64_t page_count() const override {
        return file_->cached_page_count().value() + file_->swapped_pages().size();
    }
    RegularFile* regular_file() override { return this; }

    const std::shared_ptr<mm::File>& file() const { return file_; }
    bool has_seal(unsigned seals) const { return seals_ && (*seals_ & seals) != 0; }
    // EINVAL, EPERM, EBUSY as fcntl(2) gives them.
    Result<unsigned> seals() const;
    Result<void> add_seals(unsigned seals);

    // Whether link(2) may give a name to it although it has none (O_TMPFILE without O_EXCL).
    bool is_linkable() const { return linkable_; }
    void set_linkable() { linkable_ = true; }

    // It is being executed: opening it for writing and cutting it are ETXTBSY (deny_write_access).
    void set_executed() { executed_ = true; }

    // truncate(2) and its like: EFBIG with SIGXFSZ, EPERM (seals), ETXTBSY.
    virtual Result<void> resize(System& system, std::uint64_t size_bytes);
    // fsync(2). EIO and what else the host may answer.
    virtual Result<void> synchronise() { return {}; }
    // Called before bytes are written to a range, and after: files of the host reserve room, and take the bytes.
    virtual Result<void> before_write(System& system, FileRange range);
    virtual Result<void> after_write(FileRange /*range*/) { return {}; }
    Result<void> allocate(System& system, FileRange range, bool keep_size);
    Result<void> punch_hole(System& system, FileRange range);

private:
    bool has_writable_mapping() const;

    std::shared_ptr<mm::File> file_;
    std::optional<unsigned> seals_;
    bool linkable_ = false;
    bool executed_ = false;
};

// A new file of the program's own in a file system that keeps its files in memory.
std::shared_ptr<RegularFile> make_regular_file(System& system, FileSystem& file_system, mode_t permissions);

// The program's own executable, as the host has it. Nobody writes to it while it runs.
class ExecutableFile final : public RegularFile {
public:
    // Shows the host's device, inode and times.
    ExecutableFile(FileSystem& file_system, const struct stat& host_status, std::shared_ptr<mm::File> file);
    struct stat status() const override;

private:
    blksize_t block_bytes_;
    blkcnt_t block_count_;
};

class RegularDescription final : public FileDescription {
public:
    RegularDescription(const DentryPointer& dentry, int flags, RegularFile& file)
        : FileDescription(dentry, flags), file_(file) {}
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    Result<std::uint64_t> seek(System& system, std::int64_t offset, int whence) override;
    Result<void> synchronise() override { return file_.synchronise(); }
    Result<Mappable> mappable(System& system) override;

private:
    Result<std::uint64_t> write_chunk(System& system, UserSegments& from, std::uint64_t at, std::uint64_t end);
    std::uint64_t next_data(std::uint64_t offset) const;
    std::uint64_t next_hole(std::uint64_t offset) const;

    RegularFile& file_;  // the dentry keeps it
};

}  // namespace fl::kernel
