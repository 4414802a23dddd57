// What ARC and CAR have in common: four lists, and a target for the first that follows what is missed.
#pragma once

#include "mm/replacement/page_list.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace fl::replacement {

// T1, pages seen once lately, and T2, pages seen more often, are resident; B1 and B2 remember what left them.
class AdaptiveLists {
public:
    enum class Where : std::uint8_t { nowhere, once, often, once_ghost, often_ghost };

    explicit AdaptiveLists(std::uint32_t frames) : frames_(frames) {}

    Where where(PageId page) const { return where_.get(page); }
    // From wherever it is, to the back of a list.
    void move(PageId page, Where to) {
        if (where_[page] != Where::nowhere) list(where_[page]).erase(page);
        where_[page] = to;
        if (to != Where::nowhere) list(to).push_back(page);
    }
    // The oldest of a list.
    void drop_front(Where from) {
        const PageId page = list(from).pop_front();
        if (page != no_page) where_[page] = Where::nowhere;
    }
    PageList& list(Where where) {
        switch (where) {
            case Where::once: return once;
            case Where::often: return often;
            case Where::once_ghost: return once_ghosts;
            default: return often_ghosts;
        }
    }

    // `page` is missed: where it is remembered, the list that it left should have been longer.
    void adapt(PageId page) {
        const double b1 = once_ghosts.size();
        const double b2 = often_ghosts.size();
        if (where(page) == Where::once_ghost) target_ = std::min<double>(frames_, target_ + std::max(1.0, b2 / b1));
        if (where(page) == Where::often_ghost) target_ = std::max(0.0, target_ - std::max(1.0, b1 / b2));
    }
    double target() const { return target_; }
    std::uint32_t frames() const { return frames_; }
    std::uint32_t all() const { return once.size() + often.size() + once_ghosts.size() + often_ghosts.size(); }

    std::string state() const {
        const long target = std::lround(target_ * 100);
        return "T1 " + std::to_string(once.size()) + ", T2 " + std::to_string(often.size()) + ", B1 " +
               std::to_string(once_ghosts.size()) + ", B2 " + std::to_string(often_ghosts.size()) + ", target of T1 " +
               std::to_string(target / 100) + "." + std::to_string(target / 10 % 10) + std::to_string(target % 10);
    }
    std::string describe(PageId page) const {
        switch (where(page)) {
            case Where::once: return "in T1";
            case Where::often: return "in T2";
            case Where::once_ghost: return "in B1";
            case Where::often_ghost: return "in B2";
            case Where::nowhere: break;
        }
        return {};
    }

private:
    Links links_;
    PerPage<Where> where_;
    std::uint32_t frames_;
    double target_ = 0;

public:
    // T1, T2, B1, B2, the oldest page in front.
    PageList once{links_};
    PageList often{links_};
    PageList once_ghosts{links_};
    PageList often_ghosts{links_};
};

}  // namespace fl::replacement
