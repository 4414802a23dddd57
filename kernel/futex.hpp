// Futexes: waiting for a word of memory to change (Linux: kernel/futex). Who waits is found by the word: in memory that
// processes share by its place in the file, else by its address in the address space.
#pragma once

#include "kernel/system.hpp"

#include <compare>
#include <cstddef>
#include <list>
#include <map>

namespace fl::kernel {

struct FutexKey {
    const void* object = nullptr;  // mm::MmStruct or mm::File
    std::uint64_t offset = 0;      // address, or byte in the file
    auto operator<=>(const FutexKey&) const = default;
};

class Futexes {
public:
    static constexpr std::uint32_t any_bit = 0xffff'ffff;  // FUTEX_BITSET_MATCH_ANY

    // The key of the word at `address`. EINVAL where it is not aligned, EFAULT where nothing is mapped.
    static Result<FutexKey> key(System& system, std::uint64_t address, bool is_private);

    // Waits while the word holds `expected`. EAGAIN where it does not, EINTR, ETIMEDOUT, EFAULT.
    struct Wait {
        std::uint64_t address = 0;
        bool is_private = false;
        std::uint32_t expected = 0;
        std::uint32_t bits = any_bit;
        std::optional<std::uint64_t> deadline_ns;  // of CLOCK_MONOTONIC
    };
    Result<void> wait(System& system, const Wait& request);
    // Wakes at most `count` that wait for one of `bits`, in the order in which they came; returns how many.
    std::uint32_t wake(const FutexKey& key, std::uint32_t count, std::uint32_t bits = any_bit);
    // Lets `count` of those that wait for `from` wait for `to`; returns how many.
    std::uint32_t requeue(const FutexKey& from, const FutexKey& to, std::uint32_t count);

    std::size_t waiter_count() const;

private:
    struct Waiter {
        FutexKey key;
        std::uint32_t bits;
        bool woken = false;
        WaitQueue queue;
    };
    void forget(const Waiter& waiter);

    std::map<FutexKey, std::list<Waiter*>> waiters_;
};

}  // namespace fl::kernel
