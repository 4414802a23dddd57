#include "trace/csv_writer.hpp"

#include "event_support.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace fl;
using namespace fl::trace;

namespace {

using Record = std::vector<std::string>;

// As RFC 4180 says; it has no mercy.
std::vector<Record> parsed(const std::string& text) {
    std::vector<Record> records(1, Record(1));
    bool quoted = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string& field = records.back().back();
        if (quoted) {
            if (text[at] != '"') {
                field += text[at];
            } else if (at + 1 < text.size() && text[at + 1] == '"') {
                field += text[++at];
            } else {
                quoted = false;
            }
        } else if (text[at] == '"') {
            REQUIRE(field.empty());
            quoted = true;
        } else if (text[at] == ',') {
            records.back().emplace_back();
        } else if (text[at] == '\n') {
            records.emplace_back(1);
        } else {
            field += text[at];
        }
    }
    REQUIRE(!quoted);
    REQUIRE(records.back() == Record(1));
    records.pop_back();
    return records;
}

std::vector<std::map<std::string, std::string>> rows_of(const std::string& text) {
    const std::vector<Record> records = parsed(text);
    REQUIRE(!records.empty());
    std::vector<std::map<std::string, std::string>> rows;
    for (std::size_t i = 1; i < records.size(); ++i) {
        REQUIRE(records[i].size() == records[0].size());
        rows.emplace_back();
        for (std::size_t column = 0; column < records[i].size(); ++column) {
            rows.back()[records[0][column]] = records[i][column];
        }
    }
    return rows;
}

}  // namespace

TEST_CASE("csv: a line for each fault, eviction and write-back, with all columns") {
    test::CapturedOutput captured;
    CsvWriter writer(captured.output());
    CHECK(!writer.wants_processes());
    test::write_all_kinds(writer);
    writer.finish();
    auto rows = rows_of(captured.text());
    REQUIRE(rows.size() == 5);
    CHECK(rows[0].size() == 40);
    CHECK(rows[0]["event"] == "fault");
    CHECK(rows[0]["kind"] == "segv_maperr");
    for (const char* empty :
         {"symbol", "vma_start", "vma_name", "pfn", "slot", "refault_distance", "reason", "failed"}) {
        CHECK(rows[0][empty] == "");
    }
    CHECK(rows[1]["addr"] == "0x4c9008");
    CHECK(rows[1]["symbol"] == "main+0x1f");
    CHECK(rows[1]["insn"] == "mov byte ptr [rdi], 1");
    CHECK(rows[1]["cost"] == "500");
    CHECK(rows[1]["vma_prot"] == "rw-p");
    CHECK(rows[1]["vma_end"] == "0x4cb000");
    CHECK(rows[1]["pte_after"] == "0x80000000002a1067");
    CHECK(rows[1]["tables_allocated"] == "2");
    CHECK(rows[2]["event"] == "write_back");
    CHECK(rows[2]["reason"] == "ahead");
    CHECK(rows[2]["failed"] == "false");
    CHECK(rows[2]["dirty"] == "");
    CHECK(rows[2]["seq"] == "");
    CHECK(rows[3]["event"] == "eviction");
    CHECK(rows[3]["for_fault"] == "");
    CHECK(rows[3]["file"] == test::hostile_text);
    CHECK(rows[3]["file_page"] == "3");
    CHECK(rows[3]["dirty"] == "true");
    CHECK(rows[3]["age"] == "1234567");
    CHECK(rows[4]["symbol"] == test::hostile_text);
    CHECK(rows[4]["evicted"] == "1");
    CHECK(rows[4]["refault_distance"] == "23");
}

TEST_CASE("csv: a trace without events has a header") {
    test::CapturedOutput captured;
    CsvWriter writer(captured.output());
    writer.finish();
    CHECK(captured.lines().size() == 1);
    CHECK(rows_of(captured.text()).empty());
}

TEST_CASE("csv: what readers stumble over is replaced") {
    test::CapturedOutput captured;
    CsvWriter writer(captured.output());
    mm::FaultEvent event = test::heap_write();
    event.vma->name = std::string("a\0b\xff", 4);
    writer.write({event, Instruction{}});
    writer.finish();
    CHECK(rows_of(captured.text()).at(0)["vma_name"] ==
          "a\xef\xbf\xbd"
          "b\xef\xbf\xbd");
}
