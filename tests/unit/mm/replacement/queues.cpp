// FIFO and what grew out of it: second chance, CLOCK, enhanced second chance, SIEVE, S3-FIFO.
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

namespace fl::replacement::test {

namespace {

class SlowFifo : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override { queue.push_back(page); }
    PageId choose_victim(PageId) override {
        const PageId victim = first(queue, pages);
        remove(queue, victim);
        return victim;
    }
    void forget(PageId page) override { remove(queue, page); }

protected:
    Order queue;
};

class SlowSecondChance final : public SlowFifo {
public:
    using SlowFifo::SlowFifo;
    PageId choose_victim(PageId incoming) override {
        const PageId page = first(queue, pages);
        if (page == no_page || !pages.test_and_clear_accessed(page)) return SlowFifo::choose_victim(incoming);
        to_back(queue, page);
        return choose_victim(incoming);
    }
};

// The ring is a vector that is turned until the page under the hand is in front.
class SlowRing : public SlowFifo {
public:
    using SlowFifo::SlowFifo;

protected:
    void turn() { std::rotate(queue.begin(), queue.begin() + 1, queue.end()); }
    bool all_pinned() const { return first(queue, pages) == no_page; }
    PageId take_front() {
        const PageId page = queue.front();
        queue.erase(queue.begin());
        return page;
    }
};

class SlowClock final : public SlowRing {
public:
    using SlowRing::SlowRing;
    void admit(PageId page, Access access) override {
        SlowRing::admit(page, access);
        if (parameters[0] == 0) pages.clear_accessed(page);
    }
    PageId choose_victim(PageId) override {
        if (all_pinned()) return no_page;
        while (!pages.evictable(queue.front()) || pages.accessed(queue.front())) {
            if (pages.evictable(queue.front())) pages.clear_accessed(queue.front());
            turn();
        }
        return take_front();
    }
};

class SlowNru final : public SlowRing {
public:
    using SlowRing::SlowRing;
    PageId choose_victim(PageId) override {
        if (all_pinned()) return no_page;
        for (;;) {
            if (find(false)) return take_front();
            if (find(true)) return take_front();
        }
    }

private:
    bool find(bool dirty) {
        for (std::size_t i = 0; i < queue.size(); ++i) {
            const PageId page = queue.front();
            if (pages.evictable(page)) {
                if (!pages.accessed(page) && pages.dirty(page) == dirty) return true;
                if (dirty) pages.clear_accessed(page);
            }
            turn();
        }
        return false;
    }
};

class SlowSieve final : public SlowFifo {
public:
    using SlowFifo::SlowFifo;
    void admit(PageId page, Access access) override {
        SlowFifo::admit(page, access);
        if (parameters[0] == 0) pages.clear_accessed(page);
    }
    PageId choose_victim(PageId) override {
        if (first(queue, pages) == no_page) return no_page;
        for (;;) {
            if (hand >= queue.size()) hand = 0;
            const PageId page = queue[hand];
            if (pages.evictable(page) && !pages.test_and_clear_accessed(page)) {
                forget(page);
                return page;
            }
            ++hand;
        }
    }
    void forget(PageId page) override {
        const auto found = std::find(queue.begin(), queue.end(), page);
        if (found == queue.end()) return;
        const auto index = static_cast<std::size_t>(found - queue.begin());
        queue.erase(found);
        // A hand beyond the end is at the front; at the end of the queue it must not meet pages that enter later.
        if (index < hand) --hand;
        if (hand >= queue.size()) hand = 0;
    }

private:
    std::size_t hand = 0;
};

// The paper's algorithm 1.
class SlowS3Fifo final : public Slow {
public:
    using Slow::Slow;
    void admit(PageId page, Access) override {
        (holds(ghosts, page) ? main : small).push_back(page);
        remove(ghosts, page);
        uses[page] = 0;
    }
    void reference(PageId page, Access, std::uint32_t count) override {
        for (; count > 0; --count) uses[page] = std::min(uses[page] + 1, 3);
    }
    PageId choose_victim(PageId) override {
        PageId victim = small.size() >= small_size() ? evict_small() : no_page;
        if (victim == no_page) victim = evict_main();
        if (victim == no_page) victim = evict_small();
        return victim == no_page ? evict_main() : victim;
    }
    void forget(PageId page) override {
        for (Order* order : {&small, &main, &ghosts}) remove(*order, page);
    }

private:
    std::size_t small_size() const {
        return std::max<std::size_t>(1, static_cast<std::size_t>(frames * parameters[0] / 100));
    }
    PageId evict_small() {
        const PageId page = first(small, pages);
        if (page == no_page) return no_page;
        remove(small, page);
        if (uses[page] >= static_cast<int>(parameters[1])) {
            uses[page] = 0;
            main.push_back(page);
            return evict_small();
        }
        ghosts.push_back(page);
        if (ghosts.size() > std::max<std::size_t>(1, frames - std::min<std::size_t>(frames, small_size())))
            ghosts.erase(ghosts.begin());
        return page;
    }
    PageId evict_main() {
        const PageId page = first(main, pages);
        if (page == no_page) return no_page;
        remove(main, page);
        if (uses[page] == 0) return page;
        --uses[page];
        main.push_back(page);
        return evict_main();
    }

