#include "kernel/net/unix_sockets.hpp"

#include "kernel/net/socket_description.hpp"
#include "kernel/net/unix_socket.hpp"
#include "kernel/path_argument.hpp"
#include "kernel/vfs/names.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <set>
#include <utility>

namespace fl::kernel {

namespace {

UnixSocket* socket_of(const std::shared_ptr<FileDescription>& file) {
    const auto* description = dynamic_cast<const SocketDescription*>(file.get());
    return description != nullptr ? description->socket().get() : nullptr;
}

}  // namespace

// --- names -----------------------------------------------------------------------------------------------------------

// unix_bind_bsd(): the file is made before it is seen that the socket has a name.
Result<void> UnixSockets::bind(System& system, const std::shared_ptr<UnixSocket>& socket, const UnixAddress& address) {
    if (address.is_abstract()) {
        if (!socket->address().is_unnamed()) return fail(Errno::einval);
        auto& place = names_[Name{socket->type(), address.name}];
        if (place.lock() != nullptr) return fail(Errno::eaddrinuse);
        place = socket;
        socket->set_address(address, nullptr);
        return {};
    }
    const auto here = static_cast<std::uint64_t>(AT_FDCWD);
    const auto start = start_of(system, here, address.name);
    if (!start) return fail(start.error());
    if (!socket->address().is_unnamed()) {
        const bool exists = resolve_at(system, here, address.name, FollowLast::no).has_value();
        return fail(exists ? Errno::eaddrinuse : Errno::einval);
    }
    if (auto made = make_node(system, *start, address.name, S_IFSOCK | 0777); !made) {
        return fail(made.error() == Errno::eexist ? Errno::eaddrinuse : made.error());
    }
    const auto dentry = resolve_at(system, here, address.name, FollowLast::no);
    if (!dentry) return fail(dentry.error());
    (*dentry)->inode->bound_socket = socket;
    socket->set_address(address, (*dentry)->inode);
    return {};
}

void UnixSockets::bind_automatically(const std::shared_ptr<UnixSocket>& socket) {
    if (!socket->address().is_unnamed()) return;
    constexpr std::uint32_t mask = 0xf'ffff;
    // There are fewer sockets than names of five digits.
    for (;;) {
        last_automatic_ = (last_automatic_ + 1) & mask;
        UnixAddress address{std::string(1, '\0') + fmt::format("{:05x}", last_automatic_)};
        auto& place = names_[Name{socket->type(), address.name}];
        if (place.lock() != nullptr) continue;
        place = socket;
        socket->set_address(std::move(address), nullptr);
        return;
    }
}

// unix_find_other()
Result<std::shared_ptr<UnixSocket>> UnixSockets::find(System& system, const UnixAddress& address, int type) {
    if (address.is_abstract()) {
        const auto found = names_.find(Name{type, address.name});
        auto socket = found != names_.end() ? found->second.lock() : nullptr;
        return socket != nullptr ? Result<std::shared_ptr<UnixSocket>>(socket) : fail(Errno::econnrefused);
    }
    const auto dentry = resolve_at(system, static_cast<std::uint64_t>(AT_FDCWD), address.name, FollowLast::yes);
    if (!dentry) return fail(dentry.error());
    const Inode& inode = *(*dentry)->inode;
    if (auto allowed = inode.check_access(credentials(system.task), may_write); !allowed) return fail(allowed.error());
    auto socket = S_ISSOCK(inode.mode()) ? inode.bound_socket.lock() : nullptr;
    if (socket == nullptr) return fail(Errno::econnrefused);
    if (socket->type() != type) return fail(Errno::eprototype);
    return socket;
}

void UnixSockets::forget_name(const UnixSocket& socket) {
    if (!socket.address().is_abstract()) return;
    // An accepted socket has its listener's name without being bound to it.
    const auto found = names_.find(Name{socket.type(), socket.address().name});
    if (found != names_.end() && found->second.lock().get() == &socket) names_.erase(found);
}

// --- files under way -------------------------------------------------------------------------------------------------

bool UnixSockets::has_room(const Task& task) const {
    if (in_flight_count_ >= max_in_flight) return false;
    if (task.credentials.may(Capability::sys_resource) || task.credentials.may(Capability::sys_admin)) return true;
    const auto own = in_flight_of_user_.find(task.credentials.user.real);
    return own == in_flight_of_user_.end() || own->second <= soft_limit(task.process->limits, Limit::open_files);
}

void UnixSockets::take_off(const PassedFiles& files, std::uint32_t uid) {
    if (files.empty()) return;
    in_flight_count_ += files.size();
    in_flight_of_user_[uid] += files.size();
    for (const auto& file : files) {
        UnixSocket* socket = socket_of(file);
        if (socket == nullptr) continue;
        InFlight& entry = in_flight_.try_emplace(socket->serial(), InFlight{file, socket, 0}).first->second;
        ++entry.count;
    }
}

void UnixSockets::land(const PassedFiles& files, std::uint32_t uid) {
    if (files.empty()) return;
    in_flight_count_ -= files.size();
    if ((in_flight_of_user_[uid] -= files.size()) == 0) in_flight_of_user_.erase(uid);
    for (const auto& file : files) {
        const UnixSocket* socket = socket_of(file);
        if (socket == nullptr) continue;
        const auto entry = in_flight_.find(socket->serial());
        if (--entry->second.count == 0) in_flight_.erase(entry);
    }
}

void UnixSockets::discard(PassedFiles files) {
    for (auto& file : files) discarded_.push_back(std::move(file));
    if (std::exchange(is_discarding_, true)) return;
    while (!discarded_.empty()) {
        const auto file = std::move(discarded_.back());
        discarded_.pop_back();
    }
    is_discarding_ = false;
}

// --- garbage ---------------------------------------------------------------------------------------------------------

// One search for sockets that only messages hold.
class UnixSockets::Collection {
public:
    explicit Collection(const std::map<std::uint64_t, InFlight>& in_flight) {
        for (const auto& [serial, entry] : in_flight) {
            if (entry.file.use_count() == entry.count) candidates_[serial] = {entry.socket, entry.count};
        }
        // What is left of the counts are messages that wait at sockets which somebody can get at.
        for (const auto& [serial, candidate] : candidates_) {
            for_each_candidate_at(*candidate.socket, [](Candidate& waiting) { --waiting.held_elsewhere; });
        }
        for (auto& [serial, candidate] : candidates_) {
            if (candidate.held_elsewhere > 0) mark(candidate);
        }
    }

