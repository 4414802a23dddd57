#include "kernel/signal_rights.hpp"

#include "kernel/signal_frame.hpp"

namespace fl::kernel {

Result<void> check_signal(const System& system, const Process& target, const Credentials& targets, int number) {
    if (number != 0 && !is_signal(number)) return fail(Errno::einval);
    const Process& own = *system.task.process;
    if (&target == &own || may_signal(system.task.credentials, targets)) return {};
    // A shell lets its jobs go on, whoever they have become.
    return number == SIGCONT && target.session == own.session ? Result<void>{} : fail(Errno::eperm);
}

SignalInfo signal_from(const System& system, int number, int code) {
    return SignalInfo{.number = number,
                      .code = code,
                      .detail = SignalInfo::Detail::sender,
                      .pid = system.task.pid,
                      .uid = system.task.credentials.user.real};
}

Result<SignalInfo> read_signal_info(System& system, std::uint64_t address) {
    const auto user = system.user().read<UserSignalInfo>(VirtAddr(address));
    if (!user) return fail(user.error());
    return SignalInfo{.number = user->number,
                      .code = user->code,
                      .detail = SignalInfo::Detail::value,
                      .pid = user->queued.pid,
                      .uid = user->queued.uid,
                      .value = user->queued.value};
}

}  // namespace fl::kernel
