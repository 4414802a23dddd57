#include "trace/filter.hpp"

#include "event_support.hpp"
#include "trace/filter_writer.hpp"
#include "trace/jsonl_writer.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace fl;
using namespace fl::trace;

namespace {

const mm::FaultEvent write_to_heap = test::heap_write();
const Instruction in_main{1, "main+0x1f", "guest-programs/hello.c:12", "mov byte ptr [rdi], 1"};

Filter parsed(const std::string& text) {
    auto filter = Filter::parse(text);
    REQUIRE_MESSAGE(filter.has_value(), text << ": " << filter.error());
    return *std::move(filter);
}
std::string error_of(const std::string& text) {
    const auto filter = Filter::parse(text);
    REQUIRE_MESSAGE(!filter.has_value(), text);
    return filter.error();
}

// Of the first write to the heap.
bool means_fault(const std::string& text) {
    const TracedFault fault{write_to_heap, in_main};
    return parsed(text).matches({.fault = &fault});
}
bool means_eviction(const std::string& text) {
    const mm::EvictionEvent event = test::stack_eviction();
    return parsed(text).matches({.eviction = &event});
}
bool means_write_back(const std::string& text) {
    const mm::WriteBackEvent event = test::stack_write_back();
    return parsed(text).matches({.write_back = &event});
}

}  // namespace

TEST_CASE("filter: fields of a fault, and their operators") {
    for (const char* yes : {"kind=demand_zero",
                            "kind==demand_zero",
                            "kind != cow",
                            "kind~demand*",
                            "kind~zero",
                            "kind!~cow",
                            "vma=[heap]",
                            "vma~heap",
                            "vma=\"[heap]\"",
                            "access=w",
                            "mode=user",
                            "major=false",
                            "pid=1000",
                            "tid=1001",
                            "pid=999..1000",
                            "pid!=1..999",
                            "seq<8",
                            "seq<=7",
                            "seq>6",
                            "seq>=7",
                            "addr=0x4c9008",
                            "addr>4M",
                            "addr<5M",
                            "addr=0x4c9000..0x4ca000",
                            "ip=0x401234",
                            "symbol=main",
                            "symbol=main+0x1f",
                            "symbol~ain",
                            "symbol~m*+0x??",
                            "source~hello.c",
                            "insn~rdi",
                            "insn=\"mov byte ptr [rdi], 1\"",
                            "time>12us",
                            "time<=12345",
                            "time<0.02ms",
                            "time=12345ns",
                            "prot=rw-p",
                            "prot~w",
                            "pfn=0x2a1",
                            "pfn=673",
                            "error_code=6",
                            "tables_allocated=2",
                            "evicted=0",
                            "event=fault",
                            "pte_before=0"}) {
        CHECK_MESSAGE(means_fault(yes), yes);
    }
    for (const char* no :
         {"kind=cow", "kind!=demand_zero", "kind~file_*", "vma=heap", "vma=\"\"", "access=r", "pid=1001..2000",
          "pid>1000", "addr=0x4c8000..0x4c9008", "addr=0x4c9009", "symbol=mai", "symbol=ain", "symbol~*ain",
          "time>12346", "time>1s", "prot=r--p", "event=eviction", "insn=mov"}) {
        CHECK_MESSAGE(!means_fault(no), no);
    }
}

TEST_CASE("filter: and, or, not and parentheses bind as they do in C") {
    CHECK(means_fault("kind=demand_zero&&vma=[heap]"));
    CHECK(means_fault("  kind=cow || access=w && mode=user  "));
    CHECK(!means_fault("(kind=cow || access=w) && mode=kernel"));
    CHECK(means_fault("kind=cow && mode=kernel || access=w"));
    CHECK(means_fault("!kind=cow"));
    CHECK(means_fault("!(kind=cow || kind=oom) && !!access=w"));
    CHECK(!means_fault("!(kind=cow || kind=demand_zero)"));
    CHECK(means_fault("kind=cow || kind=oom || kind=demand_zero"));
    CHECK(!means_fault("access=w && mode=user && major=true"));
}

TEST_CASE("filter: what reclaim did has fields as well, and an event without the field is not meant") {
    for (const char* yes : {"event=eviction", "dirty=true", "dropped=false", "age>1ms", "slot=17", "pid=2", "page=12",
                            "addr=0x7fffffffe000", "reason=fault", "for_fault=7", "time=12us", "pfn=673"}) {
        CHECK_MESSAGE(means_eviction(yes), yes);
    }
    for (const char* yes : {"event=write_back", "failed=false", "reason=ahead", "slot>16"}) {
        CHECK_MESSAGE(means_write_back(yes), yes);
    }
    // It has none of these, whatever they are compared with.
    for (const char* no : {"kind=cow", "kind!=cow", "seq!=0", "failed=false", "file!=x", "file~*", "file_page>=0"}) {
        CHECK_MESSAGE(!means_eviction(no), no);
    }
    CHECK(means_eviction("!kind=cow"));
    CHECK(!means_write_back("dirty=true || age>0 || dropped=false"));
    // No mapping, no instruction.
    const mm::FaultEvent wild = test::wild_read();
    const Instruction unknown;
    const TracedFault fault{wild, unknown};
    for (const char* no : {"vma!=[heap]", "vma=\"\"", "prot~r", "symbol!=main", "source~*", "pfn>=0", "slot>=0"}) {
        CHECK_MESSAGE(!parsed(no).matches({.fault = &fault}), no);
    }
    // Anonymous memory has a mapping without a name.
    mm::FaultEvent anonymous = test::heap_write();
    anonymous.vma->name.clear();
    const TracedFault nameless{anonymous, unknown};
    CHECK(parsed("vma=\"\"").matches({.fault = &nameless}));
}

