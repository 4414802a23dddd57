#include "trace/sqlite_writer.hpp"

#include "mm/file_identity.hpp"
#include "trace/sqlite_schema.hpp"
#include "trace/utf8.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <exception>
#include <utility>

namespace fl::trace {

namespace {

constexpr std::uint64_t rows_per_transaction = 50'000;
constexpr std::size_t max_known = 65536;

const char* access_word(emu::Access access) {
    return access == emu::Access::write ? "w" : access == emu::Access::execute ? "x" : "r";
}

// "main" of "main+0x1f".
std::string_view function_of(std::string_view symbol) { return symbol.substr(0, symbol.rfind("+0x")); }

}  // namespace

enum class SqliteWriter::Table : std::uint8_t {
    instructions,
    vmas,
    files,
    faults,
    evictions,
    write_backs,
    tasks,
    mapping_events,
    mappings,
    samples,
    sample_blocks,
    sample_processes,
    page_tables,
    page_table_rows,
};

namespace {

struct TableShape {
    const char* name;
    int columns;
};
// In the order of SqliteWriter::Table.
constexpr TableShape tables[] = {{"instructions", 6}, {"vmas", 5},           {"files", 2},
                                 {"faults", 31},      {"evictions", 13},     {"write_backs", 11},
                                 {"tasks", 7},        {"mapping_events", 4}, {"mappings", 6},
                                 {"samples", 5},      {"sample_blocks", 3},  {"sample_processes", 7},
                                 {"page_tables", 6},  {"page_table_rows", 5}};

}  // namespace

// One row: its columns in their order, then insert().
class SqliteWriter::Row {
public:
    Row(SqliteWriter& writer, Table table)
        : writer_(writer), statement_(writer.inserts_.at(static_cast<std::size_t>(table)).get()) {}

    Row& number(std::uint64_t value) { return id(static_cast<std::int64_t>(value)); }
    Row& id(std::int64_t value) {
        sqlite3_bind_int64(statement_, ++column_, value);
        return *this;
    }
    Row& none() {
        sqlite3_bind_null(statement_, ++column_);
        return *this;
    }
    Row& text(std::string_view value) {
        const std::string valid = valid_utf8(value);
        sqlite3_bind_text(statement_, ++column_, valid.data(), static_cast<int>(valid.size()), SQLITE_TRANSIENT);
        return *this;
    }
    // NULL where it is empty.
    Row& text_or_none(std::string_view value) { return value.empty() ? none() : text(value); }
    Row& number_or_none(const std::optional<std::uint64_t>& value) { return value ? number(*value) : none(); }
    template <class Index>
    Row& number_or_none(const std::optional<Index>& value) {
        return value ? number(value->value()) : none();
    }
    Row& id_or_none(const std::optional<std::int64_t>& value) { return value ? id(*value) : none(); }

    // The row's number.
    std::int64_t insert() {
        if (sqlite3_step(statement_) != SQLITE_DONE) writer_.fail(sqlite3_errmsg(writer_.database_.get()));
        sqlite3_reset(statement_);
        ++writer_.rows_in_transaction_;
        return sqlite3_last_insert_rowid(writer_.database_.get());
    }

private:
    SqliteWriter& writer_;
    sqlite3_stmt* statement_;
    int column_ = 0;
};

void SqliteWriter::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }
void SqliteWriter::FinalizeStatement::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

SqliteWriter::SqliteWriter() = default;
SqliteWriter::~SqliteWriter() = default;

void SqliteWriter::fail(std::string_view what) {
    if (error_.empty()) error_ = what;
}

void SqliteWriter::execute(const char* sql) {
    if (!is_open()) return;
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
        fail(sqlite3_errmsg(database_.get()));
    }
}

void SqliteWriter::prepare() {
    for (const TableShape& table : tables) {
        std::string sql = fmt::format("INSERT INTO {} VALUES (?", table.name);
        for (int column = 1; column < table.columns; ++column) sql += ", ?";
        sql += ')';
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
            fail(sqlite3_errmsg(database_.get()));
        }
        inserts_.emplace_back(statement);
    }
}

void SqliteWriter::open(const std::string& path) noexcept {
    was_opened_ = true;
    try {
        sqlite3* database = nullptr;
        const int result = sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr);
        database_.reset(database);
        if (result != SQLITE_OK) fail(database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(result));
        execute(sqlite_schema);
        execute(fmt::format("INSERT INTO meta VALUES ('format', 'faultline trace'), ('schema_version', '{}')",
                            schema_version)
                    .c_str());
        if (is_open()) prepare();
        for (const StoredEvent& event : std::exchange(held_, {})) write_stored(event, *this);
    } catch (const std::exception& error) {
        fail(error.what());
    }
}

