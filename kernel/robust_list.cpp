#include "kernel/robust_list.hpp"

#include "kernel/futex.hpp"

namespace fl::kernel {

namespace {

constexpr std::uint32_t futex_waiters = 0x8000'0000, futex_owner_died = 0x4000'0000, futex_tid_mask = 0x3fff'ffff;
constexpr unsigned max_locks = 2048;  // ROBUST_LIST_LIMIT

struct UserRobustListHead {
    std::uint64_t first;
    std::int64_t futex_offset;
    std::uint64_t pending;
};

// handle_futex_death().
void release_lock(System& system, std::uint64_t word_address, bool pending) {
    Task& task = system.task;
    const auto word = task.user_memory->read<std::uint32_t>(VirtAddr(word_address));
    if (!word) return;
    const auto wake_one = [&] {
        if (const auto key = Futexes::key(system, word_address, false)) system.futexes.wake(*key, 1);
    };
    // The owner let go and ended before it could wake anybody.
    if (pending && *word == 0) return wake_one();
    if ((*word & futex_tid_mask) != task.tid) return;
    (void)task.user_memory->write(VirtAddr(word_address), (*word & futex_waiters) | futex_owner_died);
    if ((*word & futex_waiters) != 0) wake_one();
}

}  // namespace

void release_robust_list(System& system) {
    Task& task = system.task;
    const auto head = task.user_memory->read<UserRobustListHead>(VirtAddr(task.robust_list));
    if (!head) return;
    // The lowest bit marks locks with priority inheritance, which there are not.
    constexpr std::uint64_t pi_bit = 1;
    const auto word_of = [&head](std::uint64_t entry) {
        return entry + static_cast<std::uint64_t>(head->futex_offset);
    };
    std::uint64_t entry = head->first;
    for (unsigned count = 0; (entry & ~pi_bit) != task.robust_list && count < max_locks; ++count) {
        // The next one first: the lock may be gone once it is handed on.
        const auto next = task.user_memory->read<std::uint64_t>(VirtAddr(entry & ~pi_bit));
        if (entry != head->pending) release_lock(system, word_of(entry & ~pi_bit), false);
        if (!next) return;
        entry = *next;
    }
    if (head->pending != 0) release_lock(system, word_of(head->pending & ~pi_bit), true);
}

}  // namespace fl::kernel
