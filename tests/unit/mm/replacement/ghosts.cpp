// Policies that remember what left: 2Q, LIRS, ARC, CAR, CLOCK-Pro. The slow ones follow the text of each paper.
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace fl::replacement::test {

namespace {

class SlowTwoQueues final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        const bool returns = holds(a1out, page) || returning == page;
        remove(a1out, page);
        (returns ? am : a1in).push_back(page);
        returning = no_page;
    }
    void reference(PageId page, Access, std::uint32_t) override {
        if (holds(am, page)) to_back(am, page);
    }
    PageId choose_victim(PageId incoming) override {
        if (holds(a1out, incoming)) returning = incoming;
        const bool from_in = a1in.size() > share(0);
        PageId victim = first(from_in ? a1in : am, pages);
        if (victim == no_page) victim = first(from_in ? am : a1in, pages);
        if (holds(a1in, victim)) {
            a1out.push_back(victim);
            if (a1out.size() > share(1)) a1out.erase(a1out.begin());
        }
        remove(a1in, victim);
        remove(am, victim);
        return victim;
    }
    void forget(PageId page) override {
        if (returning == page) returning = no_page;
        for (Order* order : {&a1in, &a1out, &am}) remove(*order, page);
    }

private:
    std::size_t share(std::size_t parameter) const {
        return std::max<std::size_t>(1, static_cast<std::size_t>(frames * parameters[parameter] / 100));
    }

    Order a1in, a1out, am;
    PageId returning = no_page;
};

// S and Q as in the paper, the top of S at the back.
class SlowLirs final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        const bool was_remembered = holds(s, page);
        to_back(s, page);
        if (was_remembered || lir.size() < lir_size()) {
            lir.insert(page);
            if (lir.size() > lir_size()) demote();
        } else {
            q.push_back(page);
        }
        prune();
    }
    void reference(PageId page, Access, std::uint32_t count) override {
        for (; count > 0; --count) {
            if (lir.count(page) != 0) {  // case 1
                to_back(s, page);
            } else if (holds(s, page)) {  // case 2a
                to_back(s, page);
                remove(q, page);
                lir.insert(page);
                if (lir.size() > lir_size()) demote();
            } else {  // case 2b
                s.push_back(page);
                to_back(q, page);
            }
            prune();
        }
    }
    PageId choose_victim(PageId) override {
        PageId victim = first(q, pages);
        if (victim == no_page) {
            for (const PageId page : s) {
                if (lir.count(page) == 0 || !pages.evictable(page)) continue;
                victim = page;
                break;
            }
        }
        lir.erase(victim);
        remove(q, victim);
        prune();
        return victim;
    }
    void forget(PageId page) override {
        remove(s, page);
        remove(q, page);
        lir.erase(page);
        prune();
    }

private:
    std::size_t lir_size() const {
        return frames - std::clamp<std::size_t>(static_cast<std::size_t>(frames * parameters[0] / 100), 1, frames);
    }
    void demote() {
        prune();
        q.push_back(s.front());
        lir.erase(s.front());
    }
    void prune() {
        while (!s.empty() && lir.count(s.front()) == 0) s.erase(s.begin());
    }

    Order s, q;
    std::set<PageId> lir;
};

// Figure 4 of the paper: the four cases in their order.
class SlowArc final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        directory_cases(page);
        prepared = no_page;
        const bool is_known = holds(b1, page) || holds(b2, page);
        remove(b1, page);
        remove(b2, page);
        (is_known ? t2 : t1).push_back(page);
    }
    void reference(PageId page, Access, std::uint32_t) override {  // case I
        remove(t1, page);
        to_back(t2, page);
    }
    PageId choose_victim(PageId x) override {
        const bool is_new = !holds(b1, x) && !holds(b2, x);
        const bool deletes_from_t1 = is_new && t1.size() >= frames && b1.empty();
        directory_cases(x);
        const bool replaces_in_t1 = !t1.empty() && ((holds(b2, x) && static_cast<double>(t1.size()) == p) ||
                                                    static_cast<double>(t1.size()) > p);
        PageId victim = first(deletes_from_t1 || replaces_in_t1 ? t1 : t2, pages);
        if (victim == no_page) victim = first(deletes_from_t1 || replaces_in_t1 ? t2 : t1, pages);
        if (victim == no_page) return no_page;
        const bool was_in_t1 = holds(t1, victim);
        remove(was_in_t1 ? t1 : t2, victim);
        if (!(was_in_t1 && deletes_from_t1)) (was_in_t1 ? b1 : b2).push_back(victim);
        return victim;
    }
    void forget(PageId page) override {
        if (prepared == page) prepared = no_page;
        for (Order* order : {&t1, &t2, &b1, &b2}) remove(*order, page);
    }

