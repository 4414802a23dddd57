// Pipes and eventfd (Linux: fs/pipe.c, fs/eventfd.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/pipe.hpp"

#include <sys/eventfd.h>

namespace fl::kernel {

namespace {

Result<std::uint64_t> pipe_with(System& system, std::uint64_t address, int flags) {
    constexpr int notification = O_EXCL;  // O_NOTIFICATION_PIPE
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | notification)) != 0) return fail(Errno::einval);
    // As a kernel without watch queues.
    if ((flags & notification) != 0) return fail(Errno::enopkg);
    const auto numbers = write_free_pair(system, address);
    if (!numbers) return fail(numbers.error());
    const OnExec on_exec = (flags & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep;
    auto ends = make_pipe(system, flags & ~O_CLOEXEC);
    if (!ends) return fail(ends.error());
    system.task.files->put((*numbers)[0], std::move((*ends)[0]), on_exec);
    system.task.files->put((*numbers)[1], std::move((*ends)[1]), on_exec);
    return 0;
}

Result<std::uint64_t> event_with(System& system, std::uint64_t count, int flags) {
    if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) return fail(Errno::einval);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto event = std::make_shared<EventDescription>(O_RDWR | (flags & EFD_NONBLOCK), nameless_file(system, 0600), count,
                                                    (flags & EFD_SEMAPHORE) != 0);
    if (auto taken = event->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(event), (flags & EFD_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

}  // namespace

Result<std::array<std::uint32_t, 2>> write_free_pair(System& system, std::uint64_t address) {
    const FileTable& files = *system.task.files;
    const std::uint64_t limit = open_file_limit(system);
    const auto first = files.find_free(0, limit);
    if (!first) return fail(Errno::emfile);
    const auto second = files.find_free(*first + 1, limit);
    if (!second) return fail(Errno::emfile);
    const std::array<std::uint32_t, 2> numbers{*first, *second};
    if (auto done = system.user().write(VirtAddr(address), numbers); !done) return fail(done.error());
    return numbers;
}

Result<std::uint64_t> sys_pipe(System& system, const Arguments& a) { return pipe_with(system, a[0], 0); }
Result<std::uint64_t> sys_pipe2(System& system, const Arguments& a) {
    return pipe_with(system, a[0], int_argument(a[1]));
}

Result<std::uint64_t> sys_eventfd(System& system, const Arguments& a) {
    return event_with(system, static_cast<std::uint32_t>(a[0]), 0);
}
Result<std::uint64_t> sys_eventfd2(System& system, const Arguments& a) {
    return event_with(system, static_cast<std::uint32_t>(a[0]), int_argument(a[1]));
}

}  // namespace fl::kernel
