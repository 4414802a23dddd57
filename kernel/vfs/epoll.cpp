#include "kernel/vfs/epoll.hpp"

#include "kernel/system.hpp"

#include <sys/epoll.h>

#include <algorithm>

namespace fl::kernel {

namespace {

constexpr std::uint32_t always = EPOLLERR | EPOLLHUP;
// What says how to tell, and not what (EP_PRIVATE_BITS).
constexpr std::uint32_t private_bits = std::uint32_t{EPOLLWAKEUP} | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;
constexpr int max_nests = 4;  // EP_MAX_NESTS

}  // namespace

EpollLinks::~EpollLinks() {
    while (!items_.empty()) items_.back()->owner().forget(*items_.back());
}

void EpollLinks::remove(const EpollItem& item) { std::erase(items_, &item); }

// --- an item ---------------------------------------------------------------------------------------------------------

// ep_poll_callback()
bool EpollItem::on_wake(short events) {
    const std::uint32_t watched = wanted_.events & ~private_bits;
    if (watched == 0) return false;  // disarmed by EPOLLONESHOT
    if (events != 0 && (static_cast<std::uint16_t>(events) & watched) == 0) return false;
    owner_.list(*this);
    return true;
}

std::uint32_t EpollItem::ready_events() const {
    return static_cast<std::uint16_t>(file_.ready_events()) & wanted_.events & ~private_bits;
}

// --- the set ---------------------------------------------------------------------------------------------------------

EpollDescription::~EpollDescription() { item_count_ -= items_.size(); }

EpollItem* EpollDescription::find(const FileDescription& file, std::uint32_t fd) const {
    const auto found = items_.find(Key{&file, fd});
    return found != items_.end() ? found->second.get() : nullptr;
}

void EpollDescription::list(EpollItem& item) {
    if (!item.is_listed_) ready_.push_back(&item);
    item.is_listed_ = true;
    changed_.wake_all(POLLIN);
}

void EpollDescription::unlist(EpollItem& item) {
    if (std::exchange(item.is_listed_, false)) ready_.remove(&item);
}

Result<void> EpollDescription::add(FileDescription& file, std::uint32_t fd, const EpollEvent& wanted) {
    auto* below = dynamic_cast<EpollDescription*>(&file);
    const bool is_epoll = below != nullptr;
    if (is_epoll && nests_too_deep(*below)) return fail(Errno::eloop);
    if (find(file, fd) != nullptr) return fail(Errno::eexist);
    if (item_count_ >= max_items_) return fail(Errno::enospc);
    auto made = std::make_unique<EpollItem>(*this, file, fd, wanted);
    EpollItem& item = *made;
    item.wanted_.events |= always;
    items_[Key{&file, fd}] = std::move(made);
    ++item_count_;
    file.epoll_links().add(item);
    if (file.host_descriptor() || is_epoll) of_host_.push_back(&item);
    const bool exclusive = (wanted.events & EPOLLEXCLUSIVE) != 0;
    for (WaitQueue* queue : file.wait_queues()) {
        item.observe(*queue, exclusive ? WakeObserver::Sharing::exclusive : WakeObserver::Sharing::shared);
    }
    if (item.ready_events() != 0) list(item);
    return {};
}

Result<void> EpollDescription::modify(FileDescription& file, std::uint32_t fd, const EpollEvent& wanted) {
    EpollItem* item = find(file, fd);
    if (item == nullptr) return fail(Errno::enoent);
    if ((item->wanted_.events & EPOLLEXCLUSIVE) != 0) return fail(Errno::einval);
    item->wanted_ = wanted;
    item->wanted_.events |= always;
    item->host_was_ready_ = false;
    if (item->ready_events() != 0) list(*item);
    return {};
}

Result<void> EpollDescription::remove(FileDescription& file, std::uint32_t fd) {
    EpollItem* item = find(file, fd);
    if (item == nullptr) return fail(Errno::enoent);
    forget(*item);
    return {};
}

void EpollDescription::forget(EpollItem& item) {
    unlist(item);
    std::erase(of_host_, &item);
    items_.erase(Key{&item.file(), item.fd()});
    --item_count_;
}

std::vector<const EpollItem*> EpollDescription::items() const {
    std::vector<const EpollItem*> all;
    for (const auto& [key, item] : items_) all.push_back(item.get());
    std::sort(all.begin(), all.end(), [](const EpollItem* a, const EpollItem* b) { return a->fd() < b->fd(); });
    return all;
}

// --- instances inside of instances -----------------------------------------------------------------------------------

// How many levels there are below; more than max_nests where `forbidden` is among them (ep_loop_check_proc).
int EpollDescription::depth_below(const EpollDescription& forbidden, int depth, Depths& known) const {
    if (const auto seen = known.find(this); seen != known.end()) return seen->second;
    int deepest = 0;
    for (const auto& [key, item] : items_) {
        const auto* below = dynamic_cast<const EpollDescription*>(&item->file());
        if (below == nullptr) continue;
        const bool refused = below == &forbidden || depth > max_nests;
        deepest = refused ? max_nests + 1 : std::max(deepest, below->depth_below(forbidden, depth + 1, known) + 1);
        if (deepest > max_nests) break;
    }
    return known[this] = deepest;
}

// ep_get_upwards_depth_proc(). No chain is longer than max_nests, or it would not have come about.
int EpollDescription::depth_above(Depths& known) const {
    if (const auto seen = known.find(this); seen != known.end()) return seen->second;
    int highest = 0;
    for (const EpollItem* item : epoll_links().items()) {
        highest = std::max(highest, item->owner().depth_above(known) + 1);
    }
    return known[this] = highest;
}

// ep_loop_check()
bool EpollDescription::nests_too_deep(const EpollDescription& below) const {
    Depths known_below, known_above;
    const int depth = below.depth_below(*this, 0, known_below);
    return depth > max_nests || depth + 1 + depth_above(known_above) > max_nests;
}

// --- what is ready ---------------------------------------------------------------------------------------------------

// The host wakes nobody: its files are looked at, and are listed when they become ready.
void EpollDescription::ask_host() const {
    for (EpollItem* item : of_host_) {
        const bool ready = item->ready_events() != 0;
        if (ready && !item->host_was_ready_) item->owner_.list(*item);
        item->host_was_ready_ = ready;
    }
}

short EpollDescription::ready_events() const {
    ask_host();
    const bool any = std::any_of(ready_.begin(), ready_.end(), [](const auto* item) { return item->ready_events(); });
    return any ? POLLIN | POLLRDNORM : 0;
}

std::vector<HostEvent> EpollDescription::host_events(short) {
    std::vector<HostEvent> all;
    for (const EpollItem* item : of_host_) {
        // Who is ready and was told of would end every wait at once.
        if (item->host_was_ready_) continue;
        const auto watched = static_cast<short>(item->wanted_.events & ~private_bits & 0xffff);
        for (const HostEvent& event : item->file_.host_events(watched)) all.push_back(event);
    }
    return all;
}

// ep_send_events(): those that stay ready go to the end of the list, so that all have their turn.
Result<std::uint64_t> EpollDescription::send(System& system, std::uint64_t address, std::uint32_t count) {
    std::uint64_t sent = 0;
    ask_host();
    for (std::size_t left = ready_.size(); left > 0 && sent < count && !ready_.empty(); --left) {
        EpollItem& first = *ready_.front();
        unlist(first);
        const EpollEvent event{first.ready_events(), first.wanted_.data_low, first.wanted_.data_high};
        if (event.events == 0) continue;
        const Key key{&first.file_, first.fd_};
        const bool told = system.user().write(VirtAddr(address + sent * sizeof event), event).has_value();
        // The write may have waited (userfaultfd), and the item may be gone, or listed again.
        const auto found = items_.find(key);
        EpollItem* item = found != items_.end() && !found->second->is_listed_ ? found->second.get() : nullptr;
        if (!told) {
            if (item != nullptr) {
                ready_.push_front(item);
                item->is_listed_ = true;
            }
            return sent > 0 ? Result<std::uint64_t>(sent) : fail(Errno::efault);
        }
        ++sent;
        if (item == nullptr) continue;
        if ((item->wanted_.events & EPOLLONESHOT) != 0) {
            item->wanted_.events &= private_bits;
        } else if ((item->wanted_.events & EPOLLET) == 0) {
            ready_.push_back(item);
            item->is_listed_ = true;
        }
    }
    return sent;
}

Result<std::uint64_t> EpollDescription::wait(System& system, std::uint64_t address, std::uint32_t count,
                                             std::optional<std::uint64_t> deadline_ns) {
    const std::array<WaitQueue*, 1> queues{&changed_};
    for (;;) {
        if (const auto sent = send(system, address, count); !sent || *sent > 0) return sent;
        if (deadline_ns && system.clock.monotonic_ns() >= *deadline_ns) return 0;
        const auto of_host = host_events(0);
        const WakeReason reason =
            system.scheduler.wait(system.task, {.queues = queues, .host_events = of_host, .deadline_ns = deadline_ns});
        // Never made again, whatever the handler says.
        if (reason == WakeReason::signal) return fail(Errno::eintr);
    }
}

}  // namespace fl::kernel
