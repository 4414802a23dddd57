#include "lab/chunks.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

using namespace fl::lab;

namespace {

// Adds run by run.
void check_chunk(const ReferenceString& string, const Chunks& chunks, unsigned level, std::size_t from) {
    CAPTURE(level);
    CAPTURE(from);
    struct Sum {
        std::uint64_t count = 0, last = 0;
        bool written = false;
    };
    std::map<PageId, Sum> sums;
    std::uint64_t references = 0;
    bool is_whole = from + Chunks::length(level) <= string.size();
    for (std::size_t i = from; is_whole && i < from + Chunks::length(level); ++i) {
        const Run& run = string[i];
        is_whole = run.is_reference();
        references += run.count;
        Sum& sum = sums[run.page];
        sum.count += run.count;
        sum.last = references;
        sum.written |= run.access == Access::write;
    }
    const auto chunk = chunks.at(level, from);
    REQUIRE(chunk.has_value() == (is_whole && references < std::uint64_t{1} << 32U));
    if (!chunk) return;
    CHECK(chunk->references == references);
    CHECK(chunk->uses.size() == sums.size());
    std::uint32_t before = 0;
    for (const Chunks::Use& use : chunk->uses) {
        const Sum& sum = sums[use.page];
        CHECK(use.count == sum.count);
        CHECK(use.last == sum.last);
        CHECK((use.written != 0) == sum.written);
        CHECK(before < use.last);
        before = use.last;
    }
}

void check_all(const ReferenceString& string) {
    const Chunks chunks(string, page_limit(string));
    for (unsigned level = 0; level < Chunks::level_count; ++level)
        for (std::size_t from = 0; from < string.size() + Chunks::length(level); from += Chunks::length(level))
            check_chunk(string, chunks, level, from);
}

}  // namespace

TEST_CASE("chunks: what each says is the sum of its runs, at every level") {
    std::mt19937_64 random(3);
    for (const std::size_t runs : {std::size_t{0}, std::size_t{31}, std::size_t{32}, std::size_t{5000},
                                   2 * Chunks::length(Chunks::level_count - 1) + 100}) {
        CAPTURE(runs);
        ReferenceString string;
        while (string.size() < runs) {
            const auto page = static_cast<PageId>(random() % 50);
            const std::uint64_t kind = random();
            if (kind % 3000 == 0) {
                string.push_back(kind % 2 == 0 ? Run::gone(page) : Run::needed(page));
            } else {
                const auto count = static_cast<std::uint32_t>(1 + (kind >> 20U) % 5);
                string.push_back({page, kind % 4 == 0 ? Access::write : Access::read, count});
            }
        }
        check_all(string);
    }
}

TEST_CASE("chunks: one of 2^32 references or more is none") {
    ReferenceString string(4 * Chunks::length(1), Run(1));
    string[5] = Run(2, Access::write, Run::max_count);
    string[6] = Run(3, Access::read, Run::max_count);
    check_all(string);
    // As many as can be counted, and one more.
    ReferenceString fits(Chunks::length(0), Run(1));
    fits[0] = Run(2, Access::write, Run::max_count);
    fits[1] = Run(3, Access::read, Run::max_count - static_cast<std::uint32_t>(Chunks::length(0)) + 3);
    REQUIRE(reference_count(fits) == (std::uint64_t{1} << 32U) - 1);
    CHECK(Chunks(fits, page_limit(fits)).at(0, 0).has_value());
    check_all(fits);
    fits[2] = Run(1, Access::read, 2);
    check_all(fits);
}
