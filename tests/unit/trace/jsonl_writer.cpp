#include "trace/jsonl_writer.hpp"

#include "event_support.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <limits>

using namespace fl;
using namespace fl::trace;
using Json = nlohmann::ordered_json;

namespace {

std::vector<Json> written(const std::vector<mm::FaultEvent>& events, const Instruction& instruction) {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    for (const mm::FaultEvent& event : events) writer.write({event, instruction});
    writer.finish();
    std::vector<Json> objects;
    for (const std::string& line : captured.lines()) objects.push_back(Json::parse(line));
    return objects;
}

std::vector<std::string> keys(const Json& object) {
    std::vector<std::string> names;
    for (const auto& item : object.items()) names.push_back(item.key());
    return names;
}

}  // namespace

TEST_CASE("one object per fault, with all fields in their order") {
    const Instruction instruction{1, "main+0x1f", "guest-programs/hello.c:12", "mov byte ptr [rdi], 1"};
    const std::vector<Json> objects = written({test::heap_write()}, instruction);
    REQUIRE(objects.size() == 1);
    const Json expected = Json::parse(R"({
        "seq": 7, "time": 12345, "pid": 1000, "tid": 1001, "ip": "0x401234",
        "symbol": "main+0x1f", "source": "guest-programs/hello.c:12", "insn": "mov byte ptr [rdi], 1",
        "addr": "0x4c9008", "access": "w", "error_code": 6, "mode": "user", "kind": "demand_zero", "major": false, "cost": 0,
        "vma": {"start": "0x4c9000", "end": "0x4cb000", "prot": "rw-p", "name": "[heap]"},
        "pfn": 673, "pte_before": "0x0", "pte_after": "0x80000000002a1067",
        "walk": [{"table": 5, "index": 0, "entry": "0x6067"}, {"table": 6, "index": 0, "entry": "0x7067"},
                 {"table": 7, "index": 2, "entry": "0x8067"}, {"table": 8, "index": 201, "entry": "0x80000000002a1067"}],
        "tables_allocated": 2, "around": 0, "page_bytes": 4096,
        "reclaim": null, "slot": null, "refault_distance": null})");
    CHECK(objects[0] == expected);
    CHECK(keys(objects[0]) == keys(expected));
    CHECK(keys(objects[0]["vma"]) == keys(expected["vma"]));
}

TEST_CASE("what is not there is null") {
    const std::vector<Json> objects = written({test::wild_read()}, Instruction{});
    REQUIRE(objects.size() == 1);
    for (const char* field : {"symbol", "source", "insn", "vma", "pfn"}) CHECK(objects[0][field].is_null());
    CHECK(objects[0]["ip"] == "0x0");
    CHECK(objects[0]["access"] == "r");
    CHECK(objects[0]["mode"] == "kernel");
    CHECK(objects[0]["kind"] == "segv_maperr");
    CHECK(keys(objects[0]).size() == 26);
}

TEST_CASE("a fault tells what was done for its frame, and where its page had been") {
    const std::vector<Json> objects = written({test::heap_refault()}, Instruction{});
    REQUIRE(objects.size() == 1);
    const Json expected = Json::parse(R"({"evicted": 1, "written": 1, "looked_at": 5,
        "victim": {"page": 12, "pid": 2, "addr": "0x7fffffffe000", "file": null, "file_page": null,
                   "dirty": true, "age": 1234567}})");
    CHECK(objects[0]["reclaim"] == expected);
    CHECK(keys(objects[0]["reclaim"]) == keys(expected));
    CHECK(keys(objects[0]["reclaim"]["victim"]) == keys(expected["victim"]));
    CHECK(objects[0]["slot"] == 3);
    CHECK(objects[0]["refault_distance"] == 23);
    CHECK(keys(objects[0]).back() == "refault_distance");

    // Everybody was looked at, and nobody could go.
    mm::FaultEvent in_vain = test::heap_write();
    in_vain.reclaim.frames_looked_at = 5;
    in_vain.refault_distance = 0;
    const Json object = written({in_vain}, Instruction{})[0];
    CHECK(object["reclaim"]["evicted"] == 0);
    CHECK(object["reclaim"]["victim"].is_null());
    CHECK(object["slot"].is_null());
    CHECK(object["refault_distance"] == 0);
}