    Order small, main, ghosts;
    std::vector<int> uses = std::vector<int>(1000);
};

}  // namespace

TEST_CASE("queues: each is its slow self") {
    CHECK(first_difference<SlowFifo>("fifo") == "");
    CHECK(first_difference<SlowSecondChance>("second-chance") == "");
    CHECK(first_difference<SlowClock>("clock") == "");
    CHECK(first_difference<SlowClock>("clock,load=0") == "");
    CHECK(first_difference<SlowNru>("nru") == "");
    CHECK(first_difference<SlowSieve>("sieve") == "");
    CHECK(first_difference<SlowSieve>("sieve,load=1") == "");
    CHECK(first_difference<SlowS3Fifo>("s3-fifo") == "");
    CHECK(first_difference<SlowS3Fifo>("s3-fifo,small=40,promote=1") == "");
}

TEST_CASE("queues: a difference is found") {
    CHECK(first_difference<SlowSecondChance>("fifo") != "");
    CHECK(first_difference<SlowClock>("clock,load=1") == "");
    CHECK(first_difference<SlowNru>("clock") != "");
    CHECK(first_difference<SlowSieve>("clock,load=0") != "");
}

TEST_CASE("sieve: figure 1 of its paper") {
    // A to G are 1 to 7 with A, B and G visited; H is 8, I is 9. The queue is G F E D C B A from new to old.
    TestPages pages;
    const auto sieve = make_policy("sieve", 7, pages);
    for (PageId page = 1; page <= 7; ++page) sieve->admit(page, Access::read);
    for (const PageId visited : {1U, 2U, 7U}) pages.bits[visited].accessed = true;
    // The hand clears A and B and takes C.
    CHECK(sieve->choose_victim(8) == 3);
    CHECK_FALSE(pages.bits[1].accessed);
    CHECK_FALSE(pages.bits[2].accessed);
    sieve->admit(8, Access::read);
    // It goes on where it stands: D.
    pages.bits[1].accessed = true;
    CHECK(sieve->choose_victim(9) == 4);
    sieve->admit(9, Access::read);
    CHECK(pages.bits[1].accessed);
    CHECK(sieve->choose_victim(10) == 5);
    CHECK(sieve->state() == "queue of 6, hand at 6");
}

TEST_CASE("nru: the lowest class leaves, in both forms") {
    for (const char* form : {"nru", "nru,form=random"}) {
        CAPTURE(form);
        TestPages pages;
        const auto nru = make_policy(form, 4, pages);
        for (PageId page = 0; page < 4; ++page) {
            pages.bits[page] = {.accessed = (page & 2) != 0, .dirty = (page & 1) != 0, .pinned = false};
            nru->admit(page, Access::read);
        }
        CHECK(nru->choose_victim(9) == 0);
        CHECK(nru->choose_victim(9) == 1);
    }
    // The random form keeps accessed pages until the next tick and then writes as late as it can.
    TestPages pages;
    const auto nru = make_policy("nru,form=random,interval=10", 3, pages);
    CHECK(nru->tick_interval() == 10);
    for (PageId page = 0; page < 3; ++page) {
        pages.bits[page] = {.accessed = true, .dirty = page != 2, .pinned = false};
        nru->admit(page, Access::write);
    }
    nru->tick();
    CHECK_FALSE(pages.bits[0].accessed);
    CHECK(nru->choose_victim(9) == 2);
}

}  // namespace fl::replacement::test
