// Epoll: a set of open files that are watched, and the list of those that may be ready (Linux: fs/eventpoll.c).
//
// Invariants: an item is known to the file that it watches and to the instance that it is in, and ends with whichever
// goes first. It is in the ready list at most once.
#pragma once

#include "kernel/vfs/pipe.hpp"

#include <list>
#include <map>
#include <memory>
#include <span>

namespace fl::kernel {

class EpollDescription;

struct EpollEvent {  // struct epoll_event, packed
    std::uint32_t events;
    std::uint32_t data_low, data_high;
};
static_assert(sizeof(EpollEvent) == 12);

class EpollItem final : public WakeObserver {
public:
    EpollItem(EpollDescription& owner, FileDescription& file, std::uint32_t fd, const EpollEvent& wanted)
        : owner_(owner), file_(file), fd_(fd), wanted_(wanted) {}
    EpollItem(const EpollItem&) = delete;
    EpollItem& operator=(const EpollItem&) = delete;
    ~EpollItem() override { file_.epoll_links().remove(*this); }

    bool on_wake(short events) override;
    EpollDescription& owner() const { return owner_; }
    FileDescription& file() const { return file_; }
    std::uint32_t fd() const { return fd_; }
    const EpollEvent& wanted() const { return wanted_; }

private:
    friend class EpollDescription;
    // What of the wanted events holds now (ep_item_poll).
    std::uint32_t ready_events() const;

    EpollDescription& owner_;
    FileDescription& file_;
    std::uint32_t fd_;
    EpollEvent wanted_;
    bool is_listed_ = false;       // in the ready list
    bool host_was_ready_ = false;  // of a file whose events the host alone knows
};

class EpollDescription final : public NamelessDescription {
public:
    // `item_count` counts the items of all instances, `max_items` bounds them (max_user_watches).
    EpollDescription(NamelessFile file, std::uint64_t& item_count, std::uint64_t max_items)
        : NamelessDescription(O_RDWR, file), item_count_(item_count), max_items_(max_items) {}
    EpollDescription(const EpollDescription&) = delete;
    EpollDescription& operator=(const EpollDescription&) = delete;
    ~EpollDescription() override;

    bool can_read() const override { return false; }
    bool can_write() const override { return false; }
    std::string path() const override { return "anon_inode:[eventpoll]"; }
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override { return {&changed_}; }
    std::vector<HostEvent> host_events(short wanted) override;

    // epoll_ctl(2). ENOENT, EEXIST, EINVAL, ELOOP, ENOSPC.
    Result<void> add(FileDescription& file, std::uint32_t fd, const EpollEvent& wanted);
    Result<void> modify(FileDescription& file, std::uint32_t fd, const EpollEvent& wanted);
    Result<void> remove(FileDescription& file, std::uint32_t fd);
    // Its file is gone.
    void forget(EpollItem& item);

    // epoll_wait(2): up to `count` events to `address`; how many there were, 0 at the deadline. EINTR, EFAULT.
    Result<std::uint64_t> wait(System& system, std::uint64_t address, std::uint32_t count,
                               std::optional<std::uint64_t> deadline_ns);
    // By descriptor; for /proc.
    std::vector<const EpollItem*> items() const;

private:
    friend class EpollItem;
    using Key = std::pair<const FileDescription*, std::uint32_t>;

    EpollItem* find(const FileDescription& file, std::uint32_t fd) const;
    void list(EpollItem& item);
    void unlist(EpollItem& item);
    void ask_host() const;
    Result<std::uint64_t> send(System& system, std::uint64_t address, std::uint32_t count);
    bool nests_too_deep(const EpollDescription& below) const;
    using Depths = std::map<const EpollDescription*, int>;
    int depth_below(const EpollDescription& forbidden, int depth, Depths& known) const;
    int depth_above(Depths& known) const;

    std::uint64_t& item_count_;
    std::uint64_t max_items_;
    std::map<Key, std::unique_ptr<EpollItem>> items_;  // never gone through where the order shows
    std::list<EpollItem*> ready_;
    std::vector<EpollItem*> of_host_;  // those whose events the host may have to be asked for
    WaitQueue changed_;
};

}  // namespace fl::kernel
