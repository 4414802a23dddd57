// EpollLinks: the entries by which epoll instances watch an open file (Linux: file->f_ep). They end with the file.
#pragma once

#include <vector>

namespace fl::kernel {

class EpollItem;

class EpollLinks {
public:
    EpollLinks() = default;
    EpollLinks(const EpollLinks&) = delete;
    EpollLinks& operator=(const EpollLinks&) = delete;
    ~EpollLinks();

    void add(EpollItem& item) { items_.push_back(&item); }
    void remove(const EpollItem& item);
    const std::vector<EpollItem*>& items() const { return items_; }

private:
    std::vector<EpollItem*> items_;
};

}  // namespace fl::kernel