    std::vector<UnixSocket*> garbage() const {
        std::vector<UnixSocket*> unreachable;
        for (const auto& [serial, candidate] : candidates_) {
            if (!candidate.is_reachable) unreachable.push_back(candidate.socket);
        }
        return unreachable;
    }

private:
    struct Candidate {
        UnixSocket* socket;
        long held_elsewhere;
        bool is_reachable = false;
    };

    template <class Visit>
    void for_each_candidate_at(UnixSocket& socket, Visit&& visit) {
        socket.for_each_waiting_file([&](const std::shared_ptr<FileDescription>& file) {
            const UnixSocket* waiting = socket_of(file);
            if (waiting == nullptr) return;
            if (const auto found = candidates_.find(waiting->serial()); found != candidates_.end())
                visit(found->second);
        });
    }

    // And all that waits at it, and at that.
    void mark(Candidate& first) {
        std::vector<Candidate*> to_visit{&first};
        while (!to_visit.empty()) {
            Candidate& next = *to_visit.back();
            to_visit.pop_back();
            if (std::exchange(next.is_reachable, true)) continue;
            for_each_candidate_at(*next.socket, [&](Candidate& waiting) { to_visit.push_back(&waiting); });
        }
    }

    std::map<std::uint64_t, Candidate> candidates_;
};

void UnixSockets::collect_in_time() {
    constexpr std::uint64_t part = 4;
    if (++since_collection_ * part >= in_flight_.size()) collect();
}

void UnixSockets::collect() {
    since_collection_ = 0;
    if (in_flight_.empty() || std::exchange(is_collecting_, true)) return;
    std::vector<std::shared_ptr<UnixMessage>> unreachable;
    for (UnixSocket* socket : Collection(in_flight_).garbage()) socket->give_up_messages(unreachable);
    // A file in one of them may hold the next.
    unreachable.clear();
    is_collecting_ = false;
}

}  // namespace fl::kernel
