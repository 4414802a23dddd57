#include "trace/report/rows.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace fl::trace::report;

TEST_CASE("up to the limit all rows are kept") {
    Rows<FaultRow> rows(100);
    for (std::uint64_t fault = 1; fault <= 100; ++fault) rows.add({.fault = fault});
    CHECK(rows.all().size() == 100);
    CHECK(rows.share() == 1);
}

TEST_CASE("beyond it a part is kept, in order, whatever the rhythm of the faults") {
    Rows<FaultRow> rows(1000);
    std::uint64_t even = 0;
    for (std::uint64_t fault = 1; fault <= 100000; ++fault) rows.add({.fault = fault});
    CHECK(rows.share() == 1.0 / 128);
    CHECK(rows.all().size() > 100000 / 128 * 8 / 10);
    CHECK(rows.all().size() <= 1000);
    std::uint64_t last = 0;
    for (const FaultRow& row : rows.all()) {
        CHECK(row.fault > last);
        last = row.fault;
        even += row.fault % 2 == 0 ? 1 : 0;
    }
    CHECK(last > 99000);
    CHECK(even > rows.all().size() / 3);
    CHECK(even < rows.all().size() * 2 / 3);
}

TEST_CASE("what belongs to a fault that is kept is kept with it") {
    Rows<FaultRow> faults(64);
    Rows<ReclaimRow> reclaims(64);
    for (std::uint64_t fault = 1; fault <= 10000; ++fault) {
        reclaims.add({.fault = fault});
        faults.add({.fault = fault});
    }
    REQUIRE(faults.share() == reclaims.share());
    std::set<std::uint64_t> kept;
    for (const ReclaimRow& row : reclaims.all()) kept.insert(row.fault);
    for (const FaultRow& row : faults.all()) CHECK(kept.contains(row.fault));
}

TEST_CASE("any part can be kept") {
    Rows<FaultRow> rows(100000);
    for (std::uint64_t fault = 1; fault <= 10000; ++fault) rows.add({.fault = fault});
    rows.keep_part(0.7);
    CHECK(rows.all().size() > 6900);
    CHECK(rows.all().size() < 7100);
    rows.keep_part(0.5);
    CHECK(rows.all().size() > 3400);
    CHECK(rows.all().size() < 3600);
    CHECK(rows.share() == doctest::Approx(0.35));
}

TEST_CASE("rare rows stay, as long as there is room for them") {
    Rows<FaultRow> rows(50);
    for (std::uint64_t fault = 1; fault <= 5000; ++fault) rows.add({.fault = fault, .rare = fault % 500 == 0});
    std::size_t rare = 0;
    for (const FaultRow& row : rows.all()) rare += row.rare ? 1 : 0;
    CHECK(rare == 10);

    Rows<FaultRow> all_rare(50);
    for (std::uint64_t fault = 1; fault <= 500; ++fault) all_rare.add({.fault = fault, .rare = true});
    CHECK(all_rare.all().size() == 50);
}
