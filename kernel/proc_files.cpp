// What /proc holds, file by file.
#include "kernel/proc_files.hpp"
#include "kernel/boot_log.hpp"
#include "kernel/proc_fragmentation.hpp"
#include "kernel/system.hpp"
#include "kernel/sysv_ipc.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

// What uname(2) says, and who built it.
void add_system_files(ProcFs& proc) {
    proc.add_file("version", [](const System&) -> Result<std::string> { return linux_banner() + "\n"; });
    // fs/filesystems.c: "nodev" stands before those that need no block device.
    proc.add_file("filesystems", [](const System&) -> Result<std::string> {
        return "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tramfs\n";
    });
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
    add_machine_files(proc);
    add_settings(proc);
    add_fragmentation_files(proc);
    add_ipc_files(proc);
    proc.add_link("mounts", "self/mounts");
}

}  // namespace fl::kernel