template <class Keep, class Write>
void SqliteWriter::take(Keep&& keep, Write&& write) noexcept {
    try {
        if (!was_opened_) {
            keep();
            return;
        }
        if (!is_open()) return;
        write();
        if (rows_in_transaction_ >= rows_per_transaction) flush();
    } catch (const std::exception& error) {
        fail(error.what());
    }
}

void SqliteWriter::flush() noexcept {
    if (std::exchange(rows_in_transaction_, 0) != 0) execute("COMMIT; BEGIN");
}

void SqliteWriter::finish() noexcept {
    execute(sqlite_indices);
    inserts_.clear();
    const int result = sqlite3_close(database_.release());
    if (result != SQLITE_OK) fail(sqlite3_errstr(result));
}

// --- what rows refer to ----------------------------------------------------------------------------------------------

std::int64_t SqliteWriter::instruction_id(const TracedFault& fault) {
    const Instruction& instruction = fault.instruction;
    if (instruction.id != 0) {
        const auto known = instruction_by_id_.find(instruction.id);
        if (known != instruction_by_id_.end()) return known->second;
    }
    const std::uint64_t address = fault.event.origin.instruction.value();
    if (instructions_.size() >= max_known) instructions_.clear();
    if (instruction_by_id_.size() >= max_known) instruction_by_id_.clear();
    const InstructionKey key{address, instruction.symbol, instruction.source, instruction.text};
    auto found = instructions_.find(key);
    if (found == instructions_.end()) {
        const std::int64_t id = Row(*this, Table::instructions)
                                    .none()
                                    .number(address)
                                    .text_or_none(instruction.symbol)
                                    .text_or_none(function_of(instruction.symbol))
                                    .text_or_none(instruction.source)
                                    .text_or_none(instruction.text)
                                    .insert();
        found = instructions_.emplace(key, id).first;
    }
    if (instruction.id != 0) instruction_by_id_[instruction.id] = found->second;
    return found->second;
}

std::int64_t SqliteWriter::vma_id(const mm::VmaSnapshot& vma) {
    VmaKey key{vma.range.start, vma.range.end, mm::protection_string(vma.flags), vma.name};
    const auto found = vmas_.find(key);
    if (found != vmas_.end()) return found->second;
    if (vmas_.size() >= max_known) vmas_.clear();
    const std::int64_t id = Row(*this, Table::vmas)
                                .none()
                                .number(vma.range.start.value())
                                .number(vma.range.end.value())
                                .text(std::get<2>(key))
                                .text(vma.name)
                                .insert();
    vmas_.emplace(std::move(key), id);
    return id;
}

std::optional<std::int64_t> SqliteWriter::file_id(const mm::PageName& page) {
    if (page.file == nullptr) return std::nullopt;
    const auto found = files_.find(page.file->path);
    if (found != files_.end()) return found->second;
    if (files_.size() >= max_known) files_.clear();
    const std::int64_t id = Row(*this, Table::files).none().text(page.file->path).insert();
    files_.emplace(page.file->path, id);
    return id;
}

// --- events ----------------------------------------------------------------------------------------------------------

void SqliteWriter::write(const TracedFault& fault) noexcept {
    take([&] { held_.emplace_back(faults_.store(fault)); }, [&] { insert_fault(fault); });
}

void SqliteWriter::insert_fault(const TracedFault& fault) {
    const mm::FaultEvent& event = fault.event;
    // They have statements of their own.
    const std::int64_t instruction = instruction_id(fault);
    const auto vma = event.vma ? std::optional(vma_id(*event.vma)) : std::nullopt;
    Row row(*this, Table::faults);
    row.number(event.sequence).number(event.origin.time_ns).number(event.origin.pid).number(event.origin.tid);
    row.id(instruction).number(event.address.value()).text(access_word(event.access)).number(event.error_code);
    row.text(event.mode == emu::Mode::kernel ? "kernel" : "user").text(mm::fault_kind_name(event.kind));
    row.number(event.major ? 1 : 0).number(fault.cost_ns).id_or_none(vma).number_or_none(event.pfn);
    row.number(event.pte_before.raw()).number(event.pte_after.raw());
    for (std::size_t level = 0; level < event.walk.steps.size(); ++level) {
        const bool is_there = level < event.walk.count;
        const bool is_leaf = level + 1 == event.walk.steps.size();
        const mm::WalkStep& step = event.walk.steps.at(level);
        row.number_or_none(is_there ? std::optional(step.table) : std::nullopt);
        if (!is_leaf) row.number_or_none(is_there ? std::optional(step.entry.raw()) : std::nullopt);
    }
    row.number(event.tables_allocated).number(event.pages_around).number(event.page_bytes());
    row.number(event.reclaim.evicted).number(event.reclaim.written).number(event.reclaim.frames_looked_at);
    row.number_or_none(event.slot).number_or_none(event.refault_distance).insert();
}

