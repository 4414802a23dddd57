// FileTable: a process's file descriptors. There is no file system yet, so that each of them is one of the standard
// streams that the host gave us, or a duplicate of one.
//
// Invariant: a descriptor's host_fd stays open for as long as the table lives. Closing one here never closes the
// host's: the emulator itself may still need it.
#pragma once

#include "mm/errno.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace fl::kernel {

enum class StreamKind : std::uint8_t {
    regular,
    pipe,
    null_device,  // /dev/null, which takes everything without looking at it
    other,
};

struct Descriptor {
    int host_fd = -1;
    bool readable = false;
    bool writable = false;
    bool close_on_exec = false;
    StreamKind kind = StreamKind::other;
};

class FileTable {
public:
    // Descriptors 0, 1 and 2, as far as the host has them open.
    static FileTable standard_streams();
    // Descriptors 0, 1, ... for these streams: for tests.
    explicit FileTable(const std::vector<int>& host_fds = {});

    // EBADF. `fd` is a system call's argument, of which the lower half counts.
    Result<Descriptor> find(std::uint64_t fd) const;
    Result<void> close(std::uint64_t fd);
    // dup(2), fcntl(F_DUPFD): onto the first free one from `lowest`. EBADF, EINVAL (lowest beyond limit), EMFILE.
    Result<std::uint64_t> duplicate(std::uint64_t fd, std::uint64_t lowest, std::uint64_t limit, bool close_on_exec);
    // dup2(2), dup3(2) with two different descriptors. EBADF.
    Result<std::uint64_t> duplicate_to(std::uint64_t fd, std::uint64_t target, std::uint64_t limit, bool close_on_exec);
    Result<void> set_close_on_exec(std::uint64_t fd, bool close_on_exec);

private:
    std::optional<Descriptor>* slot(std::uint64_t fd);
    void put(std::uint32_t fd, const Descriptor& descriptor);

    std::vector<std::optional<Descriptor>> slots_;
};

}  // namespace fl::kernel
