// Pipes and FIFOs, eventfd: open files that only live in memory (Linux: fs/pipe.c, fs/eventfd.c).
#pragma once

#include "kernel/vfs/byte_channel.hpp"
#include "kernel/vfs/file_description.hpp"

#include <array>
#include <optional>

namespace fl::kernel {

// What files without a name in a tree show of themselves.
struct NamelessFile {
    std::uint64_t inode;
    mode_t mode;
    std::uint64_t made_ns;

    struct stat status(const System& system) const;
};

class NamelessDescription : public FileDescription {
public:
    NamelessDescription(int flags, NamelessFile file) : FileDescription(nullptr, flags), file_(file) {}
    bool is_seekable() const override { return false; }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return fail(Errno::espipe); }
    Result<struct stat> status(const System& system) const override { return file_.status(system); }
    bool is_pollable() const override { return true; }

protected:
    ByteChannel::Blocking blocking() const {
        return (flags() & O_NONBLOCK) != 0 ? ByteChannel::Blocking::no : ByteChannel::Blocking::yes;
    }
    std::uint64_t inode_number() const { return file_.inode; }
    const NamelessFile& file() const { return file_; }

private:
    NamelessFile file_;
};

// One end of a pipe, or of a FIFO, which may be opened for both.
class PipeDescription final : public FileDescription {
public:
    // The access mode of `flags` says which ends it holds. `file` for a pipe, `dentry` for a FIFO.
    PipeDescription(int flags, NamelessFile file, std::shared_ptr<ByteChannel> channel);
    PipeDescription(int flags, DentryPointer dentry, std::shared_ptr<ByteChannel> channel);
    PipeDescription(const PipeDescription&) = delete;
    PipeDescription& operator=(const PipeDescription&) = delete;
    ~PipeDescription() override;

    // Until somebody has the other end of a FIFO (wait_for_partner). ENXIO for a writer that does not wait, EINTR.
    Result<void> wait_for_partner(System& system);

    std::string path() const override;
    bool is_seekable() const override { return false; }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return fail(Errno::espipe); }
    Result<struct stat> status(const System& system) const override;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument) override;
    bool is_pollable() const override { return true; }
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override;

    // The same pipe once more, with the ends that `flags` ask for.
    Result<std::shared_ptr<FileDescription>> reopen(System& system, int flags) override;

    const std::shared_ptr<ByteChannel>& channel() const { return channel_; }
    ByteChannel::Blocking blocking() const {
        return (flags() & O_NONBLOCK) != 0 ? ByteChannel::Blocking::no : ByteChannel::Blocking::yes;
    }

private:
    void take_ends();

    std::optional<NamelessFile> nameless_;
    std::shared_ptr<ByteChannel> channel_;
    // Of a FIFO that was opened for reading before anybody wrote: until somebody has, there is no end to tell of.
    std::optional<std::uint64_t> writers_before_;
};

// eventfd(2): a number that is added to and taken.
class EventDescription final : public NamelessDescription {
public:
    EventDescription(int flags, NamelessFile file, std::uint64_t count, bool is_semaphore)
        : NamelessDescription(flags, file), count_(count), is_semaphore_(is_semaphore) {}
    std::string path() const override { return "anon_inode:[eventfd]"; }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return 0; }  // noop_llseek()
    std::string info_text() const override;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override { return {&changed_}; }

private:
    std::uint64_t count_;
    bool is_semaphore_;
    WaitQueue changed_;
};

// The two ends of a pipe: for reading, and for writing.
// ENOMEM.
Result<std::array<std::shared_ptr<FileDescription>, 2>> make_pipe(System& system, int flags);
NamelessFile nameless_file(System& system, mode_t mode);

}  // namespace fl::kernel
