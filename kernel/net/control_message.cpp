#include "kernel/net/control_message.hpp"

#include "kernel/path_argument.hpp"
#include "kernel/processes.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr std::size_t max_files = 253;  // SCM_MAX_FD

constexpr std::uint64_t aligned(std::uint64_t bytes) { return (bytes + 7) & ~std::uint64_t{7}; }

// scm_fp_copy(), for descriptors of any kind.
Result<void> read_files(const System& system, std::span<const std::byte> data, PassedFiles& files) {
    const std::size_t count = data.size() / sizeof(std::int32_t);
    if (count > max_files || files.size() + count > max_files) return fail(Errno::einval);
    for (std::size_t i = 0; i < count; ++i) {
        std::int32_t fd = 0;
        std::memcpy(&fd, data.data() + i * sizeof fd, sizeof fd);
        auto file = fd < 0 ? Result<DescriptionPointer>(fail(Errno::ebadf))
                           : system.task.files->find_any(static_cast<std::uint32_t>(fd));
        if (!file) return fail(file.error());
        files.push_back(std::move(*file));
    }
    return {};
}

// scm_check_creds(): nobody may claim to be somebody else.
Result<UserCredentials> read_credentials(const System& system, std::span<const std::byte> data) {
    UserCredentials claimed;
    if (data.size() != sizeof claimed) return fail(Errno::einval);
    std::memcpy(&claimed, data.data(), sizeof claimed);
    const Task& task = system.task;
    const bool may = (claimed.pid == task.pid || task.credentials.may(Capability::sys_admin)) &&
                     (task.credentials.user.has(claimed.uid) || task.credentials.may(Capability::setuid)) &&
                     (task.credentials.group.has(claimed.gid) || task.credentials.may(Capability::setgid));
    if (!may) return fail(Errno::eperm);
    if (claimed.pid != task.pid && system.processes.find_process(claimed.pid) == nullptr) return fail(Errno::esrch);
    return claimed;
}

}  // namespace

Result<void> read_control(const System& system, std::span<const std::byte> control, UnixSocket::SendRequest& request) {
    while (control.size() >= sizeof(cmsghdr)) {
        cmsghdr header{};
        std::memcpy(&header, control.data(), sizeof header);
        if (header.cmsg_len < sizeof header || header.cmsg_len > control.size()) return fail(Errno::einval);
        const auto data = control.first(header.cmsg_len).subspan(sizeof header);
        control = control.subspan(std::min<std::size_t>(aligned(header.cmsg_len), control.size()));
        if (header.cmsg_level != SOL_SOCKET) continue;
        if (header.cmsg_type == SCM_RIGHTS) {
            if (auto read = read_files(system, data, request.files); !read) return read;
        } else if (header.cmsg_type == SCM_CREDENTIALS) {
            const auto claimed = read_credentials(system, data);
            if (!claimed) return fail(claimed.error());
            request.credentials = *claimed;
        } else {
            return fail(Errno::einval);
        }
    }
    return {};
}

// put_cmsg(): what does not fit is cut off.
int ControlWriter::put(int type, std::span<const std::byte> data) {
    if (left_ < sizeof(cmsghdr)) return MSG_CTRUNC;
    cmsghdr header{sizeof(cmsghdr) + data.size(), SOL_SOCKET, type};
    int flags = 0;
    if (left_ < header.cmsg_len) {
        flags = MSG_CTRUNC;
        header.cmsg_len = left_;
    }
    const auto shown = data.first(header.cmsg_len - sizeof header);
    const VirtAddr place(address_ + written_);
    const bool done = system_.user().write(place, header).has_value() &&
                      (shown.empty() || system_.user().copy_to(VirtAddr(place.value() + sizeof header), shown));
    if (!done) return flags;
    const std::uint64_t used = std::min(aligned(sizeof header + data.size()), left_);
    written_ += used;
    left_ -= used;
    return flags;
}

// scm_detach_fds(): as many as there is room for in the buffer and in the table.
int ControlWriter::put_files(const PassedFiles& files, bool close_on_exec) {
    constexpr std::uint64_t each = sizeof(std::int32_t);
    const std::uint64_t room = left_ <= sizeof(cmsghdr) ? 0 : (left_ - sizeof(cmsghdr)) / each;
    FileTable& table = *system_.task.files;
    std::uint64_t count = 0;
    for (; count < std::min<std::uint64_t>(room, files.size()); ++count) {
        const auto fd = table.find_free(0, open_file_limit(system_));
        const VirtAddr place(address_ + written_ + sizeof(cmsghdr) + count * each);
        if (!fd) break;
        // The number is taken before the write, which may wait.
        table.put(*fd, files[count], close_on_exec ? OnExec::close : OnExec::keep);
        if (!system_.user().write(place, *fd)) {
            (void)table.close(*fd);
            break;
        }
    }
    if (count > 0) {
        const cmsghdr header{sizeof(cmsghdr) + count * each, SOL_SOCKET, SCM_RIGHTS};
        if (system_.user().write(VirtAddr(address_ + written_), header)) {
            const std::uint64_t used = std::min(aligned(header.cmsg_len), left_);
            written_ += used;
            left_ -= used;
        }
    }
    return count < files.size() ? MSG_CTRUNC : 0;
}

int ControlWriter::write(UnixSocket::Received& received, bool wants_credentials, int flags) {
    if (address_ == 0) return wants_credentials || !received.files.empty() ? MSG_CTRUNC : 0;
    int result = 0;
    if (wants_credentials) {
        constexpr std::uint32_t nobody = 65534;  // overflowuid: nothing is known of who sent it
        const UserCredentials shown = received.credentials.value_or(UserCredentials{0, nobody, nobody});
        result |= put(SCM_CREDENTIALS, std::as_bytes(std::span(&shown, 1)));
    }
    if (!received.files.empty()) result |= put_files(received.files, (flags & MSG_CMSG_CLOEXEC) != 0);
    return result;
}

}  // namespace fl::kernel