private:
    // What a miss does apart from REPLACE, once.
    void directory_cases(PageId x) {
        if (prepared == x) return;
        prepared = x;
        const auto size1 = static_cast<double>(b1.size()), size2 = static_cast<double>(b2.size());
        if (holds(b1, x)) {  // case II
            p = std::min(p + (size1 >= size2 ? 1 : size2 / size1), static_cast<double>(frames));
        } else if (holds(b2, x)) {  // case III
            p = std::max(p - (size2 >= size1 ? 1 : size1 / size2), 0.0);
        } else if (t1.size() + b1.size() >= frames) {  // case IV A
            if (!b1.empty()) b1.erase(b1.begin());
        } else if (t1.size() + t2.size() + b1.size() + b2.size() >= 2 * std::size_t{frames}) {  // case IV B
            b2.erase(b2.begin());
        }
    }

    Order t1, t2, b1, b2;
    double p = 0;
    PageId prepared = no_page;
};

// Figure 2 of the paper.
class SlowCar final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId x, Access) override {
        const bool in_b1 = holds(b1, x), in_b2 = holds(b2, x);
        const auto size1 = static_cast<double>(b1.size()), size2 = static_cast<double>(b2.size());
        if (!in_b1 && !in_b2) {
            if (t1.size() + b1.size() >= frames && !b1.empty()) {
                b1.erase(b1.begin());
            } else if (t1.size() + t2.size() + b1.size() + b2.size() >= 2 * std::size_t{frames} && !b2.empty()) {
                b2.erase(b2.begin());
            }
            t1.push_back(x);
        } else {
            if (in_b1) p = std::min(p + std::max(1.0, size2 / size1), static_cast<double>(frames));
            if (in_b2) p = std::max(p - std::max(1.0, size1 / size2), 0.0);
            t2.push_back(x);
        }
        remove(b1, x);
        remove(b2, x);
        if (parameters[0] == 0) pages.clear_accessed(x);
    }
    PageId choose_victim(PageId) override {
        for (;;) {
            const bool looks_at_t1 = static_cast<double>(t1.size()) >= std::max(1.0, p);
            PageId page = first(looks_at_t1 ? t1 : t2, pages);
            if (page == no_page) page = first(looks_at_t1 ? t2 : t1, pages);
            if (page == no_page) return no_page;
            const bool in_t1 = holds(t1, page);
            remove(in_t1 ? t1 : t2, page);
            if (!pages.test_and_clear_accessed(page)) {
                (in_t1 ? b1 : b2).push_back(page);
                return page;
            }
            t2.push_back(page);
        }
    }
    void forget(PageId page) override {
        for (Order* order : {&t1, &t2, &b1, &b2}) remove(*order, page);
    }

private:
    Order t1, t2, b1, b2;
    double p = 0;
};

// The clock is a vector, the hands are positions of pages in it; "list head" is the place just before the hot hand.
class SlowClockPro final : public Slow {
public:
    explicit SlowClockPro(const Setup& setup)
        : Slow(setup),
          cold_share(std::clamp<std::size_t>(static_cast<std::size_t>(frames * parameters[0] / 100), 1, frames)) {}

    void admit(PageId page, Access) override {
        const bool comes_back = what.count(page) != 0;
        if (comes_back) {
            take(page);
            grow();
        }
        at_head(page, comes_back ? 'h' : 't');
        if (comes_back) limit_hot();
        if (parameters[1] == 0) pages.clear_accessed(page);
    }
    PageId choose_victim(PageId) override {
        std::size_t patience = 4 * clock.size();
        while (patience-- > 0 && count('h') + count('c') + count('t') > 0) {
            if (count('c') + count('t') == 0 && !run_hot_hand()) break;
            const PageId page = step(cold_hand);
            const char kind = what[page];
            if ((kind != 'c' && kind != 't') || !pages.evictable(page)) continue;
            if (!pages.test_and_clear_accessed(page)) {
                if (kind == 'c') {
                    take(page);
                } else {
                    what[page] = 'n';
                    while (count('n') > frames) end_test(step(test_hand));
                }
                return page;
            }
            take(page);
            at_head(page, kind == 't' ? 'h' : 't');
            if (kind == 't') {
                grow();
                limit_hot();
            }
        }
        for (const PageId page : from_front()) {
            if (what[page] == 'n' || !pages.evictable(page)) continue;
            take(page);
            return page;
        }
        return no_page;
    }
    void forget(PageId page) override {
        if (what.count(page) != 0) take(page);
    }

private:
    // h: hot, c: cold, t: cold in its test period, n: not resident, in its test period.
    std::size_t count(char kind) const {
        return static_cast<std::size_t>(
            std::count_if(what.begin(), what.end(), [&](const auto& entry) { return entry.second == kind; }));
    }
    std::size_t index(PageId page) const {
        return static_cast<std::size_t>(std::find(clock.begin(), clock.end(), page) - clock.begin());
    }
    PageId after(PageId page) const { return clock[(index(page) + 1) % clock.size()]; }
    PageId step(PageId& hand) {
        const PageId page = hand;
        hand = after(hand);
        return page;
    }
    const Order& from_front() const { return clock; }
    void at_head(PageId page, char kind) {
        clock.insert(hot_hand == no_page ? clock.end() : clock.begin() + static_cast<std::ptrdiff_t>(index(hot_hand)),
                     page);
        for (PageId* hand : {&hot_hand, &cold_hand, &test_hand})
            if (*hand == no_page) *hand = page;
        what[page] = kind;
    }
    void take(PageId page) {
        for (PageId* hand : {&hot_hand, &cold_hand, &test_hand})
            if (*hand == page) *hand = clock.size() == 1 ? no_page : after(page);
        remove(clock, page);
        what.erase(page);
    }
    void grow() { cold_share = std::min<std::size_t>(cold_share + 1, frames); }
    void end_test(PageId page) {
        if (what[page] != 't' && what[page] != 'n') return;
        cold_share = std::max<std::size_t>(cold_share - 1, 1);
        if (what[page] == 'n') {
            take(page);
        } else {
            what[page] = 'c';
        }
    }
    void limit_hot() {
        while (count('h') > frames - cold_share && run_hot_hand()) {
        }
    }
    bool run_hot_hand() {
        for (std::size_t patience = 2 * clock.size(); patience > 0 && count('h') > 0; --patience) {
            const PageId page = step(hot_hand);
            end_test(page);
            if (what.count(page) == 0 || what[page] != 'h' || !pages.evictable(page)) continue;
            if (pages.test_and_clear_accessed(page)) continue;
            what[page] = 'c';
            return true;
        }
        return false;
    }

