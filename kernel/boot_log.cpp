#include "kernel/boot_log.hpp"

#include "kernel/kernel_version.hpp"
#include "mm/swap_device.hpp"

#include <algorithm>
#include <filesystem>

namespace fl::kernel {

namespace {

constexpr std::size_t command_line_bytes = 2048;  // COMMAND_LINE_SIZE

std::uint64_t kib(PageCount pages) { return pages.bytes() / 1024; }

// A parameter with blanks stands in quotes (lib/cmdline.c, next_arg).
std::string quoted(const std::string& word) {
    return word.find_first_of(" \t\n") == std::string::npos ? word : '"' + word + '"';
}

// Frame 0 is nobody's, so that no frame has the number 0.
void log_memory(KernelLog& log, const mm::PhysicalMemory& memory) {
    const std::uint64_t end = memory.total_page_count().bytes();
    log.print(LogLevel::info, "user-defined physical RAM map:");
    log.print(LogLevel::info, "user: [mem {:#018x}-{:#018x}] reserved", 0, page_size - 1);
    log.print(LogLevel::info, "user: [mem {:#018x}-{:#018x}] usable", page_size, end - 1);
    log.print(LogLevel::info, "Memory: {}K/{}K available ({}K reserved)", kib(memory.buddy().free_page_count()),
              kib(memory.total_page_count()), kib(memory.used_page_count()));
}

void log_swap(KernelLog& log, const mm::SwapDevice& swap) {
    if (swap.slot_count() == PageCount(0)) return;
    const std::string file = swap.file().empty() ? "/swap" : std::filesystem::absolute(swap.file()).string();
    log.print(LogLevel::info, "Adding {0}k swap on {1}.  Priority:-2 extents:1 across:{0}k", kib(swap.slot_count()),
              file);
}

}  // namespace

std::string linux_banner() {
    return fmt::format("Linux version {} (faultline@faultline) (c++) {}", kernel_release, kernel_version);
}

std::string command_line_of(const MachineOptions& options, const ProgramSpec& program) {
    std::string line = fmt::format("mem={}K init={}", kib(options.memory), quoted(program.path));
    for (std::size_t i = 1; i < program.argv.size(); ++i) line += (i == 1 ? " -- " : " ") + quoted(program.argv[i]);
    line.resize(std::min(line.size(), command_line_bytes - 1));
    return line;
}

void log_boot(KernelState& kernel, const mm::PhysicalMemory& memory, const mm::SwapDevice& swap) {
    KernelLog& log = kernel.log;
    log.print(LogLevel::notice, "{}", linux_banner());
    log.print(LogLevel::info, "Command line: {}", kernel.command_line);
    log_memory(log, memory);
    // What RDTSC counts (Clock).
    log.print(LogLevel::info, "tsc: Detected 1000.000 MHz processor");
    log_swap(log, swap);
}

}  // namespace fl::kernel
