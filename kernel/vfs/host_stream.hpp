// HostStream: a standard stream that the host gave us, as an open file. Bytes go straight through.
//
// Invariant: closing one here never closes the host's descriptor: the emulator itself may still need it.
#pragma once

#include "kernel/vfs/file_description.hpp"

namespace fl::kernel {

enum class StreamKind : std::uint8_t {
    regular,
    pipe,
    null_device,  // /dev/null, which takes everything without looking at it
    other,
};

class Terminal;

class HostStream final : public FileDescription {
public:
    // nullptr where the host has no such descriptor open.
    static std::shared_ptr<HostStream> of(int host_fd);
    HostStream(int host_fd, int flags, StreamKind kind)
        : FileDescription(nullptr, flags), host_fd_(host_fd), kind_(kind) {}

    // One that leads to a terminal: a standard stream, or with a dentry of its own /dev/tty.
    void set_terminal(std::shared_ptr<Terminal> terminal) { terminal_ = std::move(terminal); }
    const std::shared_ptr<Terminal>& terminal() const { return terminal_; }

    int host_fd() const { return host_fd_; }
    StreamKind kind() const { return kind_; }

    std::string path() const override;
    // The same bytes, never with more rights than the host gave. EACCES.
    Result<std::shared_ptr<FileDescription>> reopen(System& system, int flags) override;
    // O_NONBLOCK is ours alone: the host's flag belongs to whoever else has the stream open.
    Result<int> status_flags() const override;
    bool is_seekable() const override { return kind_ == StreamKind::regular || kind_ == StreamKind::null_device; }
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> write(System& system, UserSegments& from, std::uint64_t& at) override;
    Result<std::uint64_t> seek(System& system, std::int64_t offset, int whence) override;
    Result<struct stat> status(const System& system) const override;
    Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument) override;
    short ready_events() const override;
    bool is_pollable() const override { return kind_ == StreamKind::pipe || kind_ == StreamKind::other; }
    std::optional<int> host_descriptor() const override { return host_fd_; }

private:
    // Where pread(2) and pwrite(2) act, which leave the stream's own place alone.
    const std::uint64_t* explicit_place(const std::uint64_t& at) const { return &at == &position ? nullptr : &at; }
    Result<std::uint64_t> write_to_host(std::span<const std::byte> bytes, const std::uint64_t* place) const;
    Result<std::uint64_t> read_from_host(std::span<std::byte> into, const std::uint64_t* place) const;
    Result<void> check_ready(short events) const;
    Result<void> let_others_run(System& system, short events) const;
    std::uint64_t usable_bytes(std::uint64_t gathered, std::uint64_t wanted) const;

    int host_fd_;
    StreamKind kind_;
    std::shared_ptr<Terminal> terminal_;  // nullptr: it leads to none
};

}  // namespace fl::kernel
