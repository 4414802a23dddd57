// Who is to hear of a file by a signal (Linux: f_setown in fs/fcntl.c). It is kept, and of no effect: no file sends
// any.
#include "kernel/file_control.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"

#include <fcntl.h>

#include <limits>

namespace fl::kernel {

namespace {

struct UserOwner {  // struct f_owner_ex
    std::int32_t type, pid;
};

bool exists(const System& system, int type, std::int32_t id) {
    const auto number = static_cast<std::uint32_t>(id);
    if (type == F_OWNER_TID) return system.processes.find_task(number) != nullptr;
    return type == F_OWNER_PID ? system.processes.find_process(number) != nullptr
                               : system.processes.group_exists(number);
}

// ESRCH where there is nobody of that number; 0 takes the owner away.
Result<std::uint64_t> set_owner(const System& system, SignalOwner& owner, int type, std::int32_t id) {
    if (id != 0 && !exists(system, type, id)) return fail(Errno::esrch);
    owner.type = type;
    owner.id = id;
    return 0;
}

Result<std::uint64_t> set_owner_ex(System& system, SignalOwner& owner, std::uint64_t address) {
    const auto given = system.user().read<UserOwner>(VirtAddr(address));
    if (!given) return fail(given.error());
    if (given->type < F_OWNER_TID || given->type > F_OWNER_PGRP) return fail(Errno::einval);
    return set_owner(system, owner, given->type, given->pid);
}

// A process as it is, a group as a negative number.
Result<std::uint64_t> set_owner_signed(const System& system, SignalOwner& owner, std::int32_t id) {
    if (id == std::numeric_limits<std::int32_t>::min()) return fail(Errno::einval);
    return id < 0 ? set_owner(system, owner, F_OWNER_PGRP, -id) : set_owner(system, owner, F_OWNER_PID, id);
}

}  // namespace

bool is_owner_command(int command) {
    switch (command) {
        case F_GETOWN:
        case F_SETOWN:
        case F_GETOWN_EX:
        case F_SETOWN_EX:
        case F_GETSIG:
        case F_SETSIG: return true;
        default: return false;
    }
}

Result<std::uint64_t> control_owner(System& system, FileDescription& file, const Arguments& a) {
    SignalOwner& owner = file.signal_owner;
    switch (int_argument(a[1])) {
        case F_GETOWN: {
            const std::int64_t id = owner.type == F_OWNER_PGRP ? -std::int64_t{owner.id} : owner.id;
            return static_cast<std::uint64_t>(id);
        }
        case F_SETOWN: return set_owner_signed(system, owner, int_argument(a[2]));
        case F_GETOWN_EX: return answer(system.user().write(VirtAddr(a[2]), UserOwner{owner.type, owner.id}));
        case F_SETOWN_EX: return set_owner_ex(system, owner, a[2]);
        case F_GETSIG: return static_cast<std::uint64_t>(owner.signal);
        default:
            if (a[2] > signal_count) return fail(Errno::einval);  // valid_signal()
            owner.signal = int_argument(a[2]);
            return 0;
    }
}

}  // namespace fl::kernel