    Order clock;
    std::map<PageId, char> what;
    PageId hot_hand = no_page, cold_hand = no_page, test_hand = no_page;
    std::size_t cold_share;
};

// 1 to 5, again and again.
std::vector<PageId> loop_of(PageId length, int rounds) {
    std::vector<PageId> string;
    for (int round = 0; round < rounds; ++round)
        for (PageId page = 0; page < length; ++page) string.push_back(page);
    return string;
}

}  // namespace

TEST_CASE("ghosts: each is its slow self") {
    CHECK(first_difference<SlowTwoQueues>("2q") == "");
    CHECK(first_difference<SlowTwoQueues>("2q,in=50,out=200") == "");
    CHECK(first_difference<SlowLirs>("lirs") == "");
    CHECK(first_difference<SlowLirs>("lirs,hir=30") == "");
    CHECK(first_difference<SlowArc>("arc") == "");
    CHECK(first_difference<SlowCar>("car") == "");
    CHECK(first_difference<SlowCar>("car,load=1") == "");
    CHECK(first_difference<SlowClockPro>("clock-pro") == "");
    CHECK(first_difference<SlowClockPro>("clock-pro,cold=50,load=1") == "");
}

TEST_CASE("lirs: the example of its paper") {
    // Table 1 and figure 2: A and B are LIR after A D B C B A D A E at three frames with one for HIR pages... here the
    // string that leads to such a state: pages 1 and 2 are LIR, 3 is the resident HIR page, 4 is remembered.
    TestPages pages;
    const auto lirs = make_policy("lirs", 3, pages);
    lirs->admit(1, Access::read);
    lirs->admit(2, Access::read);
    lirs->admit(4, Access::read);
    CHECK(lirs->describe(1) == "LIR");
    CHECK(lirs->describe(4) == "HIR, in the stack");
    CHECK(lirs->choose_victim(3) == 4);
    lirs->admit(3, Access::read);
    CHECK(lirs->describe(4) == "HIR, remembered");
    CHECK(lirs->state() == "LIR 2 of 2, resident HIR 1, stack 4");
    // 4 comes back within the stack: it is LIR at once, and 1 at the bottom becomes HIR.
    CHECK(lirs->choose_victim(4) == 3);
    lirs->admit(4, Access::read);
    CHECK(lirs->describe(4) == "LIR");
    CHECK(lirs->describe(1) == "HIR");
    CHECK(lirs->describe(2) == "LIR");
}

TEST_CASE("ghosts: loops a little larger than memory, on which LRU always misses") {
    const auto string = loop_of(11, 50);
    CHECK(count_faults("lru", 10, string) == string.size());
    // The LIR pages stay; the rest pass through the one frame for HIR pages.
    CHECK(count_faults("lirs", 10, string) == 11 + 2 * 49);
    CHECK(count_faults("clock-pro", 10, string) < string.size() / 2);
    CHECK(count_faults("2q", 10, string) < string.size());
}

TEST_CASE("arc: a scan does not drive out what is used often") {
    std::vector<PageId> string = {1, 2, 1, 2};
    for (PageId page = 10; page < 40; ++page) string.push_back(page);
    string.insert(string.end(), {1, 2});
    CHECK(count_faults("arc", 4, string) == 32);
    CHECK(count_faults("car", 4, string) == 32);
    CHECK(count_faults("lru", 4, string) == 34);
}

}  // namespace fl::replacement::test
