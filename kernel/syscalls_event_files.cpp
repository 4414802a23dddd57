// Timers and signals as files (Linux: fs/timerfd.c, fs/signalfd.c).
#include "kernel/clock_id.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_timer.hpp"
#include "kernel/vfs/signal_description.hpp"
#include "kernel/vfs/timer_description.hpp"

#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <ctime>

namespace fl::kernel {

namespace {

// EBADF, EINVAL for a file of another kind.
template <class T>
Result<std::shared_ptr<T>> find_file(const System& system, std::uint64_t fd) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    auto found = std::dynamic_pointer_cast<T>(*file);
    if (found == nullptr) return fail(Errno::einval);
    return found;
}

Result<std::uint64_t> signal_file(System& system, const Arguments& a, int flags) {
    if (a[2] != sizeof(std::uint64_t)) return fail(Errno::einval);
    const auto bits = system.user().read<std::uint64_t>(VirtAddr(a[1]));
    if (!bits) return fail(bits.error());
    if ((flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)) != 0) return fail(Errno::einval);
    const SignalSet wanted(*bits);
    if (int_argument(a[0]) != -1) {
        const auto file = find_file<SignalDescription>(system, a[0]);
        if (!file) return fail(file.error());
        (*file)->set_wanted(wanted);
        system.scheduler.signal_queued().wake_all();
        return a[0];
    }
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto file = std::make_shared<SignalDescription>(O_RDWR | (flags & SFD_NONBLOCK), nameless_file(system, 0600),
                                                    system.scheduler, wanted);
    if (auto taken = file->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(file), (flags & SFD_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

bool may_wake_machine(const System& system) { return system.task.credentials.may(Capability::wake_alarm); }

}  // namespace

Result<std::uint64_t> sys_signalfd(System& system, const Arguments& a) { return signal_file(system, a, 0); }
Result<std::uint64_t> sys_signalfd4(System& system, const Arguments& a) {
    return signal_file(system, a, int_argument(a[3]));
}

Result<std::uint64_t> sys_timerfd_create(System& system, const Arguments& a) {
    const int flags = int_argument(a[1]), number = int_argument(a[0]);
    if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) != 0) return fail(Errno::einval);
    const bool plain = number == CLOCK_MONOTONIC || number == CLOCK_REALTIME || number == CLOCK_BOOTTIME;
    ClockId clock;
    clock.number = number;
    if (!plain && !clock.is_alarm()) return fail(Errno::einval);
    if (clock.is_alarm() && !may_wake_machine(system)) return fail(Errno::eperm);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto file = std::make_shared<TimerDescription>(O_RDWR | (flags & TFD_NONBLOCK), nameless_file(system, 0600), system,
                                                   clock.timer_clock(), clock.is_alarm());
    if (auto taken = file->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(file), (flags & TFD_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

Result<std::uint64_t> sys_timerfd_settime(System& system, const Arguments& a) {
    const auto user = system.user().read<UserTimerSetting>(VirtAddr(a[2]));
    if (!user) return fail(user.error());
    const int flags = int_argument(a[1]);
    if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) != 0) return fail(Errno::einval);
    const auto wanted = timer_setting_of(*user);
    if (!wanted) return fail(wanted.error());
    const auto file = find_file<TimerDescription>(system, a[0]);
    if (!file) return fail(file.error());
    if ((*file)->wakes_machine() && !may_wake_machine(system)) return fail(Errno::eperm);
    bool was_canceled = false;
    const TimerSetting old =
        (*file)->set(*wanted, {(flags & TFD_TIMER_ABSTIME) != 0, (flags & TFD_TIMER_CANCEL_ON_SET) != 0}, was_canceled);
    if (was_canceled) return fail(Errno::ecanceled);
    return answer(write_optional(system, a[3], user_timer_setting(old)));
}

Result<std::uint64_t> sys_timerfd_gettime(System& system, const Arguments& a) {
    const auto file = find_file<TimerDescription>(system, a[0]);
    if (!file) return fail(file.error());
    return answer(system.user().write(VirtAddr(a[1]), user_timer_setting((*file)->current())));
}

}  // namespace fl::kernel
