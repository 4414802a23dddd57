// Strace: system calls and signals as strace(1) prints them, for --strace.
//
// It looks at the program's memory through peek_memory(), so that watching a program changes nothing about it.
#pragma once

#include "kernel/signals.hpp"
#include "kernel/strace_names.hpp"
#include "kernel/syscalls.hpp"

#include <array>
#include <cstdio>
#include <string>

namespace fl::kernel {

// How an argument is printed. The end of a call's list is Kind::none.
struct ArgumentFormat {
    enum class Kind : std::uint8_t {
        none,
        number,  // signed int
        count,   // unsigned, 64 bits
        hexadecimal,
        address,  // NULL for 0
        descriptor,
        directory,       // AT_FDCWD
        path,            // string up to NUL
        buffer,          // as many bytes as the next argument says; out: as many as the call returned
        segments,        // struct iovec, as many as the next argument says
        segment_places,  // the same without what they hold
        protection,
        map_flags,
        advice,
        sync_flags,
        remap_flags,
        remap_target,  // printed where the flags before it name a place
        lock_flags,
        lock_all_flags,
        residency,  // a byte for each page of the argument before
        persona,
        signal,
        signal_how,
        signal_set,
        signal_action,
        signal_stack,
        sigreturn,  // takes no argument: prints the mask that the frame holds
        timespec,
        timeval,
        clock,
        clock_flags,
        resource,
        limit,
        usage_who,
        usage,
        random_flags,
        prctl_code,
        status,  // struct stat
        at_flags,
        ioctl_request,
        window_size,
        seek,
        names,   // struct utsname
        offset,  // signed, 64 bits
        open_flags,
        create_mode,  // of a new file: only where the flags before it ask for one
        permissions,  // octal
        access_mode,
        statx_mask,
        statx,              // struct statx
        directory_entries,  // as many bytes as the call returned
        unlink_flags,
        fcntl_command,
        fcntl_argument,  // of the command before it
        flags,           // named by `names`
        code,            // one of `names`
        owner,           // of chown(2): -1 leaves it
        node_mode,       // type and permissions
        node_device,     // printed for devices
        file_times,      // two of struct timespec
        file_times_us,   // two of struct timeval
        file_system,     // struct statfs
        position,        // [n] behind an address
        clone_flags,
        strings,  // a vector of them, up to NULL
        wait_status,
        wait_flags,
        futex_operation,
        ipc_key,
        ipc_get_flags,  // of shmget and its like: flags and rights
        shm_command,
        sem_command,
        msg_command,
        memory_policy,
    };
    // Whether the call reads what an address leads to, or writes it: then it is printed only where the call worked.
    enum class Direction : std::uint8_t { in, out };

    Kind kind = Kind::none;
    Direction direction = Direction::in;
    const FlagNames* names = nullptr;
};
using ArgumentFormats = std::array<ArgumentFormat, 6>;

struct SyscallLine {
    const char* name;  // nullptr: a number that no call has
    std::uint64_t number;
    const ArgumentFormats& formats;
    Arguments arguments;
};

// "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)". `result` is nullptr before the call.
std::string format_call(const System& system, const SyscallLine& line, const Result<std::uint64_t>* result);
// "0", "0x7ffff7ff5000" for a call that answers with an address, "-1 ENOMEM (Cannot allocate memory)".
std::string format_result(const SyscallLine& line, const Result<std::uint64_t>& result);
// "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---".
std::string format_signal(const SignalInfo& info);
// "+++ exited with 0 +++", "+++ killed by SIGSEGV +++".
std::string format_end(const ExitStatus& status);
// In double quotes, with strace's escapes; longer than 32 bytes it is cut and ends with "...".
std::string quoted(std::span<const std::byte> bytes);

}  // namespace fl::kernel
