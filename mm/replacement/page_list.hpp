// Lists of pages as links in vectors indexed by page number: no allocation for each page, every step O(1).
#pragma once

#include "mm/replacement/policy.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::replacement {

// One T for each page number seen so far; all others have the T that T{} is.
template <class T>
class PerPage {
public:
    // Grows to hold `page`.
    T& operator[](PageId page) {
        if (page >= values_.size()) values_.resize(std::size_t{page} + 1);
        return values_[page];
    }
    T get(PageId page) const { return page < values_.size() ? values_[page] : T{}; }
    // Of a page that operator[] was asked about before.
    T& known(PageId page) { return values_[page]; }

private:
    std::vector<T> values_;
};

// The links of lists that share no page: each page is in one of them at most.
class Links {
public:
    bool linked(PageId page) const { return links_.get(page).previous != unlinked; }

private:
    friend class PageList;

    static constexpr PageId unlinked = no_page - 1;
    struct Link {
        PageId previous = unlinked;
        PageId next = no_page;
    };
    PerPage<Link> links_;
};

// From the front, which by custom is what leaves first, to the back. A page that is pushed is in no list of these
// links.
class PageList {
public:
    explicit PageList(Links& links) : links_(links.links_) {}
    PageList(const PageList&) = delete;
    PageList& operator=(const PageList&) = delete;
    ~PageList() = default;

    bool empty() const { return size_ == 0; }
    std::uint32_t size() const { return size_; }
    // no_page: there is none.
    PageId front() const { return front_; }
    PageId back() const { return back_; }
    PageId next(PageId page) const { return links_.get(page).next; }
    PageId previous(PageId page) const { return links_.get(page).previous; }
    // The list as a ring: the front follows the back.
    PageId next_around(PageId page) const {
        const PageId following = next(page);
        return following == no_page ? front_ : following;
    }

    void push_back(PageId page) { insert_before(no_page, page); }
    void push_front(PageId page) { insert_before(front_, page); }
    // no_page: at the back.
    void insert_before(PageId position, PageId page) {
        const PageId before = position == no_page ? back_ : links_.known(position).previous;
        links_[page] = {before, position};
        (before == no_page ? front_ : links_.known(before).next) = page;
        (position == no_page ? back_ : links_.known(position).previous) = page;
        ++size_;
    }
    // A page of this list.
    void erase(PageId page) {
        const Links::Link link = links_.known(page);
        (link.previous == no_page ? front_ : links_.known(link.previous).next) = link.next;
        (link.next == no_page ? back_ : links_.known(link.next).previous) = link.previous;
        links_.known(page) = {};
        --size_;
    }
    // no_page: the list is empty.
    PageId pop_front() {
        const PageId page = front_;
        if (page != no_page) erase(page);
        return page;
    }
    void move_to_back(PageId page) {
        if (page == back_) return;
        const Links::Link link = links_.known(page);
        (link.previous == no_page ? front_ : links_.known(link.previous).next) = link.next;
        links_.known(link.next).previous = link.previous;
        links_.known(back_).next = page;
        links_.known(page) = {back_, no_page};
        back_ = page;
    }

private:
    PerPage<Links::Link>& links_;
    PageId front_ = no_page;
    PageId back_ = no_page;
    std::uint32_t size_ = 0;
};

// no_page: none is evictable.
inline PageId first_evictable(const PageList& list, const Pages& pages) {
    PageId page = list.front();
    while (page != no_page && !pages.evictable(page)) page = list.next(page);
    return page;
}

inline PageId last_evictable(const PageList& list, const Pages& pages) {
    PageId page = list.back();
    while (page != no_page && !pages.evictable(page)) page = list.previous(page);
    return page;
}

// Pages in a circle and a hand that goes round. A page that enters is the last that the hand comes to.
class Ring {
public:
    bool holds(PageId page) const { return links_.linked(page); }
    std::uint32_t size() const { return list_.size(); }
    // no_page: the ring is empty.
    PageId hand() const { return hand_; }
    void advance() { hand_ = list_.next_around(hand_); }
    void insert(PageId page) {
        list_.insert_before(hand_, page);
        if (hand_ == no_page) hand_ = page;
    }
    // Where the hand stood on it, it stands on the next now.
    void erase(PageId page) {
        if (hand_ == page) hand_ = list_.size() == 1 ? no_page : list_.next_around(page);
        list_.erase(page);
    }

private:
    Links links_;
    PageList list_{links_};
    PageId hand_ = no_page;
};

}  // namespace fl::replacement
