#include "trace/report/address_parts.hpp"

#include <doctest/doctest.h>

using namespace fl::trace::report;
using Parts = std::vector<AddressPart>;

TEST_CASE("no pages, one page, the same page again") {
    CHECK(address_parts({}, 8).empty());
    CHECK(address_parts({{7, 1}}, 8) == Parts{{7, 1}});
    CHECK(address_parts({{7, 1}, {7, 1}, {7, 2}}, 8) == Parts{{7, 1}});
}

TEST_CASE("a part ends at a wide gap, or where another mapping begins") {
    CHECK(address_parts({{10, 1}, {10 + near_pages + 1, 1}}, 8) == Parts{{10, near_pages + 2}});
    CHECK(address_parts({{10, 1}, {10 + near_pages + 2, 1}}, 8) == Parts{{10, 1}, {10 + near_pages + 2, 1}});
    CHECK(address_parts({{12, 2}, {10, 1}, {11, 1}, {13, 2}}, 8) == Parts{{10, 2}, {12, 2}});
    CHECK(address_parts({{0xffffffffff600, 0}, {1, 0}}, 8) == Parts{{1, 1}, {0xffffffffff600, 1}});
}

TEST_CASE("of too many gaps the widest divide") {
    std::vector<TouchedPage> touched;
    for (std::uint64_t i = 1; i <= 20; ++i) touched.push_back({i * i * 1000, 1});
    const Parts parts = address_parts(touched, 3);
    REQUIRE(parts.size() == 3);
    CHECK(parts[0] == AddressPart{1000, 18 * 18 * 1000 - 1000 + 1});
    CHECK(parts[1] == AddressPart{19 * 19 * 1000, 1});
    CHECK(parts[2] == AddressPart{20 * 20 * 1000, 1});
    CHECK(address_parts(touched, 1) == Parts{{1000, 400 * 1000 - 1000 + 1}});
}
