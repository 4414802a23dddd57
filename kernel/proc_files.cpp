// What /proc holds, file by file.
#include "kernel/proc_files.hpp"
#include "kernel/kernel_version.hpp"
#include "kernel/system.hpp"

#include <fmt/format.h>

namespace fl::kernel {

namespace {

// What uname(2) says, and who built it.
void add_system_files(ProcFs& proc) {
    proc.add_file("version", [](const System&) -> Result<std::string> {
        return fmt::format("Linux version {} (faultline@faultline) (c++) {}\n", kernel_release, kernel_version);
    });
    // fs/filesystems.c: "nodev" stands before those that need no block device.
    proc.add_file("filesystems", [](const System&) -> Result<std::string> {
        return "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tramfs\n";
    });
}

}  // namespace

void add_proc_files(ProcFs& proc) {
    add_process_files(proc);
    add_memory_files(proc);
    add_system_files(proc);
    add_machine_files(proc);
    add_settings(proc);
    proc.add_link("mounts", "self/mounts");
}

}  // namespace fl::kernel
