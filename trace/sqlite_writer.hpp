// SqliteWriter: a trace as an SQLite database, for questions in SQL. docs/trace-sqlite.md describes the tables.
//
// Times are nanoseconds. Addresses and page-table entries are integers of 64 bits, which SQLite takes for signed:
// printf('%#x', addr) shows them as they are. The first error sticks, and what comes after it is dropped.
#pragma once

#include "trace/stored_event.hpp"
#include "trace/writer.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace fl::trace {

class SqliteWriter final : public Writer {
public:
    static constexpr int schema_version = 1;

    SqliteWriter();
    SqliteWriter(const SqliteWriter&) = delete;
    SqliteWriter& operator=(const SqliteWriter&) = delete;
    ~SqliteWriter() override;

    // From here on events go to this file, which is there and empty; those before were kept. What is wrong shows in
    // error().
    void open(const std::string& path) noexcept;

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    bool wants_processes() const noexcept override { return true; }
    void write_task(const TaskEvent& event) noexcept override;
    void write_mappings(const MappingsEvent& event) noexcept override;
    void write_sample(const mm::MemorySample& sample) noexcept override;
    void write_tables(const TableTree& tree) noexcept override;
    void finish() noexcept override;
    void flush() noexcept override;

    // What went wrong first, in SQLite's words; empty: nothing.
    const std::string& error() const { return error_; }

private:
    class Row;
    enum class Table : std::uint8_t;
    using VmaKey = std::tuple<VirtAddr, VirtAddr, std::string, std::string>;
    using InstructionKey = std::tuple<std::uint64_t, std::string, std::string, std::string>;

    struct CloseDatabase {
        void operator()(sqlite3* database) const;
    };
    struct FinalizeStatement {
        void operator()(sqlite3_stmt* statement) const;
    };

    // Calls write() where there is a file, keep() where there is none yet.
    template <class Keep, class Write>
    void take(Keep&& keep, Write&& write) noexcept;
    void insert_fault(const TracedFault& fault);
    template <class Event>
    void bind_occasion(Row& row, const Event& event);
    void execute(const char* sql);
    void prepare();
    void fail(std::string_view what);
    bool is_open() const { return database_ != nullptr && error_.empty(); }

    std::int64_t instruction_id(const TracedFault& fault);
    std::int64_t vma_id(const mm::VmaSnapshot& vma);
    std::optional<std::int64_t> file_id(const mm::PageName& page);

    std::vector<StoredEvent> held_;  // until open()
    FaultStore faults_;
    bool was_opened_ = false;
    std::unique_ptr<sqlite3, CloseDatabase> database_;
    std::vector<std::unique_ptr<sqlite3_stmt, FinalizeStatement>> inserts_;  // by Table
    std::string error_;
    std::uint64_t rows_in_transaction_ = 0;
    std::int64_t last_mappings_ = 0, last_sample_ = 0, last_tables_ = 0;

    std::unordered_map<std::uint64_t, std::int64_t> instruction_by_id_;
    std::map<InstructionKey, std::int64_t> instructions_;
    std::map<VmaKey, std::int64_t> vmas_;
    std::map<std::string, std::int64_t> files_;
};

}  // namespace fl::trace
