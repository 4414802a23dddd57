// What /proc says of memory, file by file: proc_files.hpp.
#include "kernel/clear_refs.hpp"
#include "kernel/memory_census.hpp"
#include "kernel/proc_files.hpp"
#include "kernel/proc_frames.hpp"
#include "kernel/proc_maps.hpp"
#include "kernel/proc_mem.hpp"
#include "kernel/proc_meminfo.hpp"
#include "kernel/proc_slabinfo.hpp"
#include "kernel/proc_smaps.hpp"
#include "kernel/proc_status.hpp"
#include "kernel/proc_task.hpp"
#include "kernel/process_access.hpp"
#include "kernel/processes.hpp"
#include "kernel/ptrace_access.hpp"
#include "kernel/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace fl::kernel {

namespace {

constexpr mode_t owner_reads = 0400;
constexpr mode_t owner_writes = 0200;
constexpr mode_t owner_reads_writes = 0600;

std::vector<const mm::MmStruct*> all_spaces(const System& system) {
    const auto spaces = system.processes.address_spaces();
    return {spaces.begin(), spaces.end()};
}

MemoryCensus census_of(const System& system) { return take_census(system.memory, all_spaces(system)); }

// seq_file's and the arrays' lseek: no end to seek from.
Result<std::uint64_t> seek_without_end(std::uint64_t& position, std::int64_t offset, int whence) {
    if (whence != SEEK_SET && whence != SEEK_CUR) return fail(Errno::einval);
    const auto moved = moved_position(position, 0, offset, whence);
    if (moved) position = *moved;
    return moved;
}

// An array of words, of which read_at() copies those from an offset on.
class WordsDescription final : public FileDescription {
public:
    using ReadAt = std::function<Result<std::uint64_t>(const System&, std::uint64_t, std::span<std::byte>)>;
    WordsDescription(const DentryPointer& dentry, int flags, ReadAt read_at)
        : FileDescription(dentry, flags), read_at_(std::move(read_at)) {}

    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override {
        constexpr std::uint64_t chunk_bytes = std::uint64_t{64} << 10;
        std::uint64_t done = 0;
        while (true) {
            std::vector<std::byte> chunk(std::min(into.bytes_left(), chunk_bytes));
            const auto got = read_at_(system, at, chunk);
            if (!got) return done > 0 ? Result<std::uint64_t>(done) : fail(got.error());
            const std::uint64_t copied = into.copy_to_guest(std::span(chunk).first(*got));
            if (copied < *got && done + copied == 0) return fail(Errno::efault);
            done += copied;
            at += copied;
            if (copied < chunk_bytes) return done;
        }
    }
    Result<std::uint64_t> seek(System&, std::int64_t offset, int whence) override {
        return seek_without_end(position, offset, whence);
    }

private:
    ReadAt read_at_;
};

ProcOpener opener_of(WordsDescription::ReadAt read_at) {
    return [read_at = std::move(read_at)](System&, const DentryPointer& dentry,
                                          int flags) -> Result<std::shared_ptr<FileDescription>> {
        return std::make_shared<WordsDescription>(dentry, flags, read_at);
    };
}

Result<std::shared_ptr<FileDescription>> open_pagemap(System& system, Task& task, const DentryPointer& dentry,
                                                      int flags) {
    // The address space at the time of the opening, as long as it is the process's.
    if (task.mm == nullptr) return fail(Errno::esrch);
    if (!may_ptrace(system.task, task, PtraceMode::file_system)) return fail(Errno::eacces);
    auto space = std::make_shared<HeldSpace>(task);
    return std::make_shared<WordsDescription>(
        dentry, flags,
        [space = std::move(space)](const System&, std::uint64_t offset,
                                   std::span<std::byte> into) -> Result<std::uint64_t> {
            if (space->is_abandoned()) return 0;
            return read_pagemap(space->mm(), offset, into);
        });
}

// A file whose text depends on the address space alone; empty where there is none.
template <std::string (*generate)(const mm::MmStruct&)>
Result<std::string> of_mm(const System&, const Task& task) {
    return task.mm != nullptr ? generate(*task.mm) : std::string();
}

void add_process_memory(ProcFs& proc) {
    proc.add_process_file("maps", of_mm<proc_maps>, 0444, ProcReads::lines, ProcAccess::tracers);
    proc.add_process_file("smaps", of_mm<proc_smaps>, 0444, ProcReads::lines, ProcAccess::tracers);
    proc.add_process_file("smaps_rollup", of_mm<proc_smaps_rollup>, 0444, ProcReads::whole, ProcAccess::memory);
    proc.add_process_file("statm", [](const System&, const Task& task) -> Result<std::string> {
        return task.mm != nullptr ? proc_statm(*task.mm) : "0 0 0 0 0 0 0\n";
    });
    proc.add_process_file("auxv", of_mm<proc_auxv>, owner_reads, ProcReads::whole, ProcAccess::memory);
    proc.add_process_file("cmdline", [](const System& system, const Task& task) -> Result<std::string> {
        return task.mm != nullptr ? proc_cmdline(system.memory.ram(), *task.mm) : std::string();
    });
    proc.add_process_file(
        "environ",
        [](const System& system, const Task& task) -> Result<std::string> {
            return proc_environ(system.memory.ram(), *task.mm);
        },
        owner_reads, ProcReads::whole, ProcAccess::memory);
    proc.add_process_writable_file(
        "clear_refs", [](const System&, const Task&) -> Result<std::string> { return fail(Errno::einval); }, clear_refs,
        owner_writes);
    proc.add_process_special_file("pagemap", open_pagemap, owner_reads);
    proc.add_process_special_file("mem", open_mem, owner_reads_writes);
}

void add_frames(ProcFs& proc) {
    proc.add_special_file("kpagecount",
                          opener_of([](const System& system, std::uint64_t at, std::span<std::byte> into) {
                              return read_kpagecount(system.memory, at, into);
                          }));
    proc.add_special_file("kpageflags",
                          opener_of([](const System& system, std::uint64_t at, std::span<std::byte> into) {
                              return read_kpageflags(system.memory, all_spaces(system), at, into);
                          }));
    proc.add_special_file("kpagecgroup",
                          opener_of([](const System& system, std::uint64_t at, std::span<std::byte> into) {
                              return read_kpagecgroup(system.memory, at, into);
                          }));
}

void add_machine_memory(ProcFs& proc) {
    proc.add_file("meminfo",
                  [](const System& system) -> Result<std::string> { return proc_meminfo(census_of(system)); });
    proc.add_file("vmstat", [](const System& system) -> Result<std::string> {
        return proc_vmstat(census_of(system), system.faults.counters(), system.memory);
    });
    proc.add_file("zoneinfo", [](const System& system) -> Result<std::string> {
        return proc_zoneinfo(census_of(system), system.memory);
    });
    proc.add_file("swaps", [](const System& system) -> Result<std::string> { return proc_swaps(system.memory); });
    proc.add_file("buddyinfo",
                  [](const System& system) -> Result<std::string> { return proc_buddyinfo(system.memory); });
    proc.add_file(
        "vmallocinfo", [](const System& system) -> Result<std::string> { return proc_vmallocinfo(system.memory); },
        owner_reads);
    proc.add_file(
        "slabinfo", [](const System& system) -> Result<std::string> { return proc_slabinfo(system.memory); },
        owner_reads);
    proc.add_file("iomem", [](const System& system) -> Result<std::string> { return proc_iomem(system.memory); });
}

}  // namespace

void add_memory_files(ProcFs& proc) {
    add_process_memory(proc);
    add_frames(proc);
    add_machine_memory(proc);
}

}  // namespace fl::kernel
