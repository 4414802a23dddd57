// System V semaphores' calls (Linux: ipc/sem.c), in Linux's order of checks.
#include "kernel/syscalls.hpp"
#include "kernel/sysv_ipc.hpp"
#include "kernel/user_time.hpp"

#include <sys/sem.h>

#include <algorithm>

namespace fl::kernel {

namespace {

using SetPointer = std::shared_ptr<SemaphoreSet>;

constexpr std::int32_t stat_any = 20;  // SEM_STAT_ANY

Result<std::uint64_t> information(System& system, std::int32_t command, std::uint64_t target) {
    const SemaphoreSets& sets = system.ipc.sem;
    seminfo info{};
    info.semmni = static_cast<int>(SemaphoreSets::max_sets);
    info.semmns = info.semmnu = info.semmap = SemaphoreSets::max_of_all;
    info.semmsl = SemaphoreSets::max_per_set;
    info.semopm = info.semume = static_cast<int>(SemaphoreSets::max_operations);
    info.semvmx = info.semaem = SemaphoreSets::max_value;
    constexpr int undo_structure_bytes = 20;
    info.semusz = undo_structure_bytes;
    if (command == SEM_INFO) {
        info.semusz = static_cast<int>(sets.table().count());
        info.semaem = sets.total_semaphores();
    }
    if (auto done = system.user().write(VirtAddr(target), info); !done) return fail(done.error());
    return sets.table().highest_index();
}

Result<std::uint64_t> status(System& system, std::int32_t id, std::int32_t command, std::uint64_t target) {
    const auto& table = system.ipc.sem.table();
    const auto set = command == IPC_STAT ? table.find(id) : table.find_index(id);
    if (!set) return fail(set.error());
    const bool asks = command != stat_any;
    if (asks && !ipc_permits(system.task, (*set)->permissions, ipc_read_all)) return fail(Errno::eacces);
    semid_ds user{};
    user.sem_perm = ipc_user_permissions((*set)->permissions);
    user.sem_otime = static_cast<time_t>((*set)->operated_s);
    user.sem_ctime = static_cast<time_t>((*set)->changed_s);
    user.sem_nsems = (*set)->semaphores.size();
    if (auto done = system.user().write(VirtAddr(target), user); !done) return fail(done.error());
    return command == IPC_STAT ? 0 : static_cast<std::uint64_t>((*set)->permissions.id);
}

// EINVAL, EPERM.
Result<SetPointer> find_own(System& system, std::int32_t id) {
    auto set = system.ipc.sem.table().find(id);
    if (set && !ipc_owns(system.task, (*set)->permissions)) return fail(Errno::eperm);
    return set;
}

Result<std::uint64_t> change(System& system, std::int32_t id, std::uint64_t source) {
    const auto wanted = system.user().read<semid_ds>(VirtAddr(source));
    if (!wanted) return fail(wanted.error());
    const auto set = find_own(system, id);
    if (!set) return fail(set.error());
    ipc_set_permissions((*set)->permissions, wanted->sem_perm);
    (*set)->changed_s = system.ipc.sem.now_s();
    return 0;
}

// EINVAL, EACCES.
Result<SetPointer> find_permitted(System& system, std::int32_t id, std::uint32_t rights) {
    auto set = system.ipc.sem.table().find(id);
    if (set && !ipc_permits(system.task, (*set)->permissions, rights)) return fail(Errno::eacces);
    return set;
}

// semctl_setval()
Result<std::uint64_t> set_value(System& system, std::int32_t id, std::int32_t number, std::int32_t value) {
    if (value < 0 || value > SemaphoreSets::max_value) return fail(Errno::erange);
    const auto set = system.ipc.sem.table().find(id);
    if (!set) return fail(set.error());
    if (number < 0 || static_cast<std::size_t>(number) >= (*set)->semaphores.size()) return fail(Errno::einval);
    if (!ipc_permits(system.task, (*set)->permissions, ipc_write_all)) return fail(Errno::eacces);
    const std::vector<std::uint16_t> values{static_cast<std::uint16_t>(value)};
    return answer(system.ipc.sem.set_values(**set, static_cast<std::size_t>(number), values, system.task.pid));
}

Result<std::uint64_t> set_all(System& system, std::int32_t id, std::uint64_t source) {
    const auto set = find_permitted(system, id, ipc_write_all);
    if (!set) return fail(set.error());
    std::vector<std::uint16_t> values((*set)->semaphores.size());
    const auto bytes = std::as_writable_bytes(std::span(values));
    if (auto done = system.user().copy_from(VirtAddr(source), bytes); !done) return fail(done.error());
    if ((*set)->is_removed) return fail(Errno::eidrm);
    return answer(system.ipc.sem.set_values(**set, 0, values, system.task.pid));
}

// semctl_main()
Result<std::uint64_t> look(System& system, std::int32_t id, std::int32_t number, std::int32_t command,
                           std::uint64_t target) {
    const auto found = find_permitted(system, id, ipc_read_all);
    if (!found) return fail(found.error());
    const SemaphoreSet& set = **found;
    if (command == GETALL) {
        std::vector<std::uint16_t> values;
        for (const auto& semaphore : set.semaphores) values.push_back(static_cast<std::uint16_t>(semaphore.value));
        return answer(system.user().copy_to(VirtAddr(target), std::as_bytes(std::span(values))));
    }
    if (number < 0 || static_cast<std::size_t>(number) >= set.semaphores.size()) return fail(Errno::einval);
    const auto& semaphore = set.semaphores[static_cast<std::size_t>(number)];
    switch (command) {
        case GETVAL: return static_cast<std::uint64_t>(semaphore.value);
        case GETPID: return semaphore.last_pid;
        default: return SemaphoreSets::count_waiting(set, static_cast<std::uint16_t>(number), command == GETZCNT);
    }
}

Result<std::uint64_t> operate(System& system, const Arguments& a, std::optional<std::uint64_t> timeout_ns) {
    const auto count = static_cast<std::uint32_t>(a[2]);
    const std::int32_t id = int_argument(a[0]);
    if (count < 1 || id < 0) return fail(Errno::einval);
    if (count > SemaphoreSets::max_operations) return fail(Errno::e2big);
    std::vector<sembuf> operations(count);
    const auto bytes = std::as_writable_bytes(std::span(operations));
    if (auto done = system.user().copy_from(VirtAddr(a[1]), bytes); !done) return fail(done.error());
    const auto set = system.ipc.sem.table().find(id);
    if (!set) return fail(set.error());
    const auto is_past_end = [&set](const sembuf& one) { return one.sem_num >= (*set)->semaphores.size(); };
    if (std::ranges::any_of(operations, is_past_end)) return fail(Errno::efbig);
    const bool alters = std::ranges::any_of(operations, [](const sembuf& one) { return one.sem_op != 0; });
    if (!ipc_permits(system.task, (*set)->permissions, alters ? ipc_write_all : ipc_read_all)) {
        return fail(Errno::eacces);
    }
    std::optional<std::uint64_t> deadline_ns;
    if (timeout_ns) deadline_ns = add_times(system.clock.monotonic_ns(), *timeout_ns);
    return system.ipc.sem.operate(system, *set, std::move(operations), deadline_ns);
}

}  // namespace

Result<std::uint64_t> sys_semget(System& system, const Arguments& a) {
    const std::int32_t key = int_argument(a[0]), count = int_argument(a[1]), flags = int_argument(a[2]);
    if (count < 0 || count > SemaphoreSets::max_per_set) return fail(Errno::einval);
    const auto fits = [count](const SemaphoreSet& set) -> Result<void> {
        return static_cast<std::size_t>(count) > set.semaphores.size() ? fail(Errno::einval) : Result<void>{};
    };
    SemaphoreSets& sets = system.ipc.sem;
    return ipc_get(system.task, sets.table(), key, flags, fits, [&] { return sets.add(system, key, count, flags); });
}

Result<std::uint64_t> sys_semop(System& system, const Arguments& a) { return operate(system, a, std::nullopt); }

Result<std::uint64_t> sys_semtimedop(System& system, const Arguments& a) {
    if (a[3] == 0) return operate(system, a, std::nullopt);
    const auto timeout_ns = read_user_time(system, a[3]);
    if (!timeout_ns) return fail(timeout_ns.error());
    return operate(system, a, *timeout_ns);
}

Result<std::uint64_t> sys_semctl(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), number = int_argument(a[1]), command = int_argument(a[2]);
    if (id < 0) return fail(Errno::einval);
    switch (command) {
        case IPC_INFO:
        case SEM_INFO: return information(system, command, a[3]);
        case IPC_STAT:
        case SEM_STAT:
        case stat_any: return status(system, id, command, a[3]);
        case GETALL:
        case GETVAL:
        case GETPID:
        case GETNCNT:
        case GETZCNT: return look(system, id, number, command, a[3]);
        case SETALL: return set_all(system, id, a[3]);
        case SETVAL: return set_value(system, id, number, int_argument(a[3]));
        case IPC_SET: return change(system, id, a[3]);
        case IPC_RMID: {
            const auto set = find_own(system, id);
            if (!set) return fail(set.error());
            system.ipc.sem.remove(**set);
            return 0;
        }
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