TEST_CASE("filter: mistakes are pointed at") {
    CHECK(error_of("") == "column 1: a field's name is expected");
    CHECK(error_of("knd=cow") == "column 1: unknown field 'knd'; did you mean 'kind'?");
    CHECK(error_of("vma=x && adr=1") == "column 10: unknown field 'adr'; did you mean 'addr'?");
    CHECK(error_of("zzzzzzz=1").starts_with("column 1: unknown field 'zzzzzzz'; there are: event, time, pid"));
    CHECK(error_of("kind=cov") == "column 6: unknown kind 'cov'; did you mean 'cow'?");
    CHECK(error_of("access=rw").starts_with("column 8: unknown access 'rw'; "));
    CHECK(error_of("kind") == "column 5: one of = != < <= > >= ~ !~ is expected");
    CHECK(error_of("kind=") == "column 6: a value is expected");
    CHECK(error_of("kind=cow &&") == "column 12: a field's name is expected");
    CHECK(error_of("(kind=cow") == "column 1: this '(' is not closed");
    CHECK(error_of("kind=cow)") == "column 9: ')' is not expected here");
    CHECK(error_of("kind=cow & seq=1") == "column 10: '&' is not expected here");
    CHECK(error_of("vma=\"[heap]") == "column 5: this '\"' is not closed");
    CHECK(error_of("kind<cow") == "column 5: 'kind' is a text: it has only = != ~ !~");
    CHECK(error_of("seq~1") == "column 4: 'seq' is a number: it has only = != < <= > >=");
    CHECK(error_of("seq=x") == "column 5: 'x' is no number, as 12, 0x400000, 64K");
    CHECK(error_of("seq=1ms") == "column 5: '1ms' is no number, as 12, 0x400000, 64K");
    CHECK(error_of("time=1h") == "column 6: '1h' is no time, as 1500, 1.5us, 20ms");
    CHECK(error_of("seq=18446744073709551616") ==
          "column 5: '18446744073709551616' is no number, as 12, 0x400000, 64K");
    CHECK(error_of("seq=9999999999999999G").find("is no number") != std::string::npos);
    CHECK(error_of("seq=2..1") == "column 5: '2..1' is empty");
    CHECK(error_of("addr=1..1") == "column 6: '1..1' is empty");
    CHECK(error_of("seq<1..2") == "column 5: a range goes with = and != alone");
    CHECK(error_of("seq=1..x") == "column 8: 'x' is no number, as 12, 0x400000, 64K");
    CHECK(error_of("\x1b=1") == "column 1: a field's name is expected, not '?'");
    CHECK(error_of(std::string(100'000, '(')).starts_with("column 101: more than 100 levels"));
    CHECK(error_of(std::string(100'000, '!')).starts_with("column 101: more than 100 levels"));
}

TEST_CASE("filter: patterns") {
    CHECK(is_like("", ""));
    CHECK(is_like("", "*"));
    CHECK(is_like("abc", "a*c"));
    CHECK(is_like("abcbc", "a*bc"));
    CHECK(is_like("ac", "a*c"));
    CHECK(is_like("abc", "???"));
    CHECK(!is_like("abc", "??"));
    CHECK(!is_like("abc", "a*b"));
    CHECK(!is_like("", "?"));
    CHECK(is_like(std::string(10'000, 'a') + "b", "*a*a*a*a*b"));
    CHECK(!is_like(std::string(10'000, 'a'), "*a*a*a*a*b"));
}

TEST_CASE("filter: every field has a name of its own, and words that are all accepted") {
    std::set<std::string_view> names;
    for (const FilterField& field : filter_fields()) {
        CHECK(names.insert(field.name).second);
        CHECK((field.kind == FieldKind::word) == !field.words.empty());
        for (const std::string_view word : field.words) {
            CHECK(Filter::parse(std::string(field.name) + "=" + std::string(word)).has_value());
        }
    }
}

TEST_CASE("filter: the writer hands on what is meant, and all that is neither fault nor reclaim") {
    test::CapturedOutput all, some;
    JsonlWriter to_all(all.output()), to_some(some.output());
    FilterWriter writer(parsed("kind=swap_in || dirty=true"), to_some);
    test::write_all_kinds(to_all);
    test::write_all_kinds(writer);
    to_all.finish();
    writer.finish();
    std::vector<std::string> expected;
    for (const std::string& line : all.lines()) {
        const bool is_fault = line.starts_with("{\"seq\":");
        const bool is_reclaim = line.find("\"event\":\"eviction\"") != std::string::npos ||
                                line.find("\"event\":\"write_back\"") != std::string::npos;
        const bool is_meant = line.find("\"kind\":\"swap_in\"") != std::string::npos ||
                              (is_reclaim && line.find("\"dirty\":true") != std::string::npos);
        if ((!is_fault && !is_reclaim) || is_meant) expected.push_back(line);
    }
    REQUIRE(expected.size() == 9);
    CHECK(some.lines() == expected);
}
