// epoll (Linux: fs/eventpoll.c).
#include "kernel/path_argument.hpp"
#include "kernel/signal_mask.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/vfs/epoll.hpp"

#include <sys/epoll.h>

#include <limits>

namespace fl::kernel {

namespace {

Result<std::uint64_t> create(System& system, int flags) {
    if ((flags & ~EPOLL_CLOEXEC) != 0) return fail(Errno::einval);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto made = std::make_shared<EpollDescription>(nameless_file(system, 0600), system.vfs.epoll_items(),
                                                   system.vfs.max_epoll_items());
    if (auto taken = made->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(made), (flags & EPOLL_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

// EBADF, EINVAL.
Result<std::shared_ptr<EpollDescription>> find_epoll(const System& system, std::uint64_t fd) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    auto epoll = std::dynamic_pointer_cast<EpollDescription>(*file);
    if (epoll == nullptr) return fail(Errno::einval);
    return epoll;
}

// What may not be asked together with EPOLLEXCLUSIVE.
Result<void> check_exclusive(int operation, std::uint32_t events, bool of_epoll) {
    constexpr std::uint32_t allowed =
        std::uint32_t{EPOLLIN} | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;
    if (operation == EPOLL_CTL_DEL || (events & EPOLLEXCLUSIVE) == 0) return {};
    if (operation == EPOLL_CTL_MOD) return fail(Errno::einval);
    const bool refused = operation == EPOLL_CTL_ADD && (of_epoll || (events & ~allowed) != 0);
    return refused ? fail(Errno::einval) : Result<void>{};
}

// ep_check_params(), and the events.
Result<std::uint64_t> wait_until(System& system, const Arguments& a, std::optional<std::uint64_t> timeout_ns) {
    const auto file = system.task.files->find(a[0]);
    if (!file) return fail(file.error());
    constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max() / static_cast<int>(sizeof(EpollEvent));
    const std::int32_t count = int_argument(a[2]);
    if (count <= 0 || count > most) return fail(Errno::einval);
    const std::uint64_t size_bytes = static_cast<std::uint64_t>(count) * sizeof(EpollEvent);
    if (a[1] > mm::task_size.value() - size_bytes) return fail(Errno::efault);
    const auto epoll = std::dynamic_pointer_cast<EpollDescription>(*file);
    if (epoll == nullptr) return fail(Errno::einval);
    std::optional<std::uint64_t> deadline_ns;
    if (timeout_ns) deadline_ns = add_times(system.clock.monotonic_ns(), *timeout_ns);
    return epoll->wait(system, a[1], static_cast<std::uint32_t>(count), deadline_ns);
}

std::optional<std::uint64_t> milliseconds(std::uint64_t argument) {
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    const std::int32_t timeout_ms = int_argument(argument);
    return timeout_ms < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(timeout_ms) * ns_per_ms);
}

Result<std::uint64_t> wait_masked(System& system, const Arguments& a, std::optional<std::uint64_t> timeout_ns) {
    if (auto changed = suspend_with_mask(system, a[4], a[5]); !changed) return fail(changed.error());
    const auto sent = wait_until(system, a, timeout_ns);
    if (sent || sent.error() != Errno::eintr) system.task.signals.restore_mask();
    return sent;
}

}  // namespace

Result<std::uint64_t> sys_epoll_create(System& system, const Arguments& a) {
    return int_argument(a[0]) > 0 ? create(system, 0) : fail(Errno::einval);
}
Result<std::uint64_t> sys_epoll_create1(System& system, const Arguments& a) {
    return create(system, int_argument(a[0]));
}

// do_epoll_ctl()
Result<std::uint64_t> sys_epoll_ctl(System& system, const Arguments& a) {
    const std::int32_t operation = int_argument(a[1]);
    EpollEvent wanted{};
    if (operation != EPOLL_CTL_DEL) {
        const auto given = system.user().read<EpollEvent>(VirtAddr(a[3]));
        if (!given) return fail(given.error());
        wanted = *given;
    }
    const auto own = system.task.files->find(a[0]);
    if (!own) return fail(own.error());
    const auto file = system.task.files->find(a[2]);
    if (!file) return fail(file.error());
    if (!(*file)->is_pollable()) return fail(Errno::eperm);
    const auto epoll = find_epoll(system, a[0]);
    if (!epoll || *own == *file) return fail(Errno::einval);
    const bool of_epoll = dynamic_cast<EpollDescription*>(file->get()) != nullptr;
    if (auto allowed = check_exclusive(operation, wanted.events, of_epoll); !allowed) return fail(allowed.error());
    const auto fd = static_cast<std::uint32_t>(a[2]);
    switch (operation) {
        case EPOLL_CTL_ADD: return answer((*epoll)->add(**file, fd, wanted));
        case EPOLL_CTL_MOD: return answer((*epoll)->modify(**file, fd, wanted));
        case EPOLL_CTL_DEL: return answer((*epoll)->remove(**file, fd));
        default: return fail(Errno::einval);
    }
}

Result<std::uint64_t> sys_epoll_wait(System& system, const Arguments& a) {
    return wait_until(system, a, milliseconds(a[3]));
}
Result<std::uint64_t> sys_epoll_pwait(System& system, const Arguments& a) {
    return wait_masked(system, a, milliseconds(a[3]));
}
Result<std::uint64_t> sys_epoll_pwait2(System& system, const Arguments& a) {
    if (a[3] == 0) return wait_masked(system, a, std::nullopt);
    const auto timeout_ns = read_user_time(system, a[3]);
    if (!timeout_ns) return fail(timeout_ns.error());
    return wait_masked(system, a, *timeout_ns);
}

}  // namespace fl::kernel
