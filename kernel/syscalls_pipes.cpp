// Pipes, pairs of sockets and eventfd (Linux: fs/pipe.c, net/socket.c, fs/eventfd.c).
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/pipe.hpp"

#include <sys/eventfd.h>
#include <sys/socket.h>

namespace fl::kernel {

namespace {

using Pair = std::array<std::shared_ptr<FileDescription>, 2>;

// Two numbers, which go to the program before the files are theirs. EMFILE, EFAULT.
Result<std::uint64_t> install_pair(System& system, std::uint64_t address, Pair pair, OnExec on_exec) {
    FileTable& files = *system.task.files;
    const std::uint64_t limit = open_file_limit(system);
    const auto first = files.find_free(0, limit);
    if (!first) return fail(Errno::emfile);
    const auto second = files.find_free(*first + 1, limit);
    if (!second) return fail(Errno::emfile);
    const std::array<std::uint32_t, 2> numbers{*first, *second};
    if (auto done = system.user().write(VirtAddr(address), numbers); !done) return fail(done.error());
    files.put(*first, std::move(pair[0]), on_exec);
    files.put(*second, std::move(pair[1]), on_exec);
    return 0;
}

Result<std::uint64_t> pipe_with(System& system, std::uint64_t address, int flags) {
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) != 0) return fail(Errno::einval);
    const OnExec on_exec = (flags & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep;
    return install_pair(system, address, make_pipe(system, flags & ~O_CLOEXEC), on_exec);
}

Result<std::uint64_t> event_with(System& system, std::uint64_t count, int flags) {
    if ((flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) != 0) return fail(Errno::einval);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto event = std::make_shared<EventDescription>(O_RDWR | (flags & EFD_NONBLOCK), nameless_file(system, 0600), count,
                                                    (flags & EFD_SEMAPHORE) != 0);
    system.task.files->put(*fd, std::move(event), (flags & EFD_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

// The sockets that there are: pairs. ENOTSOCK, EBADF.
Result<std::shared_ptr<ChannelDescription>> find_socket(const System& system, std::uint64_t fd) {
    const auto file = system.task.files->find(fd);
    if (!file) return fail(file.error());
    auto channel = std::dynamic_pointer_cast<ChannelDescription>(*file);
    if (channel == nullptr || !channel->is_socket()) return fail(Errno::enotsock);
    return channel;
}

}  // namespace

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

// Without a network there are sockets between relatives only.
Result<std::uint64_t> sys_socket(System&, const Arguments& a) {
    constexpr int type_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    constexpr int families = 46;  // AF_MAX
    const int family = int_argument(a[0]), type = int_argument(a[1]) & ~type_flags;
    if (family < 0 || family >= families) return fail(Errno::eafnosupport);
    if (type < 0 || type > SOCK_PACKET) return fail(Errno::einval);
    return fail(Errno::eafnosupport);
}

Result<std::uint64_t> sys_socketpair(System& system, const Arguments& a) {
    constexpr int type_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    const int type = int_argument(a[1]);
    if (int_argument(a[0]) != AF_UNIX) return fail(Errno::eafnosupport);
    if (int_argument(a[2]) != 0 && int_argument(a[2]) != AF_UNIX) return fail(Errno::eprotonosupport);
    // Messages keep no bounds here, so that only streams can be had.
    if ((type & ~type_flags) != SOCK_STREAM) return fail(Errno::eprotonosupport);
    const OnExec on_exec = (type & SOCK_CLOEXEC) != 0 ? OnExec::close : OnExec::keep;
    return install_pair(system, a[3], make_socket_pair(system, type & SOCK_NONBLOCK), on_exec);
}

Result<std::uint64_t> sys_shutdown(System& system, const Arguments& a) {
    const auto socket = find_socket(system, a[0]);
    if (!socket) return fail(socket.error());
    const int how = int_argument(a[1]);
    if (how < SHUT_RD || how > SHUT_RDWR) return fail(Errno::einval);
    (*socket)->shut_down(how != SHUT_WR, how != SHUT_RD);
    return 0;
}

Result<std::uint64_t> sys_sendto(System& system, const Arguments& a) {
    const auto socket = find_socket(system, a[0]);
    if (!socket) return fail(socket.error());
    if (a[4] != 0) return fail(Errno::eisconn);
    auto segments = UserSegments::single(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    std::uint64_t nowhere = 0;
    return (*socket)->write(system, *segments, nowhere);
}

Result<std::uint64_t> sys_recvfrom(System& system, const Arguments& a) {
    const auto socket = find_socket(system, a[0]);
    if (!socket) return fail(socket.error());
    auto segments = UserSegments::single(system.user(), a[1], a[2]);
    if (!segments) return fail(segments.error());
    std::uint64_t nowhere = 0;
    return (*socket)->read(system, *segments, nowhere);
}

}  // namespace fl::kernel
