#include "cli/size.hpp"

#include <doctest/doctest.h>

#include <string>

namespace fl::cli {

TEST_CASE("parse_size: bytes, units of 1024, and pages") {
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("64K") == 65536);
    CHECK(parse_size("2gib") == std::uint64_t{2} << 30);
    CHECK(parse_size("1TB") == std::uint64_t{1} << 40);
    CHECK(parse_size("1page") == 4096);
    CHECK(parse_size("100pages") == 409600);
    CHECK(parse_size("100PAGES") == 409600);
    CHECK(parse_size("4503599627370495pages") == ~std::uint64_t{0} - 4095);
    CHECK(parse_size("4503599627370496pages").error() == "'4503599627370496pages' is too large");
    for (const char* text : {"", "page", "pages", "-1", "1.5K", "1 page", "1pag", "1pagess", "1Kpages", "0x10"})
        CHECK(parse_size(text).error() ==
              "'" + std::string(text) + "' is not a size; say 4096, 512K, 64M, 1G or 100pages");
}

TEST_CASE("parse_page_count: a bare number is one of pages, all else a size of which whole pages count") {
    CHECK(parse_page_count("0") == PageCount(0));
    CHECK(parse_page_count("64") == PageCount(64));
    CHECK(parse_page_count("64pages") == PageCount(64));
    CHECK(parse_page_count("256K") == PageCount(64));
    CHECK(parse_page_count("4095B") == PageCount(0));
    CHECK(parse_page_count("18446744073709551615") == PageCount(~std::uint64_t{0}));
    CHECK(parse_page_count("18446744073709551616").error() == "'18446744073709551616' is too large");
    for (const char* text : {"", "-1", "+1", "1.5", " 1", "x"}) CHECK(!parse_page_count(text));
}

}  // namespace fl::cli
