#include "mm/replacement/plugin.hpp"

#include "mm/replacement/checked_policy.hpp"
#include "tests/unit/mm/replacement/duel_support.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>

namespace fl::replacement::test {

namespace {

std::string path_of(const std::string& name) { return FAULTLINE_PLUGIN_FOLDER "/" + name + ".so"; }

std::string error_of(const std::string& path) {
    const auto loaded = load_plugin(path);
    return loaded ? "" : loaded.error();
}

// The error of a liar after up to three faults on two frames; page 2 is pinned.
std::string error_of_lie(int lie) {
    const auto choice = parse_policy(path_of("liar") + ",lie=" + std::to_string(lie));
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    TestPages pages;
    auto policy = CheckedPolicy::create(*choice->info, {2, pages, 0, choice->parameters});
    REQUIRE(policy.has_value());
    CheckedPolicy& checked = **policy;
    pages.bits[2].pinned = true;
    checked.admit(1, Access::read);
    checked.admit(2, Access::read);
    std::vector<PageId> out;
    checked.shrink(3, out);
    if (!checked.error().empty()) {
        // What was right before the lie still leaves.
        CHECK(out == std::vector<PageId>{1});
        return checked.error();
    }
    if (checked.choose_victim(3) == 1) {
        checked.admit(3, Access::read);
        pages.bits[2].pinned = false;
        CHECK(checked.choose_victim(4) == (lie == 0 ? 2 : no_page));
    }
    if (!checked.error().empty()) {
        // It is not asked any more.
        const std::string first = checked.error();
        CHECK(checked.choose_victim(5) == no_page);
        checked.admit(6, Access::read);
        checked.forget(6);
        checked.tick();
        CHECK(checked.state().empty());
        CHECK(checked.error() == first);
    }
    return checked.error();
}

}  // namespace

TEST_CASE("plugin: the example of the documentation") {
    const auto loaded = load_plugin(path_of("lifo"));
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
    CHECK(std::string((*loaded)->name) == "lifo");
    // Loaded again it is the same.
    CHECK(load_plugin(path_of("lifo")) == loaded);
    CHECK(count_faults(path_of("lifo"), 3, {1, 2, 3, 4, 1, 2, 4, 3}) == 5);
    CHECK(count_faults(path_of("lifo") + ",keep=2", 3, {1, 2, 3, 4, 1, 2, 4, 3}) == 5);
    const auto refused = parse_policy(path_of("lifo") + ",keep=1001");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == "policy lifo: keep=1001 is not possible; a whole number 0..1000");
}

TEST_CASE("plugin: one that cannot be used is refused in one line") {
    const std::map<std::string, std::string> reasons = {
        {"no-entry", "it has no function faultline_policy()"},
        {"wrong-version", "it was built for version 8 of policy.hpp, this is version 1"},
        {"returns-nothing", "faultline_policy() returned nothing"},
        {"throws", "faultline_policy() threw: not today"},
        {"missing-symbol", "undefined symbol: faultline_test_symbol_that_nobody_has"},
        {"no-name", "it has no name"},
        {"no-make", "it has no function that makes the policy"},
        {"future", "it needs what a plugin cannot have"},
        {"bad-default", "it has a default out of range for parameter weight"},
    };
    for (const auto& [name, reason] : reasons)
        CHECK(error_of(path_of(name)) == "policy " + path_of(name) + ": " + reason);
    CHECK(error_of("./nowhere.so") == "policy ./nowhere.so: cannot open shared object file: No such file or directory");
    // Not looked for among the libraries of the system.
    CHECK(error_of("libc.so.6") == "policy libc.so.6: cannot open shared object file: No such file or directory");
    const std::string text = path_of("text");
    std::ofstream(text) << "no shared object";
    CHECK(error_of(text).find("policy " + text + ": ") == 0);
    CHECK(error_of(text).find('\n') == std::string::npos);
}

TEST_CASE("plugin: what cannot be made is an error as well") {
    const auto loaded = load_plugin(path_of("makes-nothing"));
    REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
    TestPages pages;
    const auto policy = CheckedPolicy::create(**loaded, {2, pages, 0, {1}});
    REQUIRE_FALSE(policy.has_value());
    CHECK(policy.error() == "policy broken make() returned nothing");
}

TEST_CASE("plugin: a lie is one clear error and nothing else") {
    CHECK(error_of_lie(0) == "");
    CHECK(error_of_lie(1) == "policy liar chose page 3, which is not resident");
    CHECK(error_of_lie(2) == "policy liar chose page 2, which is pinned");
    CHECK(error_of_lie(3) == "policy liar chose page 1, which is not resident");
    CHECK(error_of_lie(4) == "policy liar chose page 4000000000, which is not resident");
    CHECK(error_of_lie(5) == "policy liar chose no page, although page 1 is evictable");
    CHECK(error_of_lie(6) == "policy liar asked about page 3, which is not resident");
    CHECK(error_of_lie(7) == "policy liar threw in choose_victim(): out of ideas");
    CHECK(error_of_lie(8) == "policy liar let go of page 1, which is not resident");
    CHECK(error_of_lie(9) == "policy liar asked about page 4000000000, which is not resident");
}

}  // namespace fl::replacement::test
