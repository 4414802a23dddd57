// Long random sequences of all operations against the naive memory manager of model_oracle.hpp, with hardly any frames
// and a Reclaimer: whatever leaves memory comes back as it was, under every policy.
#include "tests/unit/mm/model_support.hpp"

#include <cstdlib>

namespace fl::mm {

using namespace test;

namespace {

using Kind = Operation::Kind;
using Random = std::mt19937_64;

constexpr std::uint64_t longest_file_bytes = 5 * page_size;
constexpr std::uint64_t window_pages = 24;

bool one_in(Random& random, std::uint64_t n) { return random() % n == 0; }

template <class T, std::size_t count>
T one_of(Random& random, const T (&choices)[count]) {
    return choices[random() % count];
}

Kind random_kind(Random& random) {
    static constexpr Kind rare[] = {Kind::map,         Kind::map,
                                    Kind::unmap,       Kind::protect,
                                    Kind::protect,     Kind::advise,
                                    Kind::advise,      Kind::advise,
                                    Kind::advise,      Kind::lock,
                                    Kind::unlock,      Kind::unlock,
                                    Kind::sync,        Kind::remap,
                                    Kind::remap,       Kind::brk,
                                    Kind::peek,        Kind::poke,
                                    Kind::fork,        Kind::fork,
                                    Kind::exit,        Kind::file_read,
                                    Kind::file_write,  Kind::file_resize,
                                    Kind::file_punch,  Kind::file_write_back,
                                    Kind::drop_caches, Kind::compact,
                                    Kind::compact};
    if (one_in(random, 2)) return one_of(random, rare);
    return one_in(random, 2) ? Kind::load : Kind::store;
}

Operation random_operation(Random& random, const Twins& twins) {
    static constexpr int advice[] = {test::madv_dontneed,   test::madv_free,      test::madv_free,
                                     test::madv_pageout,    test::madv_pageout,   test::madv_cold,
                                     test::madv_willneed,   test::madv_willneed,  test::madv_remove,
                                     test::madv_wipeonfork, test::madv_keeponfork};
    static constexpr std::uint64_t remap_flags[] = {0,
                                                    mremap_maymove,
                                                    mremap_maymove | mremap_fixed,
                                                    mremap_maymove | mremap_fixed,
                                                    mremap_maymove | mremap_dontunmap,
                                                    mremap_maymove | mremap_fixed | mremap_dontunmap};
    Operation operation{.kind = random_kind(random)};
    operation.space = random() % Twins::max_spaces;
    operation.first = random() % window_pages;
    if (operation.kind != Kind::map && !one_in(random, 4)) {
        operation.first = twins.some_mapped_page(random, operation.space, operation.first);
    }
    operation.count = 1 + random() % 5;
    if (operation.kind == Kind::lock) operation.count = 1;
    if (operation.kind == Kind::unlock) operation.count = 8;
    operation.prot = one_in(random, 3) ? random() % 8 : prot_read | prot_write;
    operation.backing = one_in(random, 2) ? Backing::anonymous : static_cast<Backing>(random() % 6);
    operation.pgoff = random() % 4;
    operation.advice = one_of(random, advice);
    operation.new_count = random() % 6;
    operation.flags = one_of(random, remap_flags);
    operation.target = one_in(random, 2) ? random() % window_pages : 500 + random() % 30;
    operation.file = random() % 2;
    operation.offset = one_in(random, 2) ? random() % 5 * page_size : random() % longest_file_bytes;
    operation.length = random() % (2 * page_size);
    if (operation.kind == Kind::remap) operation.count = random() % 5;
    if (operation.kind == Kind::file_resize) operation.length = random() % longest_file_bytes;
    if (operation.kind == Kind::brk) operation.first = heap_page + random() % 8;
    return operation;
}

// One machine's life under a policy; what it is short of differs from seed to seed.
class Life {
public:
    Life(const replacement::PolicyInfo& policy, std::uint64_t seed)
        : random_(seed), twins_(frames(seed), pressure(policy, seed)) {
        twins_.starved = true;
    }

