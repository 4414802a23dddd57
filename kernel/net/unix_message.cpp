#include "kernel/net/unix_message.hpp"

#include "kernel/net/unix_socket.hpp"
#include "kernel/net/unix_sockets.hpp"
#include "kernel/task.hpp"

#include <utility>

namespace fl::kernel {

UnixMessage::UnixMessage(UnixSockets& all, const std::shared_ptr<UnixSocket>& sender, std::uint64_t charge,
                         std::uint32_t uid, Contents contents)
    : all_(all), sender_(sender), charge_(charge), uid_(uid), contents_(std::move(contents)) {
    sender->charge(charge_);
    all_.take_off(contents_.files, uid_);
}

UnixMessage::~UnixMessage() {
    if (const auto sender = sender_.lock()) sender->discharge(charge_);
    all_.discard(take_files());
}

void UnixMessage::add_credentials(const Task& task) {
    if (!contents_.credentials)
        contents_.credentials = UserCredentials{task.pid, task.credentials.user.real, task.credentials.group.real};
}

PassedFiles UnixMessage::take_files() {
    all_.land(contents_.files, uid_);
    return std::exchange(contents_.files, {});
}

}  // namespace fl::kernel
