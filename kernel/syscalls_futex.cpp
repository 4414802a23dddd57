// futex(2) (Linux: kernel/futex/syscalls.c).
#include "kernel/futex.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"

#include <linux/futex.h>

namespace fl::kernel {

namespace {

// The end of a wait in CLOCK_MONOTONIC; nullopt: there is none. EINVAL, EFAULT.
Result<std::optional<std::uint64_t>> read_deadline(System& system, std::uint64_t address, int command, bool realtime) {
    if (address == 0) return std::optional<std::uint64_t>();
    const auto time = read_user_time(system, address);
    if (!time) return fail(time.error());
    // FUTEX_WAIT alone says for how long; the others say until when.
    const std::uint64_t now_ns = system.clock.monotonic_ns();
    if (command == FUTEX_WAIT) {
        if (system.task.restarted_deadline_ns) return std::optional(*system.task.restarted_deadline_ns);
        return std::optional(add_times(now_ns, *time));
    }
    if (!realtime) return std::optional(*time);
    const std::uint64_t real_ns = system.clock.realtime_ns();
    return std::optional(add_times(now_ns, *time > real_ns ? *time - real_ns : 0));
}

Result<std::uint64_t> wait(System& system, const Arguments& a, bool is_private, std::uint32_t bits, int command) {
    const bool realtime = (int_argument(a[1]) & FUTEX_CLOCK_REALTIME) != 0;
    const auto deadline = read_deadline(system, a[3], command, realtime);
    if (!deadline) return fail(deadline.error());
    const auto waited = system.futexes.wait(system, {.address = a[0],
                                                     .is_private = is_private,
                                                     .expected = static_cast<std::uint32_t>(a[2]),
                                                     .bits = bits,
                                                     .deadline_ns = *deadline});
    if (waited) return 0;
    if (waited.error() != Errno::eintr) return fail(waited.error());
    using Kind = RestartCall::Kind;
    return fail(interrupted(system.task, *deadline ? Kind::without_handler : Kind::with_restart, *deadline));
}

// FUTEX_WAKE_OP: op, cmp, and their operands in one word (futex_atomic_op_inuser).
Result<bool> operate(System& system, std::uint64_t address, std::uint32_t encoded) {
    const auto signed_12 = [](std::uint32_t value) { return static_cast<std::int32_t>(value << 20) >> 20; };
    const std::uint32_t operation = encoded >> 28 & 7, comparison = encoded >> 24 & 15;
    std::int32_t argument = signed_12(encoded >> 12 & 0xfff);
    const std::int32_t compared = signed_12(encoded & 0xfff);
    if ((encoded >> 28 & FUTEX_OP_OPARG_SHIFT) != 0) argument = static_cast<std::int32_t>(1U << (argument & 31));
    const auto old = system.user().read<std::int32_t>(VirtAddr(address));
    if (!old) return fail(old.error());
    std::int32_t changed = 0;
    switch (operation) {
        case FUTEX_OP_SET: changed = argument; break;
        case FUTEX_OP_ADD:
            changed =
                static_cast<std::int32_t>(static_cast<std::uint32_t>(*old) + static_cast<std::uint32_t>(argument));
            break;
        case FUTEX_OP_OR: changed = *old | argument; break;
        case FUTEX_OP_ANDN: changed = *old & ~argument; break;
        case FUTEX_OP_XOR: changed = *old ^ argument; break;
        default: return fail(Errno::enosys);
    }
    if (auto done = system.user().write(VirtAddr(address), changed); !done) return fail(done.error());
    switch (comparison) {
        case FUTEX_OP_CMP_EQ: return *old == compared;
        case FUTEX_OP_CMP_NE: return *old != compared;
        case FUTEX_OP_CMP_LT: return *old < compared;
        case FUTEX_OP_CMP_LE: return *old <= compared;
        case FUTEX_OP_CMP_GT: return *old > compared;
        case FUTEX_OP_CMP_GE: return *old >= compared;
        default: return fail(Errno::enosys);
    }
}

Result<std::uint64_t> wake_operate(System& system, const Arguments& a, bool is_private) {
    const auto first = Futexes::key(system, a[0], is_private);
    if (!first) return fail(first.error());
    const auto second = Futexes::key(system, a[4], is_private);
    if (!second) return fail(second.error());
    const auto holds = operate(system, a[4], static_cast<std::uint32_t>(a[5]));
    if (!holds) return fail(holds.error());
    std::uint64_t woken = system.futexes.wake(*first, static_cast<std::uint32_t>(a[2]));
    if (*holds) woken += system.futexes.wake(*second, static_cast<std::uint32_t>(a[3]));
    return woken;
}

Result<std::uint64_t> requeue(System& system, const Arguments& a, bool is_private, bool compare) {
    const auto count = int_argument(a[2]), moved = int_argument(a[3]);
    if (count < 0 || moved < 0) return fail(Errno::einval);
    const auto from = Futexes::key(system, a[0], is_private);
    if (!from) return fail(from.error());
    const auto to = Futexes::key(system, a[4], is_private);
    if (!to) return fail(to.error());
    if (compare) {
        const auto value = system.user().read<std::uint32_t>(VirtAddr(a[0]));
        if (!value) return fail(value.error());
        if (*value != static_cast<std::uint32_t>(a[5])) return fail(Errno::eagain);
    }
    const std::uint64_t woken = system.futexes.wake(*from, static_cast<std::uint32_t>(count));
    return woken + system.futexes.requeue(*from, *to, static_cast<std::uint32_t>(moved));
}

}  // namespace

Result<std::uint64_t> sys_futex(System& system, const Arguments& a) {
    const int command = int_argument(a[1]) & FUTEX_CMD_MASK;
    const bool is_private = (int_argument(a[1]) & FUTEX_PRIVATE_FLAG) != 0;
    const bool realtime = (int_argument(a[1]) & FUTEX_CLOCK_REALTIME) != 0;
    if (realtime && command != FUTEX_WAIT_BITSET && command != FUTEX_WAIT_REQUEUE_PI && command != FUTEX_LOCK_PI2) {
        return fail(Errno::enosys);
    }
    const auto bits = static_cast<std::uint32_t>(a[5]);
    switch (command) {
        case FUTEX_WAIT: return wait(system, a, is_private, Futexes::any_bit, command);
        case FUTEX_WAIT_BITSET: return wait(system, a, is_private, bits, command);
        case FUTEX_WAKE:
        case FUTEX_WAKE_BITSET: {
            if (command == FUTEX_WAKE_BITSET && bits == 0) return fail(Errno::einval);
            const auto key = Futexes::key(system, a[0], is_private);
            if (!key) return fail(key.error());
            // As on Linux one is woken where none is asked for.
            const auto count = std::max<std::int32_t>(int_argument(a[2]), 1);
            return system.futexes.wake(*key, static_cast<std::uint32_t>(count),
                                       command == FUTEX_WAKE ? Futexes::any_bit : bits);
        }
        case FUTEX_REQUEUE: return requeue(system, a, is_private, false);
        case FUTEX_CMP_REQUEUE: return requeue(system, a, is_private, true);
        case FUTEX_WAKE_OP: return wake_operate(system, a, is_private);
        // As a kernel without priority inheritance answers.
        default: return fail(Errno::enosys);
    }
}

// The lists of other threads are seen by whoever may trace them: here everybody.
Result<std::uint64_t> sys_get_robust_list(System& system, const Arguments& a);

}  // namespace fl::kernel
