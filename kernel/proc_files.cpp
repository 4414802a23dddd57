// What /proc holds, file by file.
#include "kernel/proc_files.hpp"
#include "kernel/kernel_version.hpp"
#include "kernel/system.hpp"
#include "kernel/sysv_ipc.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

Result<DentryPointer> existing(const DentryPointer& dentry) {
    return dentry != nullptr ? Result<DentryPointer>(dentry) : fail(Errno::enoent);
}

// comm_write() takes 15 bytes and drops the rest.
Result<void> set_name(System&, Task& task, std::string_view text) {
    constexpr std::size_t comm_length = 15;
    text = text.substr(0, std::min(text.find('\0'), comm_length));
    task.name = text;
    return {};
}

void add_process_files(ProcFs& proc) {
    proc.add_process_writable_file(
        "comm", [](const System&, const Task& task) { return task.name + "\n"; }, set_name);
    proc.add_process_link("cwd", [](const System&, const Task& task) { return existing(task.fs->working_directory); });
    proc.add_process_link("exe", [](const System&, const Task& task) { return existing(task.exe_file); });
    proc.add_process_link("root", [](const System&, const Task& task) { return existing(task.fs->root); });
}

// What uname(2) says, and who built it.
void add_system_files(ProcFs& proc) {
    proc.add_file("version", [](const System&) -> Result<std::string> {
        return fmt::format("Linux version {} (faultline@faultline) (c++) {}\n", kernel_release, kernel_version);
    });
    // fs/filesystems.c: "nodev" stands before those that need no block device.
    proc.add_file("filesystems",
                  [](const System&) -> Result<std::string> { return "nodev\ttmpfs\nnodev\tproc\nnodev\tramfs\n"; });
}

void add_ipc_files(ProcFs& proc) {
    proc.add_file("sysvipc/shm",
                  [](const System& system) -> Result<std::string> { return system.ipc.shm.proc_text(); });
    proc.add_file("sysvipc/sem",
                  [](const System& system) -> Result<std::string> { return system.ipc.sem.proc_text(); });
    proc.add_file("sysvipc/msg",
                  [](const System& system) -> Result<std::string> { return system.ipc.msg.proc_text(); });
    proc.add_file("sys/kernel/shmmax",
                  [](const System&) -> Result<std::string> { return fmt::format("{}\n", ShmSegments::max_bytes); });
    proc.add_file("sys/kernel/shmall", [](const System&) -> Result<std::string> {
        return fmt::format("{}\n", ShmSegments::max_pages_of_all);
    });
    proc.add_file("sys/kernel/shmmni",
                  [](const System&) -> Result<std::string> { return fmt::format("{}\n", ShmSegments::max_segments); });
}

}  // namespace

void add_proc_files(ProcFs& proc) {
    add_process_files(proc);
    add_memory_files(proc);
    add_system_files(proc);
    add_ipc_files(proc);
    proc.add_link("mounts", "self/mounts");
}

}  // namespace fl::kernel
