#include "trace/last_writer.hpp"

#include "event_support.hpp"
#include "trace/jsonl_writer.hpp"

#include <doctest/doctest.h>

using namespace fl;
using namespace fl::trace;

namespace {

const VirtRange heap{VirtAddr(0x4c9000), VirtAddr(0x4cb000)};
const VirtRange grown{VirtAddr(0x4c9000), VirtAddr(0x4cd000)};
const VirtRange stack{VirtAddr(0x7ffffffde000), VirtAddr(0x7ffffffff000)};

void write_fault(Writer& writer, std::uint64_t sequence) {
    mm::FaultEvent event = test::heap_write();
    event.sequence = sequence;
    event.origin.time_ns = sequence * 1000;
    writer.write({event, {sequence, "f" + std::to_string(sequence), "", ""}, 500});
}

// What is left of a trace, as JSON lines.
template <class Write>
std::vector<std::string> last(std::uint64_t count, Write&& write) {
    test::CapturedOutput captured;
    JsonlWriter next(captured.output());
    LastWriter writer(count, next);
    write(writer);
    CHECK(captured.text() == "");
    writer.finish();
    return captured.lines();
}

}  // namespace

TEST_CASE("the last faults and evictions are kept, whole and in their order") {
    const auto lines = last(3, [](Writer& writer) {
        for (std::uint64_t sequence = 1; sequence <= 10; ++sequence) write_fault(writer, sequence);
        writer.write_eviction(test::stack_eviction());
    });
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].starts_with(R"({"seq":9,)"));
    CHECK(lines[0].find(R"("symbol":"f9")") != std::string::npos);
    CHECK(lines[0].find(R"("cost":500)") != std::string::npos);
    CHECK(lines[1].starts_with(R"({"seq":10,)"));
    CHECK(lines[2].starts_with(R"({"event":"eviction")"));
}

TEST_CASE("a trace that is shorter is as it was") {
    test::CapturedOutput whole;
    JsonlWriter writer(whole.output());
    test::write_all_kinds(writer);
    writer.finish();
    CHECK(last(5, [](Writer& to) { test::write_all_kinds(to); }) == whole.lines());
}

TEST_CASE("what was before is told in short") {
    const auto lines = last(1, [](Writer& writer) {
        writer.write_task({.kind = TaskEvent::Kind::exec, .time_ns = 1, .pid = 2, .path = "/bin/a"});
        writer.write_mappings({.time_ns = 2,
                               .pid = 2,
                               .all = true,
                               .gone = {},
                               .mapped = {{heap, "rw-p", "[heap]"}, {stack, "rw-p", "[stack]"}}});
        writer.write_sample({.time_ns = 3, .processes = {}});
        writer.write_task({.kind = TaskEvent::Kind::fork, .time_ns = 4, .pid = 3, .parent = 2, .path = {}});
        writer.write_task({.kind = TaskEvent::Kind::fork, .time_ns = 5, .pid = 4, .parent = 2, .path = {}});
        write_fault(writer, 1);
        writer.write_mappings(
            {.time_ns = 6, .pid = 2, .all = false, .gone = {heap}, .mapped = {{grown, "rw-p", "[heap]"}}});
        writer.write_task({.kind = TaskEvent::Kind::exit, .time_ns = 7, .pid = 4, .path = {}});
        write_fault(writer, 2);
        writer.write_mappings({.time_ns = 8, .pid = 2, .all = false, .gone = {stack}, .mapped = {}});
    });
    REQUIRE(lines.size() == 5);
    CHECK(lines[0].find(R"("kind":"exec","pid":2,"parent":null,"path":"/bin/a")") != std::string::npos);
    CHECK(lines[1].find(R"("kind":"fork","pid":3,"parent":2)") != std::string::npos);
    CHECK(lines[2] == R"({"event":"mappings","time":6,"pid":2,"all":true,"gone":[],"mapped":[)"
                      R"({"start":"0x4c9000","end":"0x4cd000","prot":"rw-p","name":"[heap]"},)"
                      R"({"start":"0x7ffffffde000","end":"0x7ffffffff000","prot":"rw-p","name":"[stack]"}]})");
    CHECK(lines[3].starts_with(R"({"seq":2,)"));
    CHECK(lines[4].find(R"("gone":[{"start":"0x7ffffffde000")") != std::string::npos);
}

TEST_CASE("a program that maps and unmaps for ever does not fill the memory") {
    const auto lines = last(2, [](Writer& writer) {
        write_fault(writer, 1);
        for (std::uint64_t round = 0; round < 100'000; ++round) {
            writer.write_mappings(
                {.time_ns = round, .pid = 2, .all = false, .gone = {heap}, .mapped = {{heap, "rw-p", ""}}});
        }
    });
    CHECK(lines.size() == 1 + 65536 + 1);
    CHECK(lines[1].starts_with(R"({"seq":1,)"));
}

TEST_CASE("of page tables so many are kept as have room, the last ones") {
    const auto lines = last(1, [](Writer& writer) {
        write_fault(writer, 1);
        for (std::uint32_t pid = 2; pid < 9; ++pid) {
            TableTree tree{.time_ns = pid, .pid = pid};
            tree.rows.resize(max_table_rows);
            writer.write_tables(tree);
        }
    });
    REQUIRE(lines.size() == 5);
    CHECK(lines[0].starts_with(R"({"seq":1,)"));
    for (std::size_t i = 1; i < lines.size(); ++i) {
        CHECK(lines[i].starts_with(R"({"event":"page_tables","time":)" + std::to_string(4 + i)));
    }
}
