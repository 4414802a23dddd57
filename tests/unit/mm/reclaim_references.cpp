// Policies that hear of every reference: which of them are hits, and pages that leave between two faults.
#include "tests/unit/mm/huge_support.hpp"
#include "tests/unit/mm/reclaim_support.hpp"

#include <map>
#include <random>

namespace fl::mm {

using namespace test;

namespace {

using emu::AfterReference;
using replacement::no_page;
using replacement::PageId;

// Lets go of what a test has told it to, and writes down what it hears of.
class Told final : public replacement::Policy {
public:
    static inline std::vector<PageId> next_to_go{};
    static inline std::string heard{};

    static replacement::PolicyChoice choice() {
        using namespace replacement;
        static const PolicyInfo info{
            "told", "",
            "",     Needs::every_reference,
            {},     [](const Setup& setup) {
                return std::unique_ptr<Policy>(new Told(setup)); }};
        next_to_go.clear();
        heard.clear();
        return {&info, {}};
    }

    void admit(PageId page, replacement::Access) override {
        queue_.push_back(page);
        heard += " +" + std::to_string(page);
    }
    void reference(PageId page, replacement::Access, std::uint32_t count) override {
        heard += " " + std::to_string(page) + (count > 1 ? "*" + std::to_string(count) : "");
    }
    void shrink(PageId, std::vector<PageId>& out) override {
        for (const PageId page : std::exchange(next_to_go, {})) {
            if (!pages_.evictable(page)) continue;
            std::erase(queue_, page);
            out.push_back(page);
            heard += " -" + std::to_string(page);
        }
    }
    PageId choose_victim(PageId) override {
        const auto victim = std::ranges::find_if(queue_, [&](auto page) { return pages_.evictable(page); });
        if (victim == queue_.end()) return no_page;
        const PageId page = *victim;
        queue_.erase(victim);
        return page;
    }
    void forget(PageId page) override {
        if (std::erase(queue_, page) > 0) heard += " x" + std::to_string(page);
    }
    bool variable_allocation() const override { return true; }

private:
    explicit Told(const replacement::Setup& setup) : pages_(setup.pages) {}

    replacement::Pages& pages_;
    std::vector<PageId> queue_;
};

class ToldMachine : public ShortMachine {
public:
    explicit ToldMachine(const Pressure& pressure) : ShortMachine(pressure) { REQUIRE(map(page(0), 16).has_value()); }

    static Pressure told(std::uint64_t frames = 8) {
        Pressure told = pressure(frames);
        told.reclaim.policy = Told::choice();
        return told;
    }
    // An access, and what the processor tells of it. Pages get their numbers, from 1, as they are first used.
    AfterReference use(std::uint64_t index, std::uint32_t count = 1) {
        put(index, 10 + static_cast<unsigned>(index));
        return reclaimer->on_reference(pte(page(index)).pfn(), emu::Access::write, count);
    }
    bool is_due() const { return reclaimer->next_due_ns() == 0; }
};

// What the memory observer hears, a word each.
class Witness final : public MemoryObserver {
public:
    void on_page(const PageName& page) noexcept override { say("page", page.id); }
    void on_page_reference(std::uint32_t page, emu::Access access, std::uint32_t count) noexcept override {
        say(access == emu::Access::write ? "w" : "r", page);
        if (count > 1) heard += "*" + std::to_string(count);
    }
    void on_page_held(std::uint32_t page) noexcept override { say("held", page); }
    void on_page_gone(std::uint32_t page) noexcept override { say("gone", page); }
    void on_address_space(std::uint32_t process) noexcept override { say("space", process); }
    void on_mappings(std::uint32_t, const MmStruct&, VirtRange) noexcept override {}
    void on_fork(std::uint32_t, std::uint32_t) noexcept override {}
    void on_exec(std::uint32_t, const std::string&) noexcept override {}
    void on_exit(std::uint32_t, const ProcessEnd&) noexcept override {}

