#include "trace/json_events_reader.hpp"

#include "mm/file_identity.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <string_view>
#include <utility>

namespace fl::trace {

using Json = nlohmann::json;

namespace {

constexpr std::size_t max_known_texts = 65536;
constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();
constexpr std::uint64_t entries_per_table = 512;

[[noreturn]] void refuse_word(const char* name, const std::string& word) {
    throw LineError(fmt::format("'{}' cannot be '{}'", name, printable(std::string_view(word).substr(0, 40))));
}

emu::Access access_of(const JsonFields& fields) {
    const std::string word = fields.text("access");
    if (word == "r") return emu::Access::read;
    if (word == "w") return emu::Access::write;
    if (word == "x") return emu::Access::execute;
    refuse_word("access", word);
}

emu::Mode mode_of(const JsonFields& fields) {
    const std::string word = fields.text("mode");
    if (word == "user") return emu::Mode::user;
    if (word == "kernel") return emu::Mode::kernel;
    refuse_word("mode", word);
}

// A word of an enum's, whose values are 0, 1, ... count - 1.
template <class Enum, class NameOf>
Enum word_of(const JsonFields& fields, const char* name, std::size_t count, NameOf&& name_of) {
    const std::string word = fields.text(name);
    for (std::size_t value = 0; value < count; ++value) {
        if (word == name_of(static_cast<Enum>(value))) return static_cast<Enum>(value);
    }
    refuse_word(name, word);
}

mm::VmFlags flags_of(const JsonFields& fields) {
    const std::string text = fields.text("prot");
    mm::VmFlags flags;
    if (text.size() == 4) {
        if (text[0] == 'r') flags = flags | mm::vm_read;
        if (text[1] == 'w') flags = flags | mm::vm_write;
        if (text[2] == 'x') flags = flags | mm::vm_exec;
        if (text[3] == 's') flags = flags | mm::vm_shared | mm::vm_mayshare;
    }
    if (mm::protection_string(flags) != text) refuse_word("prot", text);
    return flags;
}

mm::PageWalk walk_of(const JsonFields& fields) {
    mm::PageWalk walk;
    for (const Json& element : fields.list("walk", walk.steps.size())) {
        const JsonFields step(element);
        walk.steps[walk.count++] = {Pfn(step.number("table")),
                                    static_cast<std::uint16_t>(step.number("index", entries_per_table - 1)),
                                    emu::Pte::from_raw(step.hex("entry"))};
    }
    return walk;
}

std::optional<emu::SwapSlot> slot_of(const JsonFields& fields) {
    const auto slot = fields.number_or_null("slot");
    return slot ? std::optional(emu::SwapSlot(*slot)) : std::nullopt;
}

mm::ReclaimReason reason_of(const JsonFields& fields) {
    return word_of<mm::ReclaimReason>(fields, "reason", mm::reclaim_reason_count, mm::reclaim_reason_name);
}

// What eviction and write-back have in common, beside the page.
template <class Event>
void read_occasion(Event& event, const JsonFields& fields) {
    event.time_ns = fields.number("time");
    event.for_fault = fields.number_or_null("for_fault").value_or(0);
    event.reason = reason_of(fields);
    event.pfn = Pfn(fields.number("pfn"));
    event.slot = slot_of(fields);
}

// Numbers of statuses and signals, which are small.
int status_number(const JsonFields& fields, const char* name) {
    return fields.is_null(name) ? 0 : static_cast<int>(fields.number(name, 0xffff));
}

TaskEvent task_of(const JsonFields& fields) {
    TaskEvent event;
    event.kind = word_of<TaskEvent::Kind>(fields, "kind", 3, task_event_name);
    event.time_ns = fields.number("time");
    event.pid = fields.small_number("pid");
    event.parent = fields.small_number_or_zero("parent");
    event.path = fields.text_or_empty("path");
    event.status = status_number(fields, "status");
    event.signal = status_number(fields, "signal");
    return event;
}

MappingsEvent mappings_of(const JsonFields& fields) {
    MappingsEvent event;
    event.time_ns = fields.number("time");
    event.pid = fields.small_number("pid");
    event.all = fields.truth("all");
    for (const Json& element : fields.list("gone", no_limit)) event.gone.push_back(JsonFields(element).range());
    for (const Json& element : fields.list("mapped", no_limit)) {
        const JsonFields mapping(element);
        event.mapped.push_back({mapping.range(), mm::protection_string(flags_of(mapping)), mapping.text("name")});
    }
    return event;
}

mm::MemorySample sample_of(const JsonFields& fields) {
    mm::MemorySample sample;
    sample.time_ns = fields.number("time");
    sample.free_frames = fields.number("free_frames");
    sample.user_frames = fields.number("user_frames");
    sample.used_swap_slots = fields.number("used_swap_slots");
    const Json& blocks = fields.list("free_blocks", sample.free_blocks.size());
    if (blocks.size() != sample.free_blocks.size()) {
        throw LineError(fmt::format("'free_blocks' has not {} elements", sample.free_blocks.size()));
    }
    for (std::size_t order = 0; order < blocks.size(); ++order) {
        if (!blocks[order].is_number_unsigned())
            throw LineError("'free_blocks' has an element that is no whole number");
        sample.free_blocks[order] = blocks[order].get<std::uint64_t>();
    }
    for (const Json& element : fields.list("processes", no_limit)) {
        const JsonFields process(element);
        sample.processes.push_back({.pid = process.small_number("pid"),
                                    .anonymous = process.number("anon"),
                                    .file = process.number("file"),
                                    .shared_memory = process.number("shmem"),
                                    .swap = process.number("swap"),
                                    .page_tables = process.number("page_tables")});
    }
    return sample;
}

TableTree tables_of(const JsonFields& fields) {
    constexpr std::uint64_t levels = 4;
    TableTree tree;
    tree.time_ns = fields.number("time");
    tree.pid = fields.small_number("pid");
    tree.root = Pfn(fields.number("root"));
    tree.table_count = fields.number("tables");
    tree.left_out = fields.number("left_out");
    for (const Json& element : fields.list("rows", no_limit)) {
        const JsonFields row(element);
        const std::uint64_t level = row.number("level", levels);
        if (level == 0) throw LineError("'level' cannot be 0");
        tree.rows.push_back({static_cast<std::uint8_t>(level), row.hex("addr") >> page_shift, row.number("count"),
                             emu::Pte::from_raw(row.hex("entry"))});
    }
    return tree;
}

}  // namespace

std::shared_ptr<const mm::FileIdentity> JsonEventReader::file_named(const std::string& path) {
    if (files_.size() >= max_known_texts) files_.clear();
    auto& known = files_[path];
    if (known == nullptr) known = std::make_shared<const mm::FileIdentity>(mm::FileIdentity{.path = path});
    return known;
}

mm::PageName JsonEventReader::page(const JsonFields& fields) {
    mm::PageName page;
    page.id = fields.small_number("page");
    page.owner = fields.small_number_or_zero("pid");
    if (!fields.is_null("addr")) page.address = VirtAddr(fields.hex("addr"));
    if (!fields.is_null("file")) {
        page.file = file_named(fields.text("file"));
        page.file_page = fields.number("file_page");
    }
    return page;
}

// The same texts at the same address are the same instruction.
Instruction JsonEventReader::instruction(const JsonFields& fields) {
    Instruction instruction{0, fields.text_or_empty("symbol"), fields.text_or_empty("source"),
                            fields.text_or_empty("insn")};
    if (instruction.symbol.empty() && instruction.source.empty() && instruction.text.empty()) return instruction;
    std::string key = fields.text("ip");
    for (const std::string& text : {instruction.symbol, instruction.source, instruction.text}) {
        key += '\0';
        key += text;
    }
    if (instructions_.size() >= max_known_texts) instructions_.clear();
    const auto [known, is_new] = instructions_.try_emplace(std::move(key), last_instruction_ + 1);
    if (is_new) ++last_instruction_;
    instruction.id = known->second;
    return instruction;
}

mm::FaultEvent JsonEventReader::fault(const JsonFields& fields) {
    mm::FaultEvent event;
    event.sequence = fields.number("seq");
    event.origin = {fields.number("time"), fields.small_number("pid"), fields.small_number("tid"),
                    VirtAddr(fields.hex("ip"))};
    event.address = VirtAddr(fields.hex("addr"));
    event.access = access_of(fields);
    event.mode = mode_of(fields);
    event.error_code = fields.small_number("error_code");
    event.kind = word_of<mm::FaultKind>(fields, "kind", mm::fault_kind_count, mm::fault_kind_name);
    event.major = fields.truth("major");
    if (!fields.is_null("vma")) {
        const JsonFields vma(fields.at("vma"));
        event.vma = mm::VmaSnapshot{vma.range(), flags_of(vma), vma.text("name"), nullptr, 0};
    }
    if (const auto pfn = fields.number_or_null("pfn")) event.pfn = Pfn(*pfn);
    event.pte_before = emu::Pte::from_raw(fields.hex("pte_before"));
    event.pte_after = emu::Pte::from_raw(fields.hex("pte_after"));
    event.walk = walk_of(fields);
    event.tables_allocated = fields.small_number("tables_allocated");
    event.pages_around = fields.small_number("around");
    if (!fields.is_null("reclaim")) {
        const JsonFields work(fields.at("reclaim"));
        event.reclaim = {work.small_number("evicted"), work.small_number("written"), work.number("looked_at")};
        if (!work.is_null("victim")) {
            const JsonFields victim(work.at("victim"));
            event.victim.emplace();
            event.victim->page = page(victim);
            event.victim->dirty = victim.truth("dirty");
            event.victim->age_ns = victim.number("age");
        }
    }
    event.slot = slot_of(fields);
    event.refault_distance = fields.number_or_null("refault_distance");
    return event;
}

mm::EvictionEvent JsonEventReader::eviction(const JsonFields& fields) {
    mm::EvictionEvent event;
    read_occasion(event, fields);
    event.page = page(fields);
    event.dirty = fields.truth("dirty");
    event.dropped = fields.truth("dropped");
    event.age_ns = fields.number("age");
    return event;
}

mm::WriteBackEvent JsonEventReader::write_back(const JsonFields& fields) {
    mm::WriteBackEvent event;
    read_occasion(event, fields);
    event.page = page(fields);
    event.failed = fields.truth("failed");
    return event;
}

void JsonEventReader::read(const Json& object, Writer& writer) {
    const JsonFields fields(object);
    if (!fields.has("event")) {
        const mm::FaultEvent event = fault(fields);
        writer.write({event, instruction(fields), fields.number("cost")});
        return;
    }
    const std::string name = fields.text("event");
    if (name == "eviction") {
        writer.write_eviction(eviction(fields));
    } else if (name == "write_back") {
        writer.write_write_back(write_back(fields));
    } else if (name == "task") {
        writer.write_task(task_of(fields));
    } else if (name == "mappings") {
        writer.write_mappings(mappings_of(fields));
    } else if (name == "sample") {
        writer.write_sample(sample_of(fields));
    } else if (name == "page_tables") {
        writer.write_tables(tables_of(fields));
    } else {
        refuse_word("event", name);
    }
}

}  // namespace fl::trace
