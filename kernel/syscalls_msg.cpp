// System V message queues' calls (Linux: ipc/msg.c), in Linux's order of checks.
#include "kernel/syscalls.hpp"
#include "kernel/sysv_ipc.hpp"

#include <sys/msg.h>

#include <algorithm>
#include <limits>

namespace fl::kernel {

namespace {

constexpr std::int32_t stat_any = 13;  // MSG_STAT_ANY
constexpr std::int32_t copy = 040000;  // MSG_COPY

Result<std::uint64_t> information(System& system, std::int32_t command, std::uint64_t target) {
    const auto& table = system.ipc.msg.table();
    msginfo info{};
    constexpr int segment_bytes = 16, segments = 0xffff;
    info.msgmni = static_cast<int>(MessageQueues::max_queues);
    info.msgmax = static_cast<int>(MessageQueues::max_message_bytes);
    info.msgmnb = static_cast<int>(MessageQueues::max_queue_bytes);
    info.msgssz = segment_bytes;
    info.msgseg = segments;
    info.msgpool = static_cast<int>(MessageQueues::max_queues * MessageQueues::max_queue_bytes / 1024);
    info.msgmap = info.msgtql = static_cast<int>(MessageQueues::max_queue_bytes);
    if (command == MSG_INFO) {
        std::size_t messages = 0, bytes = 0;
        for (const auto& [index, queue] : table.all()) {
            messages += queue->messages.size();
            bytes += queue->size_bytes;
        }
        info.msgpool = static_cast<int>(table.count());
        info.msgmap = static_cast<int>(messages);
        info.msgtql = static_cast<int>(bytes);
    }
    if (auto done = system.user().write(VirtAddr(target), info); !done) return fail(done.error());
    return table.highest_index();
}

Result<std::uint64_t> status(System& system, std::int32_t id, std::int32_t command, std::uint64_t target) {
    const auto& table = system.ipc.msg.table();
    const auto queue = command == IPC_STAT ? table.find(id) : table.find_index(id);
    if (!queue) return fail(queue.error());
    const bool asks = command != stat_any;
    if (asks && !ipc_permits(system.task, (*queue)->permissions, ipc_read_all)) return fail(Errno::eacces);
    msqid_ds user{};
    user.msg_perm = ipc_user_permissions((*queue)->permissions);
    user.msg_stime = static_cast<time_t>((*queue)->sent_s);
    user.msg_rtime = static_cast<time_t>((*queue)->received_s);
    user.msg_ctime = static_cast<time_t>((*queue)->changed_s);
    user.__msg_cbytes = (*queue)->size_bytes;
    user.msg_qnum = (*queue)->messages.size();
    user.msg_qbytes = (*queue)->max_bytes;
    user.msg_lspid = static_cast<pid_t>((*queue)->last_sender);
    user.msg_lrpid = static_cast<pid_t>((*queue)->last_receiver);
    if (auto done = system.user().write(VirtAddr(target), user); !done) return fail(done.error());
    return command == IPC_STAT ? 0 : static_cast<std::uint64_t>((*queue)->permissions.id);
}

// EINVAL, EPERM.
Result<std::shared_ptr<MessageQueue>> find_own(System& system, std::int32_t id) {
    auto queue = system.ipc.msg.table().find(id);
    if (queue && !ipc_owns(system.task, (*queue)->permissions)) return fail(Errno::eperm);
    return queue;
}

Result<std::uint64_t> change(System& system, std::int32_t id, std::uint64_t source) {
    const auto wanted = system.user().read<msqid_ds>(VirtAddr(source));
    if (!wanted) return fail(wanted.error());
    const auto queue = find_own(system, id);
    if (!queue) return fail(queue.error());
    const bool is_large = wanted->msg_qbytes > MessageQueues::max_queue_bytes;
    if (is_large && !system.task.credentials.may(Capability::sys_resource)) return fail(Errno::eperm);
    ipc_set_permissions((*queue)->permissions, wanted->msg_perm);
    // Host memory does not grow without bound.
    constexpr std::uint64_t most_bytes = std::uint64_t{1} << 24;
    (*queue)->max_bytes = std::min<std::uint64_t>(wanted->msg_qbytes, most_bytes);
    (*queue)->changed_s = system.ipc.msg.now_s();
    (*queue)->changed.wake_all();
    return 0;
}

// convert_mode()
MessageWish wish_of(std::int64_t type, std::int32_t flags, std::uint64_t max_bytes) {
    using Kind = MessageWish::Kind;
    MessageWish wish{Kind::any, type, max_bytes, (flags & MSG_NOERROR) != 0};
    if ((flags & copy) != 0) {
        wish.kind = Kind::at_place;
    } else if (type < 0) {
        wish.kind = Kind::lowest_up_to;
        wish.type = type == std::numeric_limits<std::int64_t>::min() ? std::numeric_limits<std::int64_t>::max() : -type;
    } else if (type > 0) {
        wish.kind = (flags & MSG_EXCEPT) != 0 ? Kind::other : Kind::equal;
    }
    return wish;
}

}  // namespace

Result<std::uint64_t> sys_msgget(System& system, const Arguments& a) {
    const std::int32_t key = int_argument(a[0]), flags = int_argument(a[1]);
    const auto fits = [](const MessageQueue&) -> Result<void> { return {}; };
    MessageQueues& queues = system.ipc.msg;
    return ipc_get(system.task, queues.table(), key, flags, fits, [&] { return queues.add(system.task, key, flags); });
}

Result<std::uint64_t> sys_msgsnd(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), flags = int_argument(a[3]);
    const auto type = system.user().read<std::int64_t>(VirtAddr(a[1]));
    if (!type) return fail(type.error());
    if (a[2] > MessageQueues::max_message_bytes || id < 0 || *type < 1) return fail(Errno::einval);
    Message message{*type, std::vector<std::byte>(a[2])};
    if (auto done = system.user().copy_from(VirtAddr(a[1]) + sizeof *type, message.bytes); !done) {
        return fail(done.error());
    }
    const auto queue = system.ipc.msg.table().find(id);
    if (!queue) return fail(queue.error());
    if (auto fine = system.ipc.msg.may_send(system, a[2]); !fine) return fail(fine.error());
    return answer(system.ipc.msg.send(system, *queue, std::move(message), (flags & IPC_NOWAIT) == 0));
}

