// Pipes and pairs of connected sockets, eventfd: open files that only live in memory and have no name (Linux:
// fs/pipe.c, net/unix, fs/eventfd.c).
#pragma once

#include "kernel/vfs/byte_channel.hpp"
#include "kernel/vfs/file_description.hpp"

#include <array>

namespace fl::kernel {

// What files without a name in a tree show of themselves.
struct NamelessFile {
    std::uint64_t inode;
    mode_t mode;
    std::uint64_t made_ns;
};

class NamelessDescription : public FileDescription {
public:
    NamelessDescription(int flags, NamelessFile file) : FileDescription(nullptr, flags), file_(file) {}
    bool is_seekable() const override { return false; }
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return fail(Errno::espipe); }
    Result<struct stat> status(const System& system) const override;

protected:
    ByteChannel::Blocking blocking() const {
        return (flags() & O_NONBLOCK) != 0 ? ByteChannel::Blocking::no : ByteChannel::Blocking::yes;
    }
    std::uint64_t inode_number() const { return file_.inode; }
    const NamelessFile& file() const { return file_; }

private:
    NamelessFile file_;
};

// One end of a pipe, or of a pair of sockets, which has both.
class ChannelDescription final : public NamelessDescription {
public:
    // Either may be nullptr.
    ChannelDescription(int flags, NamelessFile file, std::shared_ptr<ByteChannel> in, std::shared_ptr<ByteChannel> out);
    ChannelDescription(const ChannelDescription&) = delete;
    ChannelDescription& operator=(const ChannelDescription&) = delete;
    ~ChannelDescription() override;

    bool is_socket() const { return in_ != nullptr && out_ != nullptr; }
    std::string path() const override;
    // Another end of the same pipe, for reading or for writing. ENXIO for a socket.
    Result<std::shared_ptr<FileDescription>> reopen(System& system, int flags) override;
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument) override;
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override;
    // shutdown(2): SHUT_RD, SHUT_WR, SHUT_RDWR.
    void shut_down(bool reading, bool writing);
    ByteChannel& channel() { return in_ != nullptr ? *in_ : *out_; }

private:
    std::shared_ptr<ByteChannel> in_, out_;
    bool reads_ = false, writes_ = false;
};

// eventfd(2): a number that is added to and taken.
class EventDescription final : public NamelessDescription {
public:
    EventDescription(int flags, NamelessFile file, std::uint64_t count, bool is_semaphore)
        : NamelessDescription(flags, file), count_(count), is_semaphore_(is_semaphore) {}
    std::string path() const override { return "anon_inode:[eventfd]"; }
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
std::array<std::shared_ptr<FileDescription>, 2> make_pipe(System& system, int flags);
std::array<std::shared_ptr<FileDescription>, 2> make_socket_pair(System& system, int flags);
NamelessFile nameless_file(System& system, mode_t mode);

}  // namespace fl::kernel
