// System V shared memory (Linux: ipc/shm.c): segments, and who has them attached.
//
// A segment is a file of shared memory without a name. Every shmat(2) makes a new way into it (ShmAttachment), and
// every VMA that comes from it counts as one attachment: a split makes two of one, fork doubles them.
#pragma once

#include "kernel/clock.hpp"
#include "kernel/sysv_ids.hpp"
#include "mm/file.hpp"
#include "mm/mm_struct.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>

namespace fl::kernel {

// struct shmid_kernel. Times are seconds since 1970, 0: never.
struct ShmSegment {
    static constexpr std::uint32_t destroyed = 01000;  // SHM_DEST: gone with the last who has it attached
    static constexpr std::uint32_t locked = 02000;     // SHM_LOCKED

    IpcPermissions permissions;
    std::shared_ptr<mm::File> file;
    std::uint64_t size_bytes = 0;
    std::uint64_t attached_s = 0, detached_s = 0, changed_s = 0;
    std::uint32_t creator_pid = 0, last_pid = 0;
    std::uint64_t attach_count = 0;

    PageCount swapped_page_count() const { return PageCount(file->swapped_pages().size()); }
};

class ShmSegments {
public:
    static constexpr std::uint64_t max_bytes = ~std::uint64_t{0} - (std::uint64_t{1} << 24);  // SHMMAX
    static constexpr std::uint64_t max_pages_of_all = max_bytes;                              // SHMALL
    static constexpr std::uint64_t max_segments = 4096;                                       // SHMMNI

    // `running_pid` is the process that attaches and detaches.
    ShmSegments(Clock& clock, std::function<std::uint32_t()> running_pid)
        : clock_(clock), running_pid_(std::move(running_pid)) {}
    ShmSegments(const ShmSegments&) = delete;
    ShmSegments& operator=(const ShmSegments&) = delete;

    struct NewSegment {
        std::int32_t key = 0, flags = 0;
        std::uint64_t size_bytes = 0;
    };
    // newseg(): its identifier. EINVAL, ENOSPC, ENOMEM.
    Result<std::uint64_t> add(System& system, const NewSegment& wanted);
    // IPC_RMID: at once, or with the last who has it attached.
    void remove(ShmSegment& segment);
    // What a VMA of a new shmat(2) reports to.
    std::shared_ptr<mm::MappingObserver> attachment(const std::shared_ptr<ShmSegment>& segment);

    const IpcTable<ShmSegment>& table() const { return table_; }
    std::uint64_t total_pages() const;
    // /proc/sysvipc/shm.
    std::string proc_text() const;
    std::uint64_t now_s() const;
    // Every segment counts the VMAs that map it, and those that are doomed are mapped by somebody; nullopt: all is
    // well.
    std::optional<std::string> inconsistency(std::span<const mm::MmStruct* const> spaces) const;

private:
    friend class ShmAttachment;
    void opened(ShmSegment& segment);
    void closed(ShmSegment& segment);

    Clock& clock_;
    std::function<std::uint32_t()> running_pid_;
    IpcTable<ShmSegment> table_;
};

}  // namespace fl::kernel