template <class Event>
void SqliteWriter::bind_occasion(Row& row, const Event& event) {
    const auto number_unless_zero = [&row](std::uint64_t value) {
        row.number_or_none(value != 0 ? std::optional(value) : std::nullopt);
    };
    row.number(event.time_ns);
    number_unless_zero(event.for_fault);
    row.text(mm::reclaim_reason_name(event.reason)).number(event.page.id);
    number_unless_zero(event.page.owner);
    row.number_or_none(event.page.address).id_or_none(file_id(event.page));
    row.number_or_none(event.page.file != nullptr ? std::optional(event.page.file_page) : std::nullopt);
    row.number(event.pfn.value()).number_or_none(event.slot);
}

void SqliteWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    const auto keep = [&] { held_.emplace_back(event); };
    take(keep, [&] {
        Row row(*this, Table::evictions);
        bind_occasion(row, event);
        row.number(event.dirty ? 1 : 0).number(event.dropped ? 1 : 0).number(event.age_ns).insert();
    });
}

void SqliteWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    const auto keep = [&] { held_.emplace_back(event); };
    take(keep, [&] {
        Row row(*this, Table::write_backs);
        bind_occasion(row, event);
        row.number(event.failed ? 1 : 0).insert();
    });
}

void SqliteWriter::write_task(const TaskEvent& event) noexcept {
    const auto keep = [&] { held_.emplace_back(event); };
    take(keep, [&] {
        using Kind = TaskEvent::Kind;
        const auto of = [&event](Kind kind, std::uint64_t value) {
            return event.kind == kind ? std::optional(value) : std::nullopt;
        };
        Row row(*this, Table::tasks);
        row.number(event.time_ns).text(task_event_name(event.kind)).number(event.pid);
        row.number_or_none(of(Kind::fork, event.parent)).text_or_none(event.path);
        row.number_or_none(of(Kind::exit, static_cast<std::uint64_t>(event.status)));
        const auto signal = static_cast<std::uint64_t>(event.signal);
        row.number_or_none(signal != 0 ? of(Kind::exit, signal) : std::nullopt).insert();
    });
}

void SqliteWriter::write_mappings(const MappingsEvent& event) noexcept {
    const auto keep = [&] { held_.emplace_back(event); };
    take(keep, [&] {
        const std::int64_t id = ++last_mappings_;
        Row(*this, Table::mapping_events)
            .id(id)
            .number(event.time_ns)
            .number(event.pid)
            .number(event.all ? 1 : 0)
            .insert();
        for (const VirtRange& range : event.gone) {
            Row row(*this, Table::mappings);
            row.id(id).text("gone").number(range.start.value()).number(range.end.value()).none().none().insert();
        }
        for (const Mapping& mapping : event.mapped) {
            Row row(*this, Table::mappings);
            row.id(id).text("mapped").number(mapping.range.start.value()).number(mapping.range.end.value());
            row.text(mapping.protection).text(mapping.name).insert();
        }
    });
}

void SqliteWriter::write_sample(const mm::MemorySample& sample) noexcept {
    const auto keep = [&] { held_.emplace_back(sample); };
    take(keep, [&] {
        const std::int64_t id = ++last_sample_;
        Row(*this, Table::samples)
            .id(id)
            .number(sample.time_ns)
            .number(sample.free_frames)
            .number(sample.user_frames)
            .number(sample.used_swap_slots)
            .insert();
        for (std::size_t order = 0; order < sample.free_blocks.size(); ++order) {
            Row(*this, Table::sample_blocks).id(id).number(order).number(sample.free_blocks.at(order)).insert();
        }
        for (const mm::ProcessMemory& process : sample.processes) {
            Row row(*this, Table::sample_processes);
            row.id(id).number(process.pid).number(process.anonymous).number(process.file);
            row.number(process.shared_memory).number(process.swap).number(process.page_tables).insert();
        }
    });
}

void SqliteWriter::write_tables(const TableTree& tree) noexcept {
    const auto keep = [&] { held_.emplace_back(tree); };
    take(keep, [&] {
        const std::int64_t id = ++last_tables_;
        Row(*this, Table::page_tables)
            .id(id)
            .number(tree.time_ns)
            .number(tree.pid)
            .number(tree.root.value())
            .number(tree.table_count)
            .number(tree.left_out)
            .insert();
        for (const TableRow& entry : tree.rows) {
            Row row(*this, Table::page_table_rows);
            row.id(id).number(entry.level).number(entry.page << page_shift).number(entry.count);
            row.number(entry.entry.raw()).insert();
        }
    });
}

}  // namespace fl::trace
