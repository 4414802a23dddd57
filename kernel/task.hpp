// Task: the process (Linux: struct task_struct): its registers, address space, files, signals and limits.
#pragma once

#include "emu/registers.hpp"
#include "kernel/capabilities.hpp"
#include "kernel/file_table.hpp"
#include "kernel/resource_limits.hpp"
#include "kernel/signals.hpp"
#include "mm/mm_struct.hpp"
#include "mm/user_memory.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace fl::kernel {

// How the program ended.
struct ExitStatus {
    int status = 0;  // exit status, 128 + signal where a signal ended it
    int signal = 0;  // the signal, 0 for exit
    bool out_of_memory = false;
};

// What the processor said about the last trap that became a signal (thread.trap_nr, error_code, cr2). Signal frames
// show it, those of later signals as well.
struct TrapState {
    std::uint64_t number = 0;
    std::uint64_t error_code = 0;
    std::uint64_t address = 0;  // CR2, of page faults
};

// What rseq(2) registered.
struct RseqArea {
    std::uint64_t address = 0;
    std::uint32_t size_bytes = 0;
    std::uint32_t signature = 0;
};

// Where paths start (Linux: struct fs_struct).
struct FileSystemContext {
    DentryPointer root;
    DentryPointer working_directory;
    std::uint32_t umask = 022;
};

// What the threads of a process share (Linux: struct signal_struct).
struct Process {
    LimitTable limits = default_limits();
};

struct Task {
    std::shared_ptr<Process> process = std::make_shared<Process>();
    std::uint32_t pid = 1;
    std::uint32_t tid = 1;
    std::uint32_t parent_pid = 0;
    std::uint32_t uid = 0, gid = 0;
    CapabilitySets capabilities;
    std::string name;        // comm: the file's name, 15 bytes at most
    std::string executable;  // its absolute path on the host, symbolic links resolved

    emu::Registers registers;
    std::shared_ptr<mm::MmStruct> mm;
    std::shared_ptr<mm::UserMemory> user_memory;
    std::shared_ptr<FileTable> files = std::make_shared<FileTable>();
    std::shared_ptr<FileSystemContext> fs = std::make_shared<FileSystemContext>();
    DentryPointer exe_file;  // /proc/self/exe
    Signals signals;
    TrapState trap;
    mm::ResourceLimits memory_limits() const {
        const bool root = capabilities.has(Capability::ipc_lock) && capabilities.has(Capability::sys_rawio);
        return kernel::memory_limits(process->limits, root ? mm::Privilege::root : mm::Privilege::none);
    }
    // personality(2): ADDR_NO_RANDOMIZE, as under `setarch -R`.
    static constexpr std::uint32_t addr_no_randomize = 0x004'0000, read_implies_exec = 0x040'0000;
    std::uint32_t personality = addr_no_randomize;
    std::optional<RseqArea> rseq;
    std::uint64_t clear_child_tid = 0;
    std::uint64_t robust_list = 0;

    // The number of a call that a signal ended before it did anything: it is made again unless a handler without
    // SA_RESTART runs first (-ERESTARTSYS).
    std::optional<std::uint64_t> restart_call;

    std::optional<ExitStatus> exit;  // set: the program is over

    // The first reason to end is the one that counts.
    void exit_with(int status) {
        if (!exit) exit = ExitStatus{status & 0xff, 0, false};
    }
    void die_of(int signal) {
        if (!exit) exit = ExitStatus{128 + signal, signal, false};
    }
};

// A signal that a call of the process's own brings about (send_sig): SIGPIPE, SIGXFSZ.
inline void signal_self(Task& task, int number) {
    const SignalInfo info{
        .number = number, .code = si_code_user, .detail = SignalInfo::Detail::sender, .pid = task.pid, .uid = task.uid};
    // A standard signal needs no room in a queue.
    (void)task.signals.send(SignalQueue::thread, info, 0);
}

}  // namespace fl::kernel