    std::string heard;

private:
    void say(const std::string& what, std::uint32_t number) { heard += " " + what + std::to_string(number); }
};

}  // namespace

TEST_CASE("references: the access that faulted is told of with admit() alone") {
    ToldMachine machine(ToldMachine::told());
    (void)machine.use(0);
    (void)machine.use(1, 3);
    (void)machine.use(1);
    (void)machine.use(0, 2);
    CHECK(std::exchange(Told::heard, {}) == " +1 +2 2*2 2 1*2");
    CHECK(machine.counted().references == 7);
    // Pages that come along are not what was asked for.
    const auto file = machine.open(numbered_pages(4 * page_size));
    REQUIRE(machine.map(page(20), 4, prot_read, file_shared, file).has_value());
    CHECK(machine.get(20) == 1);
    for (const std::uint64_t index : {20, 21}) {
        (void)machine.reclaimer->on_reference(machine.pte(page(index)).pfn(), emu::Access::read, 1);
    }
    CHECK(Told::heard == " +3 +4 +5 +6 4");
}

TEST_CASE("references: a page that read(2) brings in is told of with admit() alone, and is a hit from then on") {
    ToldMachine machine(ToldMachine::told());
    const auto file = machine.open(numbered_pages(4 * page_size));
    std::array<std::byte, 8> bytes{};
    REQUIRE(file->read(0, bytes).has_value());
    REQUIRE(file->read(page_size, bytes).has_value());
    REQUIRE(file->read(0, bytes).has_value());
    CHECK(Told::heard == " +1 +2 1");
}

TEST_CASE("references: the memory observer hears of each page before its first reference, and of its end") {
    Witness witness;
    ShortMachine machine(pressure(8));
    machine.reclaimer->observe_memory(&witness, nullptr);
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.put(0, 10);
    CHECK(witness.heard.empty());
    const Pfn pfn = machine.pte(page(0)).pfn();
    CHECK(machine.reclaimer->on_reference(pfn, emu::Access::write, 2) == AfterReference::go_on);
    CHECK(machine.reclaimer->on_reference(pfn, emu::Access::read, 1) == AfterReference::go_on);
    CHECK(std::exchange(witness.heard, {}) == " page1 w1*2 r1");
    // A copy: its source is read, and stays until then.
    auto child = machine.mm->fork();
    REQUIRE(child.has_value());
    machine.put(0, 11);
    CHECK(std::exchange(witness.heard, {}) == " r1 held1");
    CHECK(machine.reclaimer->on_reference(machine.pte(page(0)).pfn(), emu::Access::write, 1) == AfterReference::go_on);
    CHECK(std::exchange(witness.heard, {}) == " page2 w2");
    REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
    CHECK(std::exchange(witness.heard, {}) == " gone2");
    child->reset();
    CHECK(witness.heard == " gone1");
}

TEST_CASE("references: what is let go of at a reference leaves when the program stops, with its bytes") {
    ToldMachine machine(ToldMachine::told());
    for (std::uint64_t i = 0; i < 3; ++i) (void)machine.use(i);
    Told::heard.clear();
    CHECK(machine.use(2) == AfterReference::go_on);
    CHECK_FALSE(machine.is_due());
    Told::next_to_go = {1};
    CHECK(machine.use(2) == AfterReference::stop_soon);
    CHECK(machine.is_due());
    // Page tables are as they were; to the policy the page is gone.
    CHECK(machine.resident(0));
    CHECK(machine.broken() == "");
    machine.byte(page(0)) = std::byte{99};
    CHECK(machine.reclaimer->on_reference(machine.pte(page(0)).pfn(), emu::Access::write, 1) ==
          AfterReference::stop_soon);
    CHECK(std::exchange(Told::heard, {}) == " 3 -1 3");
    machine.reclaimer->run_due_work();
    CHECK_FALSE(machine.is_due());
    CHECK(machine.swapped(0));
    CHECK(machine.resident(1));
    REQUIRE(machine.observer.evictions.size() == 1);
    CHECK(machine.observer.evictions[0].reason == ReclaimReason::shrink);
    CHECK(machine.observer.evictions[0].for_fault == 0);
    CHECK(machine.broken() == "");
    // So that what comes next is a fault.
    CHECK(machine.use(1) == AfterReference::go_on);
    CHECK(machine.get(0) == 99);
    CHECK(machine.last_event().kind == FaultKind::swap_in);
    CHECK(Told::heard == " 2 +1");
    CHECK(machine.broken() == "");
}

TEST_CASE("references: the page that is referenced may be let go of itself") {
    ToldMachine machine(ToldMachine::told());
    (void)machine.use(0);
    Told::next_to_go = {1};
    CHECK(machine.use(0) == AfterReference::stop_soon);
    CHECK(Told::heard == " +1 -1");
    machine.reclaimer->run_due_work();
    CHECK(machine.swapped(0));
    CHECK(machine.broken() == "");
}

TEST_CASE("references: what was let go of leaves before the next fault at the latest, and not for it") {
    ToldMachine machine(ToldMachine::told());
    for (std::uint64_t i = 0; i < 3; ++i) (void)machine.use(i);
    Told::next_to_go = {1, 2};
    (void)machine.use(2);
    CHECK(machine.use(5) == AfterReference::go_on);
    CHECK(machine.swapped(0));
    CHECK(machine.swapped(1));
    CHECK(machine.observer.evictions.size() == 2);
    CHECK(machine.observer.evictions[0].for_fault == 0);
    CHECK_FALSE(machine.last_event().victim.has_value());
    CHECK(machine.broken() == "");
}

TEST_CASE("references: a page that was let go of and is freed, or kept by somebody, before it left") {
    ToldMachine machine(ToldMachine::told());
    for (std::uint64_t i = 0; i < 4; ++i) (void)machine.use(i);
    Told::heard.clear();
    SUBCASE("freed, and its number used again") {
        Told::next_to_go = {1, 2};
        (void)machine.use(3);
        REQUIRE(machine.mm->unmap(page(0), page_size).has_value());
        CHECK(machine.broken() == "");
        machine.reclaimer->run_due_work();
        CHECK(machine.swapped(1));
        (void)machine.use(8);
        CHECK(machine.resident(8));
        CHECK(Told::heard == " -1 -2 4 +1");
    }
    SUBCASE("locked: it is the policy's again") {
        Told::next_to_go = {1};
        (void)machine.use(3);
        REQUIRE(machine.mm->lock(page(0), page_size, VmFlags()).has_value());
        machine.reclaimer->run_due_work();
        CHECK(machine.resident(0));
        CHECK(Told::heard == " -1 4 +1");
    }
    SUBCASE("paged out on advice: it leaves when its time has come") {
        Told::next_to_go = {1};
        (void)machine.use(3);
        CHECK(machine.advise(0, 1, test::madv_pageout) == "ok");
        machine.reclaimer->run_due_work();
        CHECK(machine.swapped(0));
        CHECK(machine.counted().evicted() == 1);
    }
    CHECK(machine.broken() == "");
}

TEST_CASE("references: a page that could not be written when it was to leave is the policy's again") {
    Pressure failing = ToldMachine::told();
    failing.swap.errors.every_write = 1;
    ToldMachine machine(failing);
    (void)machine.use(0);
    (void)machine.use(1);
    Told::heard.clear();
    Told::next_to_go = {1};
    (void)machine.use(1);
    machine.reclaimer->run_due_work();
    CHECK(machine.resident(0));
    CHECK(machine.get(0) == 10);
    CHECK(Told::heard == " -1 2 +1");
    CHECK(machine.broken() == "");
}

TEST_CASE("references: a policy that lies when it shrinks is not asked again, at a fault or between two") {
    struct Lie {
        std::vector<PageId> names;
        const char* error;
        bool one_leaves;  // named before it lied
    };
    const Lie lies[] = {{{1, 1}, "policy told let go of page 1, which is not resident", true},
                        {{1, 77}, "policy told asked about page 77, which is not resident", false}};
    for (const Lie& lie : lies) {
        for (const std::uint64_t next : {2, 5}) {
            CAPTURE(next);
            ToldMachine machine(ToldMachine::told());
            for (std::uint64_t i = 0; i < 3; ++i) (void)machine.use(i);
            REQUIRE_FALSE(machine.reclaimer->has_policy_error());
            Told::next_to_go = lie.names;
            (void)machine.use(next);
            CHECK(machine.reclaimer->policy_error() == lie.error);
            machine.reclaimer->run_due_work();
            CHECK(machine.swapped(0) == lie.one_leaves);
            CHECK(machine.broken() == "");
            CHECK(machine.get(0) == 10);
            CHECK(machine.broken() == "");
        }
    }
}

TEST_CASE("references: the working set is Denning's where the program can be stopped after each reference") {
    std::mt19937_64 random(7);
    for (const std::uint64_t window : {1, 2, 3, 7}) {
        CAPTURE(window);
        std::uint64_t now = 100;
        Pressure whole = pressure(16, 64, "working-set,window=" + std::to_string(window));
        whole.reclaim.time_ns = [&] { return now; };
        ToldMachine machine(whole);
        std::map<std::uint64_t, std::uint64_t> last_use;
        for (int i = 0; i < 300; ++i) {
            const std::uint64_t index = random() % 6;
            ++now;
            const bool is_hit = last_use.contains(index) && now - last_use[index] <= window;
            CHECK(machine.write(page(index)).empty() == is_hit);
            (void)machine.reclaimer->on_reference(machine.pte(page(index)).pfn(), emu::Access::write, 1);
            if (machine.is_due()) machine.reclaimer->run_due_work();
            last_use[index] = now;
            CHECK(machine.broken() == "");
        }
    }
}

TEST_CASE("references: the time that faults take is not the program's") {
    std::uint64_t now = 100;
    Pressure slow = pressure(16, 64, "working-set,window=10");
    slow.reclaim.time_ns = [&] { return now; };
    ToldMachine machine(slow);
    // What the handler does takes as long as the observer says.
    struct Slow final : FaultObserver {
        explicit Slow(std::uint64_t& clock) : now(clock) {}
        void on_fault(const FaultEvent&) override { now += 1000; }
        void on_eviction(const EvictionEvent&) override {}
        void on_write_back(const WriteBackEvent&) override {}
        std::uint64_t& now;
    } slowly(now);
    machine.handler.observe(&slowly, &machine.origin);
    const auto touch = [&](std::uint64_t index) {
        ++now;
        (void)machine.write(page(index));
        (void)machine.reclaimer->on_reference(machine.pte(page(index)).pfn(), emu::Access::write, 1);
        if (machine.is_due()) machine.reclaimer->run_due_work();
    };
    for (std::uint64_t i = 0; i < 5; ++i) touch(i);
    for (std::uint64_t i = 0; i < 5; ++i) CHECK(machine.resident(i));
    for (std::uint64_t i = 0; i < 7; ++i) touch(4);
    CHECK(machine.swapped(0));
    CHECK(machine.swapped(1));
    CHECK(machine.resident(2));
    CHECK(machine.broken() == "");
}

TEST_CASE("references: the policy hears of a large page as of one, the memory observer of each of its parts") {
    Witness witness;
    HugeMachine machine;
    machine.reclaim_under(ToldMachine::told(2000));
    machine.reclaimer->observe_memory(&witness, nullptr);
    REQUIRE(machine.map(huge(0), 512).has_value());
    const auto refer = [&machine](std::uint64_t index) {
        machine.put(huge(0) + index * page_size, 1);
        (void)machine.reclaimer->on_reference(machine.pte(huge(0) + index * page_size).pfn(), emu::Access::write, 1);
    };
    refer(3);
    refer(3);
    refer(400);
    CHECK(std::exchange(Told::heard, {}) == " +1 1 1");
    CHECK(std::exchange(witness.heard, {}) == " page4 w4 w4 page401 w401");
    CHECK(machine.broken() == "");
    REQUIRE(machine.mm->unmap(huge(0), huge_page_bytes).has_value());
    CHECK(Told::heard == " x1");
    CHECK(witness.heard == " gone4 gone401");
    CHECK(machine.broken() == "");
}

}  // namespace fl::mm
