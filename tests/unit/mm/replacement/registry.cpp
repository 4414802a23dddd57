#include "mm/replacement/registry.hpp"

#include "mm/replacement/plugin.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

namespace fl::replacement {

namespace {

std::string error_of(const std::string& text) {
    const auto choice = parse_policy(text);
    return choice ? "" : choice.error();
}

std::vector<double> parameters_of(const std::string& text) {
    const auto choice = parse_policy(text);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    return choice->parameters;
}

}  // namespace

TEST_CASE("registry: each policy is there under its own name and well described") {
    std::set<std::string> names;
    for (const PolicyInfo* info : all_policies()) {
        CAPTURE(info->name);
        CHECK(names.insert(info->name).second);
        CHECK(find_policy(info->name) == info);
        CHECK((info->make == nullptr) == (info->needs == Needs::future));
        if (info->needs != Needs::future) CHECK(flaw_of(*info) == "");
        CHECK(std::string(info->source).size() > 20);
        for (const Parameter& parameter : info->parameters) {
            const std::string value = parameter_value_text(parameter, parameter.default_value);
            CHECK(error_of(std::string(info->name) + "," + parameter.name + "=" + value) == "");
        }
    }
    CHECK(names == std::set<std::string>{"2q",      "arc",           "car",   "clock",       "clock-pro", "fifo",
                                         "lfu",     "linux-2list",   "lirs",  "lru",         "lru-k",     "mglru",
                                         "mru",     "nfu-aging",     "nru",   "opt",         "pff",       "random",
                                         "s3-fifo", "second-chance", "sieve", "working-set", "wsclock"});
    CHECK(find_policy("") == nullptr);
    CHECK(find_policy("LRU") == nullptr);
}

TEST_CASE("registry: parameters in any order, defaults filled in") {
    CHECK(parameters_of("fifo").empty());
    CHECK(parameters_of("lfu") == std::vector<double>{0, 0});
    CHECK(parameters_of("lfu,ties=fifo") == std::vector<double>{0, 1});
    CHECK(parameters_of("lfu,ties=fifo,history=forever") == std::vector<double>{1, 1});
    CHECK(parameters_of("clock,load=0,load=1") == std::vector<double>{1});
    CHECK(parameters_of("lirs,hir=2.5") == std::vector<double>{2.5});
    CHECK(parameters_of("working-set,window=1e6") == std::vector<double>{1e6});
}

TEST_CASE("registry: what is wrong is said in one line") {
    CHECK(error_of("") == "a policy has a name");
    CHECK(error_of(",load=1") == "a policy has a name");
    CHECK(error_of("clok") == "unknown policy 'clok'; did you mean 'clock'?");
    CHECK(error_of("LRU") == "unknown policy 'LRU'; did you mean 'lru'?");
    CHECK(error_of("zzzzzz").find("unknown policy 'zzzzzz'; there are: 2q, arc, ") == 0);
    CHECK(error_of("clock,") == "policy clock: a parameter is missing behind the ','");
    CHECK(error_of("clock,load=1,") == "policy clock: a parameter is missing behind the ','");
    CHECK(error_of("clock,,load=1") == "policy clock: '' is not of the form key=value");
    CHECK(error_of("clock,load") == "policy clock: 'load' is not of the form key=value");
    CHECK(error_of("clock,laod=1") == "policy clock: unknown parameter 'laod'; did you mean 'load'?");
    CHECK(error_of("wsclock,x=1") == "policy wsclock: unknown parameter 'x'; there are: window, writes");
    CHECK(error_of("fifo,load=1") == "policy fifo has no parameters, so no 'load'");
    for (const char* value : {"2", "-1", "", "x", "0.5", "nan", "inf", "1x", " 1", "1e400"})
        CHECK(error_of(std::string("clock,load=") + value) ==
              std::string("policy clock: load=") + value + " is not possible; a whole number 0..1");
    CHECK(error_of("lfu,ties=random") == "policy lfu: ties: unknown value 'random'; there are: lru, fifo");
    CHECK(error_of("lfu,ties=0") == "policy lfu: ties: unknown value '0'; there are: lru, fifo");
    CHECK(error_of("lfu,ties=ffio") == "policy lfu: ties: unknown value 'ffio'; did you mean 'fifo'?");
    CHECK(error_of("lirs,hir=101") == "policy lirs: hir=101 is not possible; 0..100");
}

}  // namespace fl::replacement