TEST_CASE("evictions and write-backs are objects of their own") {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    writer.write_write_back(test::stack_write_back());
    writer.write_eviction(test::stack_eviction());
    writer.finish();
    const std::vector<std::string> lines = captured.lines();
    REQUIRE(lines.size() == 2);
    CHECK(lines[0] == R"({"event":"write_back","time":11000,"for_fault":7,"reason":"ahead","page":12,"pid":2,)"
                      R"("addr":"0x7fffffffe000","file":null,"file_page":null,"pfn":673,"slot":17,"failed":false})");
    CHECK(lines[1] == R"({"event":"eviction","time":12000,"for_fault":7,"reason":"fault","page":12,"pid":2,)"
                      R"("addr":"0x7fffffffe000","file":null,"file_page":null,"pfn":673,"dirty":true,"dropped":false,)"
                      R"("age":1234567,"slot":17})");
}

TEST_CASE("a page of a file is named by its file, and what is not there is null") {
    test::Files files;
    const std::string hostile = "/tmp/\"\\\n\x1b\xff";
    mm::EvictionEvent eviction = test::stack_eviction();
    eviction.for_fault = 0;
    eviction.reason = mm::ReclaimReason::kswapd;
    eviction.page = {.id = 9, .address = std::nullopt, .file = files.named("/bin/hello"), .file_page = 3};
    eviction.slot = std::nullopt;
    eviction.dirty = false;
    eviction.dropped = true;
    mm::WriteBackEvent failed = test::stack_write_back();
    failed.page.file = files.named(hostile);
    failed.page.file_page = 0;
    failed.slot = std::nullopt;
    failed.failed = true;
    mm::FaultEvent fault = test::heap_refault();
    fault.victim->page = failed.page;
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    writer.write_eviction(eviction);
    writer.write_write_back(failed);
    writer.write({fault, Instruction{}});
    writer.write_eviction(eviction);
    writer.finish();
    std::vector<Json> objects;
    for (const std::string& line : captured.lines()) objects.push_back(Json::parse(line));
    REQUIRE(objects.size() == 4);
    for (const char* field : {"for_fault", "pid", "addr", "slot"}) CHECK(objects[0][field].is_null());
    CHECK(objects[0]["reason"] == "kswapd");
    CHECK(objects[0]["file"] == "/bin/hello");
    CHECK(objects[0]["file_page"] == 3);
    CHECK(objects[0]["dirty"] == false);
    CHECK(objects[0]["dropped"] == true);
    const std::string expected = "/tmp/\"\\\n\x1b\xef\xbf\xbd";
    CHECK(objects[1]["file"] == expected);
    CHECK(objects[1]["file_page"] == 0);
    CHECK(objects[1]["slot"].is_null());
    CHECK(objects[1]["failed"] == true);
    CHECK(objects[2]["reclaim"]["victim"]["file"] == expected);
    CHECK(objects[3] == objects[0]);
}

TEST_CASE("the widest values come back as they were") {
    constexpr std::uint64_t widest = std::numeric_limits<std::uint64_t>::max();
    mm::FaultEvent event = test::heap_write();
    event.sequence = widest;
    event.origin = {widest, 0xffffffff, 0xffffffff, VirtAddr(widest)};
    event.address = VirtAddr(widest);
    event.access = emu::Access::execute;
    event.error_code = 0xffffffff;
    event.vma->range = {VirtAddr(0), VirtAddr(~page_mask)};
    event.pfn = Pfn(widest);
    event.pte_before = emu::Pte::from_raw(widest);
    event.pte_after = emu::Pte::from_raw(widest);
    event.walk.count = 4;
    for (mm::WalkStep& step : event.walk.steps) step = {Pfn(widest), 0xffff, emu::Pte::from_raw(widest)};
    event.tables_allocated = event.pages_around = 0xffffffff;
    event.reclaim = {.evicted = 0xffffffff, .written = 0xffffffff, .frames_looked_at = widest};
    event.victim = test::stack_eviction();
    event.victim->page.id = event.victim->page.owner = 0xffffffff;
    event.victim->page.address = VirtAddr(widest);
    event.victim->age_ns = widest;
    event.slot = emu::SwapSlot(widest);
    event.refault_distance = widest;
    const std::vector<Json> objects = written({event}, Instruction{});
    REQUIRE(objects.size() == 1);
    CHECK(objects[0]["seq"] == widest);
    CHECK(objects[0]["time"] == widest);
    CHECK(objects[0]["addr"] == "0xffffffffffffffff");
    CHECK(objects[0]["access"] == "x");
    CHECK(objects[0]["error_code"] == 0xffffffff);
    CHECK(objects[0]["pte_before"] == "0xffffffffffffffff");
    CHECK(objects[0]["vma"]["start"] == "0x0");
    CHECK(objects[0]["pfn"] == widest);
    REQUIRE(objects[0]["walk"].size() == 4);
    for (const Json& step : objects[0]["walk"]) {
        CHECK(step == Json{{"table", widest}, {"index", 0xffff}, {"entry", "0xffffffffffffffff"}});
    }
    CHECK(objects[0]["around"] == 0xffffffff);
    CHECK(objects[0]["reclaim"]["looked_at"] == widest);
    CHECK(objects[0]["reclaim"]["victim"]["addr"] == "0xffffffffffffffff");
    CHECK(objects[0]["reclaim"]["victim"]["age"] == widest);
    CHECK(objects[0]["slot"] == widest);
    CHECK(objects[0]["refault_distance"] == widest);
}

