// FileTable: a process's file descriptors (Linux: struct files_struct): numbers for open files.
#pragma once

#include "kernel/task_memory.hpp"
#include "kernel/vfs/file_description.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace fl::kernel {

using DescriptionPointer = std::shared_ptr<FileDescription>;

enum class OnExec : std::uint8_t { keep, close };  // FD_CLOEXEC

class FileTable {
public:
    // Descriptors 0, 1 and 2, as far as the host has them open.
    static FileTable standard_streams();
    // Descriptors 0, 1, ... for these streams of the host: for tests.
    explicit FileTable(const std::vector<int>& host_fds = {});
    FileTable(const FileTable&) = default;
    FileTable& operator=(const FileTable&) = delete;
    // Record locks are the table's: they go with it, and with every descriptor of their file that is closed.
    ~FileTable();

    // EBADF. `fd` is a system call's argument, of which the lower half counts. find() knows no file that was opened
    // with O_PATH, find_any() does (fdget, fdget_raw).
    Result<DescriptionPointer> find(std::uint64_t fd) const;
    Result<DescriptionPointer> find_any(std::uint64_t fd) const;
    Result<OnExec> on_exec(std::uint64_t fd) const;
    Result<void> set_on_exec(std::uint64_t fd, OnExec on_exec);
    Result<void> close(std::uint64_t fd);
    // The first free number from `lowest`. EINVAL (lowest beyond limit), EMFILE.
    Result<std::uint32_t> find_free(std::uint64_t lowest, std::uint64_t limit) const;
    // At a number that is free or is to be closed.
    void put(std::uint32_t fd, DescriptionPointer description, OnExec on_exec);
    // dup(2), fcntl(F_DUPFD): onto the first free one from `lowest`. EBADF, EINVAL, EMFILE.
    Result<std::uint64_t> duplicate(std::uint64_t fd, std::uint64_t lowest, std::uint64_t limit, OnExec on_exec);
    // dup2(2), dup3(2) with two different descriptors. EBADF.
    Result<std::uint64_t> duplicate_to(std::uint64_t fd, std::uint64_t target, std::uint64_t limit, OnExec on_exec);
    // What is to be closed at exec (FD_CLOEXEC) is.
    void close_on_exec();
    // The numbers in use, in ascending order.
    std::vector<std::uint32_t> numbers() const;
    // What it takes of the machine's memory; a copy takes its own.
    void hold(mm::SlabObject object) { object_.hold(std::move(object)); }

private:
    struct Slot {
        DescriptionPointer description;  // nullptr: free
        OnExec on_exec = OnExec::keep;
    };
    Slot* slot(std::uint64_t fd);
    DescriptionPointer empty(Slot& slot);

    std::vector<Slot> slots_;
    OwnSlabObject object_;
};

}  // namespace fl::kernel