Result<std::uint64_t> sys_msgrcv(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), flags = int_argument(a[4]);
    if (id < 0 || a[2] > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return fail(Errno::einval);
    }
    const bool waits = (flags & IPC_NOWAIT) == 0;
    if ((flags & copy) != 0 && (waits || (flags & MSG_EXCEPT) != 0)) return fail(Errno::einval);
    const auto queue = system.ipc.msg.table().find(id);
    if (!queue) return fail(queue.error());
    const MessageWish wish = wish_of(static_cast<std::int64_t>(a[3]), flags, a[2]);
    auto message = system.ipc.msg.receive(system, *queue, wish, waits);
    if (!message) return fail(message.error());
    const auto bytes =
        std::span<const std::byte>(message->bytes).first(std::min<std::uint64_t>(message->bytes.size(), a[2]));
    if (auto done = system.user().write(VirtAddr(a[1]), message->type); !done) return fail(done.error());
    if (auto done = system.user().copy_to(VirtAddr(a[1]) + sizeof message->type, bytes); !done) {
        return fail(done.error());
    }
    return bytes.size();
}

Result<std::uint64_t> sys_msgctl(System& system, const Arguments& a) {
    const std::int32_t id = int_argument(a[0]), command = int_argument(a[1]);
    if (id < 0 || command < 0) return fail(Errno::einval);
    switch (command) {
        case IPC_INFO:
        case MSG_INFO: return information(system, command, a[2]);
        case IPC_STAT:
        case MSG_STAT:
        case stat_any: return status(system, id, command, a[2]);
        case IPC_SET: return change(system, id, a[2]);
        case IPC_RMID: {
            const auto queue = find_own(system, id);
            if (!queue) return fail(queue.error());
            system.ipc.msg.remove(**queue);
            return 0;
        }
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