TEST_CASE("text from outside cannot break a line") {
    const std::string hostile =
        std::string("\"\\\n\r\t\x01\x7f") + '\0' + "\xff\xc0\x80\xed\xa0\x80\xf5 h\xc3\xa9\xf0\x9f\x98\x80";
    mm::FaultEvent event = test::heap_write();
    event.vma->name = hostile;
    const std::vector<Json> objects = written({event}, {1, hostile, hostile, hostile});
    REQUIRE(objects.size() == 1);
    const std::string bad = "\xef\xbf\xbd";
    std::string expected = std::string("\"\\\n\r\t\x01\x7f") + '\0';
    for (int count = 0; count < 7; ++count) expected += bad;
    expected += " h\xc3\xa9\xf0\x9f\x98\x80";
    CHECK(objects[0]["symbol"] == expected);
    CHECK(objects[0]["source"] == expected);
    CHECK(objects[0]["insn"] == expected);
    CHECK(objects[0]["vma"]["name"] == expected);
}

TEST_CASE("a name longer than the buffer is written whole") {
    const std::string name(1'000'000, 'x');
    mm::FaultEvent event = test::heap_write();
    event.vma->name = name;
    const std::vector<Json> objects = written({event, test::wild_read()}, Instruction{});
    REQUIRE(objects.size() == 2);
    CHECK(objects[0]["vma"]["name"] == name);
}

TEST_CASE("what is kept between events follows the events") {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    mm::FaultEvent event = test::heap_write();
    writer.write({event, {1, "first", "", ""}});
    writer.write({event, {1, "first", "", ""}});
    // Two numbers that share a place in the writer's table.
    event.origin.instruction = VirtAddr(0x500000);
    writer.write({event, {1 + 4096, "second", "", ""}});
    event.origin.instruction = VirtAddr(0x600000);
    writer.write({event, {0, "", "", ""}});
    event.origin.instruction = VirtAddr(0x700000);
    event.vma->name = "";
    writer.write({event, {0, "", "", ""}});
    event.vma->flags = mm::vm_read;
    writer.write({event, {1, "first", "", ""}});
    event.vma->range.end = VirtAddr(0x5cb000);
    writer.write({event, {1, "first", "", ""}});
    writer.finish();
    std::vector<Json> objects;
    for (const std::string& line : captured.lines()) objects.push_back(Json::parse(line));
    REQUIRE(objects.size() == 7);
    CHECK(objects[1]["symbol"] == "first");
    CHECK(objects[2]["symbol"] == "second");
    CHECK(objects[2]["ip"] == "0x500000");
    CHECK(objects[3]["ip"] == "0x600000");
    CHECK(objects[3]["symbol"].is_null());
    CHECK(objects[4]["ip"] == "0x700000");
    CHECK(objects[4]["vma"]["name"] == "");
    CHECK(objects[5]["vma"]["prot"] == "r--p");
    CHECK(objects[5]["symbol"] == "first");
    CHECK(objects[6]["vma"]["end"] == "0x5cb000");
}

TEST_CASE("a trace larger than the buffer arrives complete and in order") {
    test::CapturedOutput captured;
    JsonlWriter writer(captured.output());
    constexpr std::uint64_t count = 3000;
    mm::FaultEvent event = test::heap_write();
    for (std::uint64_t sequence = 1; sequence <= count; ++sequence) {
        event.sequence = sequence;
        writer.write({event, Instruction{}});
    }
    writer.finish();
    const std::vector<std::string> lines = captured.lines();
    REQUIRE(lines.size() == count);
    for (std::uint64_t index = 0; index < count; ++index) REQUIRE(Json::parse(lines[index])["seq"] == index + 1);
}
