// Terminal: a terminal of the host that the program was given as a standard stream, and the session that it controls
// (Linux: struct tty_struct, drivers/tty/tty_jobctrl.c).
//
// Bytes, line editing and settings are the host's. Which groups of processes may read, and who gets what ^C sends, is
// decided here: to the host the whole machine is one process.
//
// Invariant: the host's settings come back when the terminal goes, and while the emulator is stopped.
#pragma once

#include "kernel/system.hpp"

#include <sys/types.h>
#include <termios.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace fl::kernel {

class Terminal {
public:
    // The one of `known` that the descriptor leads to, else a new one; nullptr where it leads to no terminal.
    static std::shared_ptr<Terminal> of(int host_fd, std::span<const std::shared_ptr<Terminal>> known);
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    // For reading and writing where the host lets us.
    int host_fd() const { return host_fd_; }
    std::uint32_t device_number() const;

    std::uint32_t session = 0;     // that it controls; 0: none
    std::uint32_t foreground = 0;  // the group that may read, and gets what ^C sends

    // ioctl(2) on a stream that leads to it by `stream_fd`. ENOTTY for what no terminal knows; EIO, EPERM, ESRCH,
    // EINTR.
    Result<std::uint64_t> control(System& system, int stream_fd, std::uint64_t request, std::uint64_t argument);
    // Job control: who is not in the foreground is stopped, or refused (EIO), before he reads, and before he writes
    // where the terminal's settings say so (TOSTOP).
    Result<void> check_read(System& system) const;
    Result<void> check_write(System& system) const;
    // vhangup(2), and the end of the process that leads the session.
    void hang_up(Processes& processes);

    // Gives the host its settings back, and takes the program's again.
    void put_host_settings();
    void put_own_settings();

private:
    Terminal(int host_fd, bool owns_fd, dev_t device);

    bool controls(const Process& process) const { return process.terminal.get() == this; }
    Result<void> check_foreground(System& system, int signal) const;
    Result<std::uint64_t> set_foreground(System& system, std::uint64_t argument);
    Result<std::uint64_t> become_controlling(System& system, std::uint64_t argument);
    Result<std::uint64_t> change_settings(System& system, int stream_fd, std::uint64_t request, std::uint64_t argument);

    int host_fd_;
    bool owns_fd_;
    dev_t device_;
    std::optional<termios> host_settings_, own_settings_;  // once the program changed them
};

// The process has no terminal any more; where it leads the session nobody in it has (disassociate_ctty).
void leave_terminal(Processes& processes, Process& process);

}  // namespace fl::kernel
