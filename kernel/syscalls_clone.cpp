// New tasks and programs (Linux: kernel/fork.c, fs/exec.c).
#include "kernel/exec.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/processes.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/path.hpp"

#include <fcntl.h>
#include <sched.h>

#include <algorithm>

namespace fl::kernel {

namespace {

Result<std::uint64_t> clone_task(System& system, const CloneRequest& request) {
    const auto tid = system.processes.clone(system, request);
    if (!tid) return fail(tid.error());
    return *tid;
}

// struct clone_args.
struct UserCloneArguments {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_bytes, tls, set_tid, set_tid_count,
        cgroup;
};
constexpr std::uint64_t clone_args_size_0 = 64;

// copy_struct_from_user(): what this kernel does not know has to be zero.
Result<UserCloneArguments> read_clone_arguments(System& system, std::uint64_t address, std::uint64_t size_bytes) {
    if (size_bytes > page_size) return fail(Errno::e2big);
    if (size_bytes < clone_args_size_0) return fail(Errno::einval);
    UserCloneArguments arguments{};
    const std::uint64_t known = std::min<std::uint64_t>(size_bytes, sizeof arguments);
    auto bytes = std::as_writable_bytes(std::span(&arguments, 1)).first(known);
    if (auto done = system.user().copy_from(VirtAddr(address), bytes); !done) return fail(done.error());
    for (std::uint64_t at = known; at < size_bytes; ++at) {
        const auto byte = system.user().read<std::uint8_t>(VirtAddr(address + at));
        if (!byte) return fail(byte.error());
        if (*byte != 0) return fail(Errno::e2big);
    }
    return arguments;
}

// The strings that a vector of pointers leads to. E2BIG, EFAULT.
Result<std::vector<std::string>> read_strings(System& system, std::uint64_t address, std::uint64_t& bytes_left) {
    constexpr std::uint64_t max_string_bytes = 32 * page_size;  // MAX_ARG_STRLEN
    std::vector<std::string> strings;
    if (address == 0) return strings;
    for (std::uint64_t at = address;; at += sizeof(std::uint64_t)) {
        const auto pointer = system.user().read<std::uint64_t>(VirtAddr(at));
        if (!pointer) return fail(pointer.error());
        if (*pointer == 0) return strings;
        auto text = system.user().read_string(VirtAddr(*pointer), max_string_bytes - 1);
        if (!text) return fail(text.error() == Errno::enametoolong ? Errno::e2big : text.error());
        const std::uint64_t taken = text->size() + 1 + sizeof(std::uint64_t);
        if (taken > bytes_left) return fail(Errno::e2big);
        bytes_left -= taken;
        strings.push_back(std::move(*text));
    }
}

// bprm_stack_limits(): a quarter of the stack's limit, and 6 MiB at most.
std::uint64_t argument_room(const System& system) {
    constexpr std::uint64_t most = 6ULL << 20, least = 32 * page_size;
    const std::uint64_t limit = soft_limit(system.task.process->limits, Limit::stack);
    return std::max(std::min(limit / 4, most), least);
}

Result<std::uint64_t> execute_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                                 std::uint64_t argv, std::uint64_t environment, int flags) {
    if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0) return fail(Errno::einval);
    auto path = read_path(system, path_address, (flags & AT_EMPTY_PATH) != 0 ? EmptyPath::allowed : EmptyPath::refused);
    if (!path) return fail(path.error());
    ExecRequest request;
    request.path = *path;
    if (path->empty()) {
        const auto description = system.task.files->find_any(directory_fd);
        if (!description) return fail(description.error());
        if ((*description)->dentry() == nullptr) return fail(Errno::eacces);
        request.file = (*description)->dentry();
        request.path = "/dev/fd/" + std::to_string(static_cast<std::uint32_t>(directory_fd));
    } else {
        auto start = start_of(system, directory_fd, *path);
        if (!start) return fail(start.error());
        PathWalk walk(system, *start);
        const bool follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
        auto found = walk.resolve(*path, follow ? FollowLast::yes : FollowLast::no);
        if (!found) return fail(found.error());
        if (S_ISLNK((*found)->inode->mode())) return fail(Errno::eloop);
        request.file = std::move(*found);
    }
    std::uint64_t room = argument_room(system);
    auto arguments = read_strings(system, argv, room);
    if (!arguments) return fail(arguments.error());
    auto variables = read_strings(system, environment, room);
    if (!variables) return fail(variables.error());
    request.argv = std::move(*arguments);
    request.environment = std::move(*variables);
    if (auto done = execute(system, std::move(request)); !done) return fail(done.error());
    return 0;
}

}  // namespace

