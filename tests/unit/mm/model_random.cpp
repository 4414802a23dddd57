// Long random sequences of all operations against the naive memory manager of model_oracle.hpp: up to three address
// spaces that fork from each other, two files, and memory that runs out.
#include "tests/unit/mm/model_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

using Kind = Operation::Kind;
using Random = std::mt19937_64;

constexpr std::uint64_t longest_file_bytes = 5 * page_size;

bool one_in(Random& random, std::uint64_t n) { return random() % n == 0; }

std::uint64_t random_offset(Random& random) {
    return one_in(random, 2) ? random() % 5 * page_size : random() % longest_file_bytes;
}

std::uint64_t random_remap_flags(Random& random) {
    static constexpr std::uint64_t flags[] = {0,
                                              mremap_maymove,
                                              mremap_maymove,
                                              mremap_maymove | mremap_fixed,
                                              mremap_maymove | mremap_fixed,
                                              mremap_maymove | mremap_dontunmap,
                                              mremap_maymove | mremap_fixed | mremap_dontunmap,
                                              mremap_fixed};
    return flags[random() % std::size(flags)];
}

Kind random_kind(Random& random) {
    static constexpr Kind kinds[] = {Kind::map,
                                     Kind::map,
                                     Kind::unmap,
                                     Kind::protect,
                                     Kind::protect,
                                     Kind::advise,
                                     Kind::advise,
                                     Kind::lock,
                                     Kind::unlock,
                                     Kind::sync,
                                     Kind::remap,
                                     Kind::remap,
                                     Kind::remap,
                                     Kind::brk,
                                     Kind::load,
                                     Kind::load,
                                     Kind::load,
                                     Kind::store,
                                     Kind::store,
                                     Kind::store,
                                     Kind::store,
                                     Kind::store,
                                     Kind::fork,
                                     Kind::exit,
                                     Kind::file_read,
                                     Kind::file_write,
                                     Kind::file_resize,
                                     Kind::file_punch,
                                     Kind::file_write_back,
                                     Kind::drop_caches,
                                     Kind::compact};
    return kinds[random() % std::size(kinds)];
}

Operation random_operation(Random& random, const Twins& twins, std::uint64_t pages) {
    static constexpr int advice[] = {test::madv_dontneed,   test::madv_dontneed, test::madv_remove,
                                     test::madv_dontfork,   test::madv_dofork,   test::madv_wipeonfork,
                                     test::madv_keeponfork, test::madv_willneed, test::madv_cold};
    Operation operation{.kind = random_kind(random)};
    operation.space = random() % Twins::max_spaces;
    operation.first = random() % pages;
    // What mremap has moved lies outside the window.
    if (operation.kind != Kind::map && one_in(random, 3)) {
        operation.first = twins.some_mapped_page(random, operation.space, operation.first);
    }
    operation.count = 1 + random() % 4;
    operation.prot = one_in(random, 3) ? random() % 8 : prot_read | prot_write;
    operation.backing = static_cast<Backing>(random() % 6);
    operation.pgoff = random() % 4;
    operation.advice = advice[random() % std::size(advice)];
    operation.new_count = random() % 6;
    operation.flags = random_remap_flags(random);
    operation.target = one_in(random, 2) ? random() % pages : 500 + random() % 30;
    operation.file = random() % 2;
    operation.offset = random_offset(random);
    operation.length = random() % (2 * page_size);
    if (operation.kind == Kind::remap) operation.count = random() % 5;
    if (operation.kind == Kind::file_resize) operation.length = random_offset(random);
    if (operation.kind == Kind::brk) operation.first = heap_page + random() % 8;
    return operation;
}

void check_step(Twins& twins, const Operation& operation) {
    std::string wrong = twins.step(operation);
    if (wrong.empty()) wrong = twins.broken();
    if (wrong.empty()) wrong = twins.compare();
    REQUIRE(wrong == "");
}

}  // namespace

TEST_CASE("model: long random sequences") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        Twins twins(1024);
        for (int i = 0; i < 200; ++i) check_step(twins, random_operation(random, twins, seed % 2 == 0 ? 6 : 24));
        CHECK(twins.used_frames_after_all() == PageCount(2));
    }
}

TEST_CASE("model: random sequences with hardly any frames: what is refused for want of memory changes nothing else") {
    std::size_t refused = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        Twins twins(20 + seed % 24);
        twins.starved = true;
        for (int i = 0; i < 150; ++i) check_step(twins, random_operation(random, twins, 24));
        refused += twins.refused;
        CHECK(twins.used_frames_after_all() == PageCount(2));
    }
    CHECK(refused > 0);
}

TEST_CASE("model: random sequences with allocations that fail in turn") {
    std::size_t refused = 0;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        CAPTURE(seed);
        Random random(seed);
        Twins twins(1024);
        twins.starved = true;
        for (int i = 0; i < 150; ++i) {
            twins.machine.memory.buddy().fail_after(random() % 4);
            check_step(twins, random_operation(random, twins, 12));
        }
        refused += twins.refused;
        CHECK(twins.used_frames_after_all() == PageCount(2));
    }
    CHECK(refused > 0);
}

}  // namespace fl::mm
