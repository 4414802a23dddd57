#include "kernel/sysv_msg.hpp"

#include "kernel/system.hpp"
#include "mm/print_to.hpp"

#include <algorithm>

namespace fl::kernel {

// testmsg()
bool MessageWish::fits(const Message& message) const {
    switch (kind) {
        case Kind::any:
        case Kind::at_place: return true;
        case Kind::equal: return message.type == type;
        case Kind::other: return message.type != type;
        case Kind::lowest_up_to: return message.type <= type;
    }
    return false;
}

// find_msg()
std::optional<std::size_t> MessageQueue::find(const MessageWish& wish) const {
    if (wish.kind == MessageWish::Kind::at_place) {
        const auto place = static_cast<std::uint64_t>(wish.type);
        return place < messages.size() ? std::optional<std::size_t>(place) : std::nullopt;
    }
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < messages.size(); ++i) {
        if (!wish.fits(messages[i])) continue;
        if (wish.kind != MessageWish::Kind::lowest_up_to) return i;
        if (!found || messages[i].type < messages[*found].type) found = i;
    }
    return found;
}

std::uint64_t MessageQueues::now_s() {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    return clock_.realtime_ns() / ns_per_second;
}

Result<std::uint64_t> MessageQueues::add(const Task& task, std::int32_t key, std::int32_t flags) {
    if (table_.count() >= max_queues) return fail(Errno::enospc);
    auto queue = std::make_shared<MessageQueue>();
    queue->permissions = ipc_new_permissions(task, key, flags);
    queue->max_bytes = max_queue_bytes;
    queue->changed_s = now_s();
    return static_cast<std::uint64_t>(table_.add(std::move(queue)).permissions.id);
}

void MessageQueues::remove(MessageQueue& queue) {
    queue.is_removed = true;
    for (MessageQueue::Receiver& receiver : queue.receivers) {
        if (!receiver.message) receiver.failure = Errno::eidrm;
    }
    queue.changed.wake_all();
    table_.remove(queue);
}

// pipelined_send(): whom it fits and who has no room for it is told so, and the next is asked.
bool MessageQueues::hand_over(MessageQueue& queue, Message& message) {
    for (MessageQueue::Receiver& receiver : queue.receivers) {
        if (receiver.message || receiver.failure || !receiver.wish.fits(message)) continue;
        if (receiver.wish.max_bytes < message.bytes.size() && !receiver.wish.cuts) {
            receiver.failure = Errno::e2big;
            continue;
        }
        receiver.message = std::move(message);
        queue.last_receiver = receiver.pid;
        queue.received_s = now_s();
        return true;
    }
    return false;
}

Result<void> MessageQueues::may_send(const System& system, std::uint64_t size_bytes) const {
    constexpr std::uint64_t message_bytes = 64, share = 4;
    std::uint64_t total = size_bytes;
    for (const auto& [index, queue] : table_.all()) total += queue->size_bytes + queue->messages.size() * message_bytes;
    return total <= system.memory.total_page_count().bytes() / share ? Result<void>{} : fail(Errno::enomem);
}

Result<void> MessageQueues::send(System& system, const std::shared_ptr<MessageQueue>& queue, Message message,
                                 bool waits) {
    for (;;) {
        if (queue->is_removed) return fail(Errno::eidrm);
        if (!ipc_permits(system.task, queue->permissions, ipc_write_all)) return fail(Errno::eacces);
        if (queue->has_room(message.bytes.size())) break;
        if (!waits) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, queue->changed) == WakeReason::signal) {
            return fail(interrupted(system.task, RestartCall::Kind::without_handler));
        }
    }
    queue->last_sender = system.task.pid;
    queue->sent_s = now_s();
    if (!hand_over(*queue, message)) {
        queue->size_bytes += message.bytes.size();
        queue->messages.push_back(std::move(message));
    }
    queue->changed.wake_all();
    return {};
}

Result<Message> MessageQueues::receive(System& system, const std::shared_ptr<MessageQueue>& queue,
                                       const MessageWish& wish, bool waits) {
    if (!ipc_permits(system.task, queue->permissions, ipc_read_all)) return fail(Errno::eacces);
    if (const auto place = queue->find(wish)) {
        const auto found = queue->messages.begin() + static_cast<std::ptrdiff_t>(*place);
        if (wish.max_bytes < found->bytes.size() && !wish.cuts) return fail(Errno::e2big);
        if (wish.kind == MessageWish::Kind::at_place) return *found;  // MSG_COPY
        Message message = std::move(*found);
        queue->messages.erase(found);
        queue->size_bytes -= message.bytes.size();
        queue->last_receiver = system.task.pid;
        queue->received_s = now_s();
        queue->changed.wake_all();
        return message;
    }
    if (!waits) return fail(Errno::enomsg);
    const auto mine = queue->receivers.insert(queue->receivers.end(), {wish, system.task.pid});
    WakeReason reason = WakeReason::event;
    while (!mine->message && !mine->failure && reason == WakeReason::event) {
        reason = system.scheduler.wait(system.task, queue->changed);
    }
    std::list<MessageQueue::Receiver> over;
    over.splice(over.begin(), queue->receivers, mine);
    if (mine->message) return std::move(*mine->message);
    if (mine->failure) return fail(*mine->failure);
    return fail(interrupted(system.task, RestartCall::Kind::without_handler));
}

// sysvipc_msg_proc_show()
std::string MessageQueues::proc_text() const {
    std::string text =
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime  "
        "    "
        "ctime\n";
    for (const auto& [index, queue] : table_.all()) {
        const IpcPermissions& p = queue->permissions;
        print_to(
            text, "{:>10} {:>10}  {:>4o}  {:>10} {:>10} {:>5} {:>5} {:>5} {:>5} {:>5} {:>5} {:>10} {:>10} {:>10}\n",
            p.key, p.id, p.mode, queue->size_bytes, queue->messages.size(), queue->last_sender, queue->last_receiver,
            p.uid, p.gid, p.cuid, p.cgid, queue->sent_s, queue->received_s, queue->changed_s);
    }
    return text;
}

}  // namespace fl::kernel
