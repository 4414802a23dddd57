// A policy against a slow, obvious one that is written another way: random programs, and every step compared.
#pragma once

#include "mm/replacement/registry.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::replacement::test {

// Pages whose bits a test sets.
class TestPages final : public Pages {
public:
    struct Bits {
        bool accessed = false;
        bool dirty = false;
        bool pinned = false;
        friend bool operator==(const Bits&, const Bits&) = default;
    };

    bool accessed(PageId page) const override { return bits.at(page).accessed; }
    void clear_accessed(PageId page) override { bits.at(page).accessed = false; }
    bool dirty(PageId page) const override { return bits.at(page).dirty; }
    bool evictable(PageId page) const override { return !bits.at(page).pinned; }
    void write_back(PageId page) override { bits.at(page).dirty = false; }
    std::uint64_t time() const override { return now; }

    std::vector<Bits> bits = std::vector<Bits>(400);
    std::uint64_t now = 0;
};

// Lists of pages as plain vectors, the front first.
using Order = std::vector<PageId>;

inline bool holds(const Order& order, PageId page) {
    return std::find(order.begin(), order.end(), page) != order.end();
}
inline void remove(Order& order, PageId page) { std::erase(order, page); }
inline void to_back(Order& order, PageId page) {
    remove(order, page);
    order.push_back(page);
}
inline PageId first(const Order& order, const Pages& pages) {
    const auto found = std::find_if(order.begin(), order.end(), [&](PageId page) { return pages.evictable(page); });
    return found == order.end() ? no_page : *found;
}

// What the slow policies have in common: they are made from a Setup.
class Slow : public Policy {
public:
    explicit Slow(const Setup& setup) : pages(setup.pages), frames(setup.frames), parameters(setup.parameters) {}

protected:
    Pages& pages;
    std::uint32_t frames;
    std::vector<double> parameters;
};

using Make = std::unique_ptr<Policy> (*)(const Setup&);

// "NAME[,key=value...]" against the slow policy, on random strings of several kinds, at 1 to 20 frames: with writes,
// pages that are pinned, pages that are forgotten and come back, faults that fail, and evictions before memory is full.
// Where they differ first, or what the policy did wrong; empty: nowhere.
std::string first_difference(const std::string& policy, Make slow);

template <class P>
std::string first_difference(const std::string& policy) {
    return first_difference(policy,
                            [](const Setup& setup) -> std::unique_ptr<Policy> { return std::make_unique<P>(setup); });
}

// A policy of its own, made from its text, with `frames` frames.
std::unique_ptr<Policy> make_policy(const std::string& policy, std::uint32_t frames, Pages& pages);

// The faults of a string of pages; memory holds `frames` pages.
std::uint64_t count_faults(const std::string& policy, std::uint32_t frames, const std::vector<PageId>& string);

}  // namespace fl::replacement::test
