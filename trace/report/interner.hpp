// Interner: numbers for things that come again and again, in the order of their first coming. Number 0 is the default
// value, which stands as well for all that come once it is full.
#pragma once

#include "trace/uncounted_allocator.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace fl::trace::report {

template <class Key>
class Interner {
public:
    explicit Interner(std::uint32_t limit) : limit_(limit) { index_of(Key{}); }

    std::uint32_t index_of(const Key& key) {
        if (!keys_.empty() && *keys_[last_] == key) return last_;
        auto found = indexes_.find(key);
        if (found == indexes_.end()) {
            if (keys_.size() >= limit_) {
                ++refused_;
                return 0;
            }
            found = indexes_.emplace(key, static_cast<std::uint32_t>(keys_.size())).first;
            keys_.push_back(&found->first);
        }
        return last_ = found->second;
    }

    std::uint32_t size() const { return static_cast<std::uint32_t>(keys_.size()); }
    const Key& operator[](std::uint32_t index) const { return *keys_[index]; }
    // How often a thing got 0 because there was no room for it.
    std::uint64_t refused() const { return refused_; }

private:
    std::uint32_t limit_;
    std::uint32_t last_ = 0;
    std::uint64_t refused_ = 0;
    std::map<Key, std::uint32_t, std::less<>, UncountedAllocator<std::pair<const Key, std::uint32_t>>> indexes_;
    std::vector<const Key*> keys_;  // by number
};

}  // namespace fl::trace::report
