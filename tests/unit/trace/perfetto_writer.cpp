#include "trace/perfetto_writer.hpp"

#include "event_support.hpp"
#include "tests/trace-events/check.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::trace;
using Json = nlohmann::json;

namespace {

std::string written() {
    test::CapturedOutput captured;
    PerfettoWriter writer(captured.output());
    test::write_all_kinds(writer);
    writer.finish();
    return captured.text();
}

// The first event of this phase and name.
Json event_of(const std::string& text, const std::string& phase, const std::string& name) {
    const Json file = Json::parse(text);
    for (const Json& event : file["traceEvents"]) {
        if (event["ph"] == phase && event["name"] == name) return event;
    }
    FAIL("no " << phase << " " << name);
    return {};
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    REQUIRE_MESSAGE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("perfetto: what is written is a trace of events") {
    fl::trace_events::Check check;
    CHECK(check.check(written()) == "");
    CHECK(check.counts["X"] == 3);
    CHECK(check.counts["i"] == 7);
    for (const char* counter :
         {"rss", "swap", "page tables", "free frames", "user frames", "used swap slots", "free blocks"}) {
        CHECK(check.counts[counter] == 1);
    }
}

TEST_CASE("perfetto: a fault is a slice that ends when it was over, and counters have their values") {
    const std::string text = written();
    const Json fault = event_of(text, "X", "demand_zero");
    CHECK(fault["pid"] == 1000);
    CHECK(fault["tid"] == 1001);
    CHECK(text.find(R"("ts":11.845,"dur":0.500)") != std::string::npos);
    CHECK(fault["args"]["addr"] == "0x4c9008");
    CHECK(fault["args"]["symbol"] == "main+0x1f");
    CHECK(fault["args"]["vma"] == "0x4c9000-0x4cb000 rw-p");
    CHECK(event_of(text, "X", "swap_in")["args"]["symbol"] == test::hostile_text);
    CHECK(event_of(text, "C", "rss")["args"] == Json{{"anon", 3}, {"file", 4}, {"shmem", 5}});
    CHECK(event_of(text, "C", "free blocks")["args"]["order 10"] == 11);
    CHECK(event_of(text, "i", "exit")["args"] == Json{{"status", 139}, {"signal", 11}});
    CHECK(event_of(text, "i", "evict dirty")["args"]["age_us"] == 1234.567);
}

TEST_CASE("perfetto: without any event it is a trace as well") {
    test::CapturedOutput captured;
    PerfettoWriter writer(captured.output());
    writer.finish();
    CHECK(fl::trace_events::Check().check(captured.text()) == "");
}

TEST_CASE("perfetto: the check can fail") {
    const std::string text = written();
    const auto wrong = [](const std::string& changed) { return fl::trace_events::Check().check(changed); };
    CHECK(wrong(text.substr(0, text.size() - 4)) == "is no JSON");
    CHECK(wrong("[]") == "has no list 'traceEvents'");
    const std::pair<const char*, const char*> changes[] = {
        {R"("ph":"X")", R"("ph":"B")"},
        {R"("ph":"X",)", ""},
        {R"("ts":11.845)", R"("ts":"11.845")"},
        {R"("dur":0.500,)", ""},
        {R"("anon":3)", R"("anon":"3")"},
        {R"("s":"t")", R"("s":"x")"},
        {R"("thread_name","args":{"name":"task 1001")", R"("process_name","args":{"name":"task 1001")"},
        {R"("pid":1000,"tid":1001,"ts")", R"("pid":"1000","tid":1001,"ts")"}};
    for (const auto& [from, to] : changes) CHECK_MESSAGE(wrong(replaced(text, from, to)) != "", from);
}
