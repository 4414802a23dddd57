// System V semaphores (Linux: ipc/sem.c): sets of numbers that are changed together or not at all, who waits for that,
// and what is undone when a process ends.
//
// Who waits does not take its turn itself: whoever changes the numbers does for those that wait, first come first
// served, what has become possible.
#pragma once

#include "kernel/sysv_ids.hpp"
#include "kernel/wait_queue.hpp"

#include <sys/sem.h>

#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

struct SemaphoreSet {
    struct Semaphore {
        std::int32_t value = 0;
        std::uint32_t last_pid = 0;
    };
    // What SEM_UNDO adds to each semaphore when the process ends (struct sem_undo).
    using Adjustments = std::vector<std::int32_t>;
    // A call that cannot be done yet.
    struct Pending {
        std::vector<sembuf> operations;
        std::uint32_t pid;
        Adjustments* undo;
        std::size_t blocked_at = 0;  // of operations: what it waits for
        std::optional<Errno> failure{};
        bool is_done = false;
    };

    IpcPermissions permissions;
    std::vector<Semaphore> semaphores;
    std::uint64_t operated_s = 0, changed_s = 0;
    bool is_removed = false;
    std::list<Pending> pending;
    std::map<std::uint64_t, Adjustments> undo;  // by the list's number
    WaitQueue changed;
};

class SemaphoreSets {
public:
    static constexpr std::int32_t max_per_set = 32000;         // SEMMSL
    static constexpr std::int32_t max_of_all = 1'024'000'000;  // SEMMNS
    static constexpr std::uint64_t max_operations = 500;       // SEMOPM
    static constexpr std::uint32_t max_sets = 32000;           // SEMMNI
    static constexpr std::int32_t max_value = 32767;           // SEMVMX

    explicit SemaphoreSets(Clock& clock) : clock_(clock) {}
    SemaphoreSets(const SemaphoreSets&) = delete;
    SemaphoreSets& operator=(const SemaphoreSets&) = delete;

    // newary(). EINVAL (no semaphore), ENOSPC; ENOMEM where all of them would take more of the host than a part of the
    // machine's RAM.
    Result<std::uint64_t> add(const System& system, std::int32_t key, std::int32_t count, std::int32_t flags);
    void remove(SemaphoreSet& set);
    // semtimedop(2), from the rights on. EAGAIN, ENOSPC, ERANGE, EIDRM, EINTR.
    Result<std::uint64_t> operate(System& system, const std::shared_ptr<SemaphoreSet>& set,
                                  std::vector<sembuf> operations, std::optional<std::uint64_t> deadline_ns);
    // SETVAL and SETALL: nobody undoes to what it was before. ERANGE.
    Result<void> set_values(SemaphoreSet& set, std::size_t first, const std::vector<std::uint16_t>& values,
                            std::uint32_t pid);
    // How many calls wait for the semaphore to become larger, or zero (GETNCNT, GETZCNT).
    static std::uint64_t count_waiting(const SemaphoreSet& set, std::uint16_t number, bool for_zero);

    // CLONE_SYSVSEM: both undo together from now on.
    void share_undo(const Task& parent, const Task& child);
    // exit_sem(): the last who shares a list undoes.
    void exit_task(const Task& task);

    const IpcTable<SemaphoreSet>& table() const { return table_; }
    std::int32_t total_semaphores() const;
    std::uint64_t now_s();
    std::string proc_text() const;

private:
    // Does all of a call or nothing. nullopt: it has to wait.
    static std::optional<Result<void>> perform(SemaphoreSet& set, SemaphoreSet::Pending& call);
    void update(SemaphoreSet& set);
    std::uint64_t undo_list_of(const Task& task);
    Result<SemaphoreSet::Adjustments*> adjustments_of(const Task& task, SemaphoreSet& set);

    Clock& clock_;
    IpcTable<SemaphoreSet> table_;
    std::map<std::uint32_t, std::uint64_t> undo_lists_;  // of a task, by its number
    std::uint64_t last_undo_list_ = 0;
    std::size_t adjustment_count_ = 0;  // of all sets and lists
};

}  // namespace fl::kernel
