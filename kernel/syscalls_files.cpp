// Descriptors: opening, duplicating and closing them, and what can be asked of them (Linux: fs/open.c, fs/fcntl.c,
// fs/file.c).
#include "kernel/file_control.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/vfs/open.hpp"
#include "kernel/vfs/pipe.hpp"
#include "kernel/vfs/regular_file.hpp"

namespace fl::kernel {

namespace {

OnExec on_exec_of(std::uint64_t flags) { return (flags & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep; }

// do_sys_openat2(): a free number comes before the path is looked at.
Result<std::uint64_t> open_at(System& system, std::uint64_t directory_fd, std::uint64_t path_address,
                              const Result<OpenRequest>& request) {
    if (!request) return fail(request.error());
    const auto path = read_path(system, path_address);
    if (!path) return fail(path.error());
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto start = start_of(system, directory_fd, *path);
    if (!start) return fail(start.error());
    auto description = open_path(system, std::move(*start), *path, *request);
    if (!description) return fail(description.error());
    // A FIFO may have let others run.
    const auto still_free = system.task.files->find_free(*fd, open_file_limit(system));
    if (!still_free) return fail(Errno::emfile);
    if (auto taken = (*description)->take_memory(system.memory); !taken) return fail(taken.error());
    system.task.files->put(*still_free, std::move(*description), request->on_exec);
    return *still_free;
}

// memfd_fcntl()
Result<std::uint64_t> seals_of(const FileDescription& file, int command, std::uint32_t to_add) {
    if (file.is_path_only()) return fail(Errno::ebadf);
    if (command == F_ADD_SEALS && !file.is_writable()) return fail(Errno::eperm);
    RegularFile* regular = file.inode() != nullptr ? file.inode()->regular_file() : nullptr;
    if (regular == nullptr) return fail(Errno::einval);
    if (command == F_ADD_SEALS) return answer(regular->add_seals(to_add));
    const auto seals = regular->seals();
    if (!seals) return fail(seals.error());
    return *seals;
}

// F_GETPIPE_SZ, F_SETPIPE_SZ. EBADF for what is no pipe.
Result<std::uint64_t> control_pipe(FileDescription& file, const Arguments& a) {
    auto* pipe = dynamic_cast<PipeDescription*>(&file);
    if (pipe == nullptr) return fail(Errno::ebadf);
    if (int_argument(a[1]) == F_GETPIPE_SZ) return pipe->channel()->capacity();
    return pipe->channel()->set_capacity(static_cast<std::uint32_t>(a[2]));
}

// What fcntl(2) does with an open file, and not with a descriptor.
Result<std::uint64_t> control_opened(System& system, const DescriptionPointer& file, const Arguments& a) {
    constexpr int same_file = 1027;  // F_DUPFD_QUERY
    const int command = int_argument(a[1]);
    if (file->is_path_only()) return fail(Errno::ebadf);
    if (is_lock_command(command)) return control_locks(system, file, a);
    if (is_owner_command(command)) return control_owner(system, *file, a);
    if (command == F_GETPIPE_SZ || command == F_SETPIPE_SZ) return control_pipe(*file, a);
    if (command == same_file) {
        const auto other = system.task.files->find_any(a[2]);
        if (!other) return fail(other.error());
        return *other == file ? 1 : 0;
    }
    // F_NOTIFY as a kernel without dnotify answers it.
    return fail(Errno::einval);
}

}  // namespace

Result<std::uint64_t> sys_open(System& system, const Arguments& a) {
    return open_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0], open_request(a[1], a[2]));
}
Result<std::uint64_t> sys_openat(System& system, const Arguments& a) {
    return open_at(system, a[0], a[1], open_request(a[2], a[3]));
}
Result<std::uint64_t> sys_creat(System& system, const Arguments& a) {
    return open_at(system, static_cast<std::uint64_t>(AT_FDCWD), a[0],
                   open_request(O_CREAT | O_WRONLY | O_TRUNC, a[1]));
}

Result<std::uint64_t> sys_close(System& system, const Arguments& a) { return answer(system.task.files->close(a[0])); }

Result<std::uint64_t> sys_dup(System& system, const Arguments& a) {
    return system.task.files->duplicate(a[0], 0, open_file_limit(system), OnExec::keep);
}

Result<std::uint64_t> sys_dup2(System& system, const Arguments& a) {
    // Onto itself it only checks the descriptor.
    if (static_cast<std::uint32_t>(a[0]) == static_cast<std::uint32_t>(a[1])) {
        const auto file = system.task.files->find_any(a[0]);
        if (!file) return fail(file.error());
        return static_cast<std::uint32_t>(a[0]);
    }
    return system.task.files->duplicate_to(a[0], a[1], open_file_limit(system), OnExec::keep);
}

Result<std::uint64_t> sys_dup3(System& system, const Arguments& a) {
    const std::int32_t flags = int_argument(a[2]);
    if ((flags & ~O_CLOEXEC) != 0) return fail(Errno::einval);
    if (static_cast<std::uint32_t>(a[0]) == static_cast<std::uint32_t>(a[1])) return fail(Errno::einval);
    return system.task.files->duplicate_to(a[0], a[1], open_file_limit(system), on_exec_of(a[2]));
}

Result<std::uint64_t> sys_fcntl(System& system, const Arguments& a) {
    FileTable& files = *system.task.files;
    const auto file = files.find_any(a[0]);
    if (!file) return fail(file.error());
    switch (int_argument(a[1])) {
        case F_DUPFD:
            return files.duplicate(a[0], static_cast<std::uint32_t>(a[2]), open_file_limit(system), OnExec::keep);
        case F_DUPFD_CLOEXEC:
            return files.duplicate(a[0], static_cast<std::uint32_t>(a[2]), open_file_limit(system), OnExec::close);
        case F_GETFD: return *files.on_exec(a[0]) == OnExec::close ? FD_CLOEXEC : 0;
        case F_SETFD: return answer(files.set_on_exec(a[0], (a[2] & FD_CLOEXEC) != 0 ? OnExec::close : OnExec::keep));
        case F_GETFL: {
            const auto flags = (*file)->status_flags();
            if (!flags) return fail(flags.error());
            return static_cast<std::uint64_t>(*flags);
        }
        case F_SETFL:
            if ((*file)->is_path_only()) return fail(Errno::ebadf);
            return answer((*file)->set_status_flags(int_argument(a[2])));
        case F_GET_SEALS:
        case F_ADD_SEALS: return seals_of(**file, int_argument(a[1]), static_cast<std::uint32_t>(a[2]));
        default: return control_opened(system, *file, a);
    }
}

}  // namespace fl::kernel
