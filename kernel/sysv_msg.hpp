// System V message queues (Linux: ipc/msg.c). A message that somebody waits for never lies in the queue: it goes to the
// first receiver whom it fits.
#pragma once

#include "kernel/sysv_ids.hpp"
#include "kernel/wait_queue.hpp"

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel {

struct Message {
    std::int64_t type = 0;
    std::vector<std::byte> bytes;
};

// Which message msgrcv(2) is after (convert_mode).
struct MessageWish {
    enum class Kind : std::uint8_t { any, equal, other, lowest_up_to, at_place };
    Kind kind = Kind::any;
    std::int64_t type = 0;  // or the place in the queue
    std::uint64_t max_bytes = 0;
    bool cuts = false;  // MSG_NOERROR: what does not fit is lost

    bool fits(const Message& message) const;
};

struct MessageQueue {
    struct Receiver {
        MessageWish wish;
        std::uint32_t pid;
        std::optional<Message> message{};
        std::optional<Errno> failure{};
    };

    IpcPermissions permissions;
    std::deque<Message> messages;
    std::uint64_t size_bytes = 0;
    std::uint64_t max_bytes = 0;
    std::uint64_t sent_s = 0, received_s = 0, changed_s = 0;
    std::uint32_t last_sender = 0, last_receiver = 0;
    bool is_removed = false;
    std::list<Receiver> receivers;
    WaitQueue changed;

    // The place of the message that is wished for.
    std::optional<std::size_t> find(const MessageWish& wish) const;
    bool has_room(std::uint64_t more_bytes) const {
        return size_bytes + more_bytes <= max_bytes && messages.size() < max_bytes;
    }
};

class MessageQueues {
public:
    static constexpr std::uint64_t max_message_bytes = 8192;  // MSGMAX
    static constexpr std::uint64_t max_queue_bytes = 16384;   // MSGMNB
    static constexpr std::uint32_t max_queues = 32000;        // MSGMNI

    explicit MessageQueues(Clock& clock) : clock_(clock) {}
    MessageQueues(const MessageQueues&) = delete;
    MessageQueues& operator=(const MessageQueues&) = delete;

    // newque(). ENOSPC.
    Result<std::uint64_t> add(const Task& task, std::int32_t key, std::int32_t flags);
    void remove(MessageQueue& queue);
    // What all messages together may take of the host, so that they are no way around the machine's RAM. ENOMEM.
    Result<void> may_send(const System& system, std::uint64_t size_bytes) const;
    // do_msgsnd(), from the queue on. EACCES, EAGAIN, EIDRM, EINTR.
    Result<void> send(System& system, const std::shared_ptr<MessageQueue>& queue, Message message, bool waits);
    // do_msgrcv(), from the queue on. EACCES, ENOMSG, E2BIG, EIDRM, EINTR.
    Result<Message> receive(System& system, const std::shared_ptr<MessageQueue>& queue, const MessageWish& wish,
                            bool waits);

    const IpcTable<MessageQueue>& table() const { return table_; }
    std::uint64_t now_s();
    std::string proc_text() const;

private:
    bool hand_over(MessageQueue& queue, Message& message);

    Clock& clock_;
    IpcTable<MessageQueue> table_;
};

}  // namespace fl::kernel