    void live(int steps) {
        for (int i = 0; i < steps; ++i) {
            if (!step(i)) return;
        }
        const Reclaimer& reclaimer = *twins_.machine.reclaimer;
        evicted += reclaimer.counters().evicted();
        refaults += reclaimer.counters().refaults;
        refused += twins_.refused;
        migrated += twins_.machine.memory.compaction().counters().migrated;
        blocks += twins_.machine.memory.compaction().counters().successes;
        if (reclaimer.swap() != nullptr) read_errors += reclaimer.swap()->counters().read_errors;
        CHECK(twins_.used_frames_after_all() == PageCount(2));
        CHECK(reclaimer.frames() == PageCount(0));
        if (const SwapDevice* swap = reclaimer.swap()) CHECK(swap->used_slot_count() == PageCount(0));
    }

    static inline std::uint64_t evicted = 0, refaults = 0, refused = 0, read_errors = 0, migrated = 0, blocks = 0;

private:
    // A limit of user pages in plenty of RAM, or RAM that page tables have to share.
    static bool has_limit(std::uint64_t seed) { return seed % 2 == 0; }
    static std::uint64_t frames(std::uint64_t seed) { return has_limit(seed) ? 1024 : 22 + seed / 2 % 8; }

    Pressure pressure(const replacement::PolicyInfo& policy, std::uint64_t seed) {
        Pressure pressure;
        pressure.reclaim.policy = policy_named(policy.name);
        if (has_limit(seed)) pressure.reclaim.frames = PageCount(4 + random_() % 5);
        pressure.reclaim.checks = PolicyChecks::on;
        pressure.reclaim.scope = one_in(random_, 3) ? ReclaimScope::per_process : ReclaimScope::global;
        pressure.reclaim.kswapd = one_in(random_, 3);
        pressure.reclaim.seed = seed;
        pressure.reclaim.time_ns = [this] { return time_ns_; };
        static constexpr std::uint64_t slots[] = {0, 3, 8, 64, 64};
        pressure.swap.slots = PageCount(one_of(random_, slots));
        if (one_in(random_, 3)) pressure.swap.errors.every_write = 2 + random_() % 4;
        if (one_in(random_, 3)) pressure.swap.errors.every_read = 2 + random_() % 4;
        return pressure;
    }

    bool step(int number) {
        Reclaimer& reclaimer = *twins_.machine.reclaimer;
        time_ns_ += random_() % 3'000'000;
        if (number == 20 && one_in(random_, 2)) reclaimer.sample_working_set();
        if (time_ns_ >= reclaimer.next_due_ns()) reclaimer.run_due_work();
        if (reclaimer.kswapd_is_awake() && one_in(random_, 2)) (void)reclaimer.run_kswapd();
        twins_.flush_stale_tlb();
        const Operation operation = random_operation(random_, twins_);
        std::string wrong = twins_.step(operation);
        if (wrong.empty()) wrong = twins_.broken();
        if (wrong.empty()) wrong = twins_.compare();
        if (wrong.empty()) wrong = reclaimer.policy_error();
        CHECK(wrong == "");
        return wrong.empty();
    }

    std::uint64_t time_ns_ = 0;
    Random random_;
    Twins twins_;
};

void live_under_every_policy(std::uint64_t first_seed, std::uint64_t seeds, int steps) {
    for (const replacement::PolicyInfo* policy : replacement::all_policies()) {
        if (policy->needs == replacement::Needs::future) continue;
        CAPTURE(std::string(policy->name));
        for (std::uint64_t seed = first_seed; seed < first_seed + seeds; ++seed) {
            CAPTURE(seed);
            Life(*policy, seed).live(steps);
        }
    }
}

}  // namespace

TEST_CASE("pressure: random sequences under every policy, with few frames, few slots and transfers that fail") {
    live_under_every_policy(1, 8, 160);
    CHECK(Life::evicted > 0);
    CHECK(Life::refaults > 0);
    CHECK(Life::read_errors > 0);
    CHECK(Life::migrated > 0);
    CHECK(Life::blocks > 0);
}

// Longer, by hand: FAULTLINE_PRESSURE_SEEDS=FIRST:COUNT.
TEST_CASE("pressure: as many random sequences as are asked for") {
    const char* asked = std::getenv("FAULTLINE_PRESSURE_SEEDS");
    if (asked == nullptr) return;
    char* colon = nullptr;
    const std::uint64_t first = std::strtoull(asked, &colon, 10);
    live_under_every_policy(first, std::strtoull(colon + 1, nullptr, 10), 250);
}

}  // namespace fl::mm
