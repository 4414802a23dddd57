// PageHeap: resident pages in a binary heap, the one with the least key on top.
//
// A key may grow without the heap being told: the heap holds a lower bound, and take_least() puts the pages that it
// meets where they belong. So a hit costs nothing here, and an eviction O(log n) for each page that was hit since.
#pragma once

#include "mm/replacement/page_list.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace fl::replacement {

class PageHeap {
public:
    struct Key {
        std::uint64_t first = 0;
        std::uint64_t second = 0;
        friend auto operator<=>(const Key&, const Key&) = default;
    };

    bool holds(PageId page) const { return places_.get(page) != 0; }
    std::size_t size() const { return entries_.size(); }

    void push(PageId page, Key key) {
        entries_.push_back({key, page});
        sift_up(entries_.size() - 1);
    }
    // A page of the heap.
    void erase(PageId page) {
        const std::size_t index = places_[page] - 1;
        places_[page] = 0;
        const Entry last = entries_.back();
        entries_.pop_back();
        if (index == entries_.size()) return;
        entries_[index] = last;
        sift_down(index);
        sift_up(index);
    }
    // Gives every page the key that key_of(page) says, for keys that have become less: O(n).
    template <class KeyOf>
    void rebuild(KeyOf key_of) {
        for (Entry& entry : entries_) entry.key = key_of(entry.page);
        for (std::size_t index = entries_.size(); index-- > 0;) sift_down(index);
    }
    // Takes out the page of least key_of(page) for which allowed(page). no_page: there is none.
    template <class KeyOf, class Allowed>
    PageId take_least(KeyOf key_of, Allowed allowed) {
        std::vector<Entry> passed;
        PageId found = no_page;
        while (found == no_page && !entries_.empty()) {
            const PageId page = entries_.front().page;
            const Key key = key_of(page);
            if (key != entries_.front().key) {
                entries_.front().key = key;
                sift_down(0);
                continue;
            }
            erase(page);
            if (allowed(page)) {
                found = page;
            } else {
                passed.push_back({key, page});
            }
        }
        for (const Entry& entry : passed) push(entry.page, entry.key);
        return found;
    }

private:
    struct Entry {
        Key key;
        PageId page;
    };

    void place(std::size_t index, const Entry& entry) {
        entries_[index] = entry;
        places_[entry.page] = static_cast<std::uint32_t>(index + 1);
    }
    void sift_up(std::size_t index) {
        const Entry entry = entries_[index];
        while (index > 0 && entry.key < entries_[(index - 1) / 2].key) {
            place(index, entries_[(index - 1) / 2]);
            index = (index - 1) / 2;
        }
        place(index, entry);
    }
    void sift_down(std::size_t index) {
        const Entry entry = entries_[index];
        for (std::size_t child = 2 * index + 1; child < entries_.size(); child = 2 * index + 1) {
            if (child + 1 < entries_.size() && entries_[child + 1].key < entries_[child].key) ++child;
            if (!(entries_[child].key < entry.key)) break;
            place(index, entries_[child]);
            index = child;
        }
        place(index, entry);
    }

    std::vector<Entry> entries_;
    PerPage<std::uint32_t> places_;  // index in entries_ plus one; 0: not in the heap
};

}  // namespace fl::replacement