Result<std::uint64_t> sys_fork(System& system, const Arguments&) {
    return clone_task(system, CloneRequest{.exit_signal = SIGCHLD});
}

Result<std::uint64_t> sys_vfork(System& system, const Arguments&) {
    return clone_task(system, CloneRequest{.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD});
}

Result<std::uint64_t> sys_clone(System& system, const Arguments& a) {
    const auto lower = static_cast<std::uint32_t>(a[0]);
    constexpr std::uint32_t same_place = CLONE_PIDFD | CLONE_PARENT_SETTID;
    if ((lower & CLONE_PIDFD) != 0 && (lower & CLONE_DETACHED) != 0) return fail(Errno::einval);
    if ((lower & same_place) == same_place) return fail(Errno::einval);
    return clone_task(system, CloneRequest{.flags = lower & ~std::uint64_t{CSIGNAL},
                                           .exit_signal = static_cast<int>(lower & CSIGNAL),
                                           .stack = a[1],
                                           .tls = a[4],
                                           .parent_tid = a[2],
                                           .child_tid = a[3],
                                           .pidfd = a[2]});
}

Result<std::uint64_t> sys_clone3(System& system, const Arguments& a) {
    const auto arguments = read_clone_arguments(system, a[0], a[1]);
    if (!arguments) return fail(arguments.error());
    constexpr std::uint64_t clear_sighand = 0x1'0000'0000, into_cgroup = 0x2'0000'0000;
    constexpr std::uint64_t known = 0xffff'ffffULL | clear_sighand | into_cgroup;
    if ((arguments->flags & ~known) != 0 || (arguments->flags & (CLONE_DETACHED | CSIGNAL)) != 0) {
        return fail(Errno::einval);
    }
    if ((arguments->flags & (CLONE_SIGHAND | clear_sighand)) == (CLONE_SIGHAND | clear_sighand)) {
        return fail(Errno::einval);
    }
    const bool sibling = (arguments->flags & (CLONE_THREAD | CLONE_PARENT)) != 0;
    if (sibling && arguments->exit_signal != 0) return fail(Errno::einval);
    if ((arguments->stack == 0) != (arguments->stack_bytes == 0)) return fail(Errno::einval);
    if (arguments->exit_signal > signal_count || arguments->set_tid_count != 0) return fail(Errno::einval);
    if ((arguments->flags & into_cgroup) != 0) return fail(Errno::einval);
    constexpr std::uint64_t both_numbers = CLONE_PIDFD | CLONE_PARENT_SETTID;
    if ((arguments->flags & both_numbers) == both_numbers && arguments->pidfd == arguments->parent_tid) {
        return fail(Errno::einval);
    }
    return clone_task(system, CloneRequest{.flags = arguments->flags,
                                           .exit_signal = static_cast<int>(arguments->exit_signal),
                                           .stack = arguments->stack + arguments->stack_bytes,
                                           .tls = arguments->tls,
                                           .parent_tid = arguments->parent_tid,
                                           .child_tid = arguments->child_tid,
                                           .pidfd = arguments->pidfd});
}

Result<std::uint64_t> sys_execve(System& system, const Arguments& a) {
    return execute_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0], a[1], a[2], 0);
}

Result<std::uint64_t> sys_execveat(System& system, const Arguments& a) {
    return execute_at(system, a[0], a[1], a[2], a[3], int_argument(a[4]));
}

}  // namespace fl::kernel
