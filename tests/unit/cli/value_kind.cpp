#include "cli/value_kind.hpp"

#include <doctest/doctest.h>

namespace fl::cli {

namespace {

using Of = ValueKind::Of;
using Kinds = std::vector<ValueKind>;

}  // namespace

TEST_CASE("value_kinds: words to choose from") {
    CHECK(value_kinds("on|off") == Kinds{{Of::word, {"on", "off"}}});
    CHECK(value_kinds("refs|text|oracle-general") == Kinds{{Of::word, {"refs", "text", "oracle-general"}}});
    CHECK(value_kinds("lru,opt,ws|all") == Kinds{{Of::words, {"lru", "opt", "ws", "all"}}});
    CHECK(value_kinds("LIST|MIN..MAX[+STEP|xFACTOR]|all") == Kinds{{Of::word, {"all"}}});
}

TEST_CASE("value_kinds: files and folders") {
    for (const char* value : {"FILE", "FILE.refs", "FILE.refs...", "HOST:GUEST[:rw]"})
        CHECK(value_kinds(value) == Kinds{{Of::file}});
    CHECK(value_kinds("DIR") == Kinds{{Of::folder}});
    CHECK(value_kinds("slurm DIR") == Kinds{{Of::word, {"slurm"}}, {Of::folder}});
    CHECK(value_kinds("K DIR") == Kinds{{Of::anything}, {Of::folder}});
}

TEST_CASE("value_kinds: policies") {
    CHECK(value_kinds("NAME[,key=value...]") == Kinds{{Of::policy}});
    CHECK(value_kinds("NAMES") == Kinds{{Of::policies}});
    CHECK(value_kinds("NAME[,key=value...][,NAME...]|all") == Kinds{{Of::policies}});
}

TEST_CASE("value_kinds: what nothing can be offered for") {
    for (const char* value :
         {"", "N", "SIZE", "PAGES|SIZE", "K=V", "KIND=TIME[,...]", "'PROGRAM [ARGUMENT...]'", "FILES"})
        CHECK(value_kinds(value) == Kinds{{Of::anything}});
}

TEST_CASE("operand_kind: the first operand that says something") {
    CHECK(operand_kind("[OPTIONS] PROGRAM [ARGUMENTS...]") == ValueKind{Of::file});
    CHECK(operand_kind("FILE.refs --policy NAMES --frames SIZES [OPTIONS]") == ValueKind{Of::file});
    CHECK(operand_kind("[OPTIONS] [FILE.refs...]") == ValueKind{Of::file});
    CHECK(operand_kind("[OPTIONS] IN OUT") == ValueKind{Of::file});
    CHECK(operand_kind("[NAME[,key=value...]]") == ValueKind{Of::policy});
    CHECK(operand_kind("SUBCOMMAND [OPTIONS]") == ValueKind{});
}

}  // namespace fl::cli
