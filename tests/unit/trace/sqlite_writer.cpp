#include "trace/sqlite_writer.hpp"

#include "event_support.hpp"

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

using namespace fl;
using namespace fl::trace;

namespace {

// A file that is there and empty, in a folder of its own.
class DatabaseFile {
public:
    DatabaseFile() {
        std::string folder = std::filesystem::temp_directory_path() / "trace.XXXXXX";
        REQUIRE(::mkdtemp(folder.data()) != nullptr);
        folder_ = folder;
        const int descriptor = ::mkstemp((path_ = folder_ / "t.XXXXXX").data());
        REQUIRE(descriptor >= 0);
        ::close(descriptor);
    }
    DatabaseFile(const DatabaseFile&) = delete;
    DatabaseFile& operator=(const DatabaseFile&) = delete;
    ~DatabaseFile() { std::filesystem::remove_all(folder_); }

    const std::string& path() const { return path_; }
    std::size_t files_in_folder() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()));
    }
    // The rows of the answer, with '|' between columns; NULL is "-".
    std::vector<std::string> ask(const std::string& sql) const {
        sqlite3* database = nullptr;
        REQUIRE(sqlite3_open_v2(path_.c_str(), &database, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
        std::vector<std::string> rows;
        const auto add_row = [](void* to, int count, char** values, char**) {
            std::string row;
            for (int i = 0; i < count; ++i) row += std::string(i == 0 ? "" : "|") + (values[i] ? values[i] : "-");
            static_cast<std::vector<std::string>*>(to)->push_back(row);
            return 0;
        };
        char* error = nullptr;
        const int result = sqlite3_exec(database, sql.c_str(), add_row, &rows, &error);
        CHECK_MESSAGE(result == SQLITE_OK, sql << ": " << (error != nullptr ? error : ""));
        sqlite3_free(error);
        sqlite3_close(database);
        return rows;
    }

private:
    std::filesystem::path folder_;
    std::string path_;
};

using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("sqlite: all events are in their tables") {
    DatabaseFile file;
    SqliteWriter writer;
    // What comes before the file is there is in it as well.
    mm::FaultEvent early = test::wild_read();
    early.sequence = 1;
    {
        const Instruction gone{9, "gone", "", ""};
        writer.write({early, gone});
    }
    writer.open(file.path());
    test::write_all_kinds(writer);
    writer.finish();
    CHECK(writer.error() == "");
    CHECK(file.files_in_folder() == 1);
    CHECK(file.ask("PRAGMA integrity_check") == Rows{"ok"});
    CHECK(file.ask("PRAGMA foreign_key_check").empty());
    CHECK(file.ask("SELECT value FROM meta WHERE key = 'schema_version'") == Rows{"1"});
    CHECK(file.ask("SELECT seq, kind, symbol FROM fault_view ORDER BY rowid") ==
          Rows{"1|segv_maperr|gone", "8|segv_maperr|-", "7|demand_zero|main+0x1f",
               std::string("7|swap_in|") + test::hostile_text});
    CHECK(file.ask("SELECT time, pid, tid, printf('%#x', ip), function, printf('%#x', addr), access, error_code, mode, "
                   "major, cost, vma_name, vma_prot, pfn, pte_before, printf('%#x', pte_after), tables_allocated, "
                   "around, evicted, slot, refault_distance FROM fault_view WHERE kind = 'demand_zero'") ==
          Rows{"12345|1000|1001|0x401234|main|0x4c9008|w|6|user|0|500|[heap]|rw-p|673|0|0x80000000002a1067|2|0|0|-|-"});
    CHECK(file.ask("SELECT pgd_table, printf('%#x', pgd), pud_table, pmd_table, pte_table FROM faults WHERE kind = "
                   "'demand_zero'") == Rows{"5|0x6067|6|7|8"});
    CHECK(file.ask("SELECT pgd_table, vma FROM faults WHERE kind = 'segv_maperr' AND seq = 8") == Rows{"-|-"});
    CHECK(file.ask(
              "SELECT evicted, written, looked_at, slot, refault_distance, cost FROM faults WHERE kind = 'swap_in'") ==
          Rows{"1|1|5|3|23|100000"});
    CHECK(file.ask("SELECT reason, for_fault, path, file_page, dirty, age FROM evictions LEFT JOIN files ON files.id = "
                   "file") == Rows{std::string("kswapd|-|") + test::hostile_text + "|3|1|1234567"});
    CHECK(file.ask("SELECT reason, page, pid, printf('%#x', addr), file, slot, failed FROM write_backs") ==
          Rows{"ahead|12|2|0x7fffffffe000|-|17|0"});
    CHECK(file.ask("SELECT kind, pid, parent, status, signal FROM tasks ORDER BY time") ==
          Rows{"exec|2|-|-|-", "fork|3|2|-|-", "exit|3|-|139|11"});
    CHECK(file.ask("SELECT e.pid, e.\"all\", m.change, m.name FROM mappings m JOIN mapping_events e ON e.id = m.event "
                   "ORDER BY m.rowid") == Rows{"2|1|mapped|[heap]", "2|1|mapped|[stack]", "3|0|gone|-"});
    CHECK(file.ask("SELECT time, free_frames, user_frames, used_swap_slots FROM samples") == Rows{"200|90|10|1"});
    CHECK(file.ask("SELECT sum(\"order\" * 100 + free_blocks) FROM sample_blocks") == Rows{"5566"});
    CHECK(file.ask("SELECT pid, anon, file, shmem, swap, page_tables FROM sample_processes") == Rows{"2|3|4|5|6|7"});
    CHECK(file.ask("SELECT time, pid, root, tables, left_out FROM page_tables") == Rows{"200002|3|8|4|5"});
    CHECK(
        file.ask("SELECT level, printf('%#x', addr), count, printf('%#x', entry) FROM page_table_rows WHERE event = 1 "
                 "ORDER BY rowid") == Rows{"4|0|1|0x9007", "3|0|1|0x9007", "2|0x400000|3|0x9007",
                                           "1|0x4c9000|2|0x80000000002a1067", "1|0x4cd000|1|0x11002"});
}

TEST_CASE("sqlite: what many events share is there once") {
    DatabaseFile file;
    SqliteWriter writer;
    writer.open(file.path());
    mm::FaultEvent event = test::heap_write();
    constexpr std::uint64_t count = 120'000;  // more than one transaction
    for (std::uint64_t i = 1; i <= count; ++i) {
        event.sequence = i;
        writer.write({event, {1 + i % 2, i % 2 == 0 ? "a" : "b", "", ""}});
    }
    writer.finish();
    CHECK(writer.error() == "");
    CHECK(file.ask("SELECT count(*), count(DISTINCT seq) FROM faults") == Rows{"120000|120000"});
    CHECK(file.ask("SELECT count(*) FROM instructions") == Rows{"2"});
    CHECK(file.ask("SELECT count(*) FROM vmas") == Rows{"1"});
    CHECK(file.ask("SELECT count(*) FROM fault_view WHERE symbol = 'a'") == Rows{"60000"});
}

TEST_CASE("sqlite: a file that is none, or not there, is an error, and the program goes on") {
    SqliteWriter writer;
    writer.open("/nowhere/t.db");
    test::write_all_kinds(writer);
    writer.finish();
    CHECK(writer.error() == "unable to open database file");
    SqliteWriter never_opened;
    test::write_all_kinds(never_opened);
    never_opened.finish();
    CHECK(never_opened.error() == "");
}
