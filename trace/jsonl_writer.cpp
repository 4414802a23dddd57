#include "trace/jsonl_writer.hpp"

#include "mm/file_identity.hpp"
#include "mm/print_to.hpp"
#include "trace/json_events.hpp"
#include "trace/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <string_view>

namespace fl::trace {

namespace {

constexpr std::size_t known_instruction_count = 4096;
// Names of fields, numbers and punctuation of one line, apart from the texts of unbounded length: a fault that tells of
// a victim, with the largest numbers, has 900.
constexpr std::size_t fixed_line_bytes = 1024;

// Writes into room that is known to be large enough; fmt and iostreams would each check for every byte.
class Cursor {
public:
    explicit Cursor(char* at) : at_(at) {}

    void text(std::string_view bytes) {
        std::memcpy(at_, bytes.data(), bytes.size());
        at_ += bytes.size();
    }
    void number(std::uint64_t value) {
        const fmt::format_int digits(value);
        text({digits.data(), digits.size()});
    }
    // "0x...", quoted, without leading zeroes.
    void hex(std::uint64_t value) {
        constexpr char digits[] = "0123456789abcdef";
        text("\"0x");
        const int digit_count = value == 0 ? 1 : static_cast<int>(std::bit_width(value) + 3) / 4;
        for (int shift = (digit_count - 1) * 4; shift >= 0; shift -= 4) *at_++ = digits[value >> shift & 0xfU];
        *at_++ = '"';
    }
    void truth(bool value) { text(value ? "true" : "false"); }
    void number_or_null(const std::optional<std::uint64_t>& value) {
        if (value) {
            number(*value);
        } else {
            text("null");
        }
    }
    // A number with a type of its own.
    template <class Value>
    void number_or_null(const std::optional<Value>& value) {
        number_or_null(value ? std::optional(value->value()) : std::nullopt);
    }
    char* at() const { return at_; }

private:
    char* at_;
};

constexpr std::string_view access_name(emu::Access access) {
    switch (access) {
        case emu::Access::read: return "\"r\"";
        case emu::Access::write: return "\"w\"";
        case emu::Access::execute: return "\"x\"";
    }
    return "null";
}

constexpr std::string_view mode_name(emu::Mode mode) { return mode == emu::Mode::kernel ? "\"kernel\"" : "\"user\""; }

// Where 0 says that there is none.
constexpr std::optional<std::uint64_t> non_zero(std::uint64_t value) {
    return value != 0 ? std::optional(value) : std::nullopt;
}

// The fields of PAGE; `path` is quoted, or null.
void put_page(Cursor& to, const mm::PageName& page, const std::string& path) {
    to.text(R"("page":)");
    to.number(page.id);
    to.text(R"(,"pid":)");
    to.number_or_null(non_zero(page.owner));
    to.text(R"(,"addr":)");
    if (page.address) {
        to.hex(page.address->value());
    } else {
        to.text("null");
    }
    to.text(R"(,"file":)");
    to.text(path);
    to.text(R"(,"file_page":)");
    to.number_or_null(page.file != nullptr ? std::optional(page.file_page) : std::nullopt);
}

void put_reclaim(Cursor& to, const mm::FaultEvent& event, const std::string& victim_path) {
    to.text(R"({"evicted":)");
    to.number(event.reclaim.evicted);
    to.text(R"(,"written":)");
    to.number(event.reclaim.written);
    to.text(R"(,"looked_at":)");
    to.number(event.reclaim.frames_looked_at);
    if (event.victim) {
        to.text(R"(,"victim":{)");
        put_page(to, event.victim->page, victim_path);
        to.text(R"(,"dirty":)");
        to.truth(event.victim->dirty);
        to.text(R"(,"age":)");
        to.number(event.victim->age_ns);
        to.text("}}");
    } else {
        to.text(R"(,"victim":null})");
    }
}

void put_step(Cursor& to, const mm::WalkStep& step) {
    to.text(R"({"table":)");
    to.number(step.table.value());
    to.text(R"(,"index":)");
    to.number(step.index);
    to.text(R"(,"entry":)");
    to.hex(step.entry.raw());
    to.text("}");
}

}  // namespace

JsonlWriter::JsonlWriter(Output& output) : output_(output), known_instructions_(known_instruction_count) {}

void JsonlWriter::write(const TracedFault& fault) noexcept {
    try {
        const mm::FaultEvent& event = fault.event;
        write_line(fault, {.instruction = instruction_fields(fault),
                           .vma = event.vma ? vma_fields(*event.vma) : null_,
                           .walk = upper_walk(event.walk),
                           .victim_path = event.victim ? path_of(event.victim->page) : null_});
    } catch (const std::exception&) {
        // No memory left for texts: what is missing shows in the numbering.
        last_vma_.text.clear();
        last_path_.text.clear();
        last_walk_text_.clear();
    }
}

const std::string& JsonlWriter::instruction_fields(const TracedFault& fault) {
    const Instruction& instruction = fault.instruction;
    InstructionFields& fields =
        instruction.id == 0 ? unknown_instruction_ : known_instructions_[instruction.id % known_instruction_count];
    if (instruction.id != 0 && fields.id == instruction.id) return fields.text;
    fields.id = 0;
    fields.text.clear();
    print_to(fields.text, R"(,"ip":"{:#x}","symbol":)", fault.event.origin.instruction.value());
    append_json_string_or_null(fields.text, instruction.symbol);
    fields.text += R"(,"source":)";
    append_json_string_or_null(fields.text, instruction.source);
    fields.text += R"(,"insn":)";
    append_json_string_or_null(fields.text, instruction.text);
    fields.id = instruction.id;
    return fields.text;
}

const std::string& JsonlWriter::vma_fields(const mm::VmaSnapshot& vma) {
    VmaFields& last = last_vma_;
    const bool same = !last.text.empty() && last.range == vma.range && last.flags == vma.flags && last.name == vma.name;
    if (same) return last.text;
    last.text.clear();
    std::string text =
        fmt::format(R"({{"start":"{:#x}","end":"{:#x}","prot":)", vma.range.start.value(), vma.range.end.value());
    append_json_string(text, mm::protection_string(vma.flags));
    text += R"(,"name":)";
    append_json_string(text, vma.name);
    text += '}';
    last.range = vma.range;
    last.flags = vma.flags;
    last.name = vma.name;
    last.text = std::move(text);
    return last.text;
}

// Faults beside each other share all tables, so that this changes seldom.
const std::string& JsonlWriter::upper_walk(const mm::PageWalk& walk) {
    const auto upper_of = [](const mm::PageWalk& of) { return of.all().first(std::min<std::size_t>(of.count, 3)); };
    if (!last_walk_text_.empty() && std::ranges::equal(upper_of(walk), upper_of(last_walk_))) return last_walk_text_;
    last_walk_text_.clear();
    last_walk_ = walk;
    std::string text;
    for (const mm::WalkStep& step : upper_of(walk)) {
        print_to(text, R"({}{{"table":{},"index":{},"entry":"{:#x}"}})", text.empty() ? "" : ",", step.table.value(),
                 step.index, step.entry.raw());
    }
    last_walk_text_ = std::move(text);
    return last_walk_text_;
}

void JsonlWriter::write_line(const TracedFault& fault, const LineTexts& texts) noexcept {
    const mm::FaultEvent& event = fault.event;
    char* line = output_.reserve(fixed_line_bytes + texts.instruction.size() + texts.vma.size() + texts.walk.size() +
                                 texts.victim_path.size());
    if (line == nullptr) return;
    Cursor to(line);
    to.text(R"({"seq":)");
    to.number(event.sequence);
    to.text(R"(,"time":)");
    to.number(event.origin.time_ns);
    to.text(R"(,"pid":)");
    to.number(event.origin.pid);
    to.text(R"(,"tid":)");
    to.number(event.origin.tid);
    to.text(texts.instruction);
    to.text(R"(,"addr":)");
    to.hex(event.address.value());
    to.text(R"(,"access":)");
    to.text(access_name(event.access));
    to.text(R"(,"error_code":)");
    to.number(event.error_code);
    to.text(R"(,"mode":)");
    to.text(mode_name(event.mode));
    to.text(R"(,"kind":")");
    to.text(mm::fault_kind_name(event.kind));
    to.text(R"(","major":)");
    to.truth(event.major);
    to.text(R"(,"cost":)");
    to.number(fault.cost_ns);
    to.text(R"(,"vma":)");
    to.text(texts.vma);
    to.text(R"(,"pfn":)");
    to.number_or_null(event.pfn);
    to.text(R"(,"pte_before":)");
    to.hex(event.pte_before.raw());
    to.text(R"(,"pte_after":)");
    to.hex(event.pte_after.raw());
    to.text(R"(,"walk":[)");
    to.text(texts.walk);
    if (event.walk.count == 4) {
        to.text(",");
        put_step(to, event.walk.steps[3]);
    }
    to.text(R"(],"tables_allocated":)");
    to.number(event.tables_allocated);
    to.text(R"(,"around":)");
    to.number(event.pages_around);
    to.text(R"(,"page_bytes":)");
    to.number(event.page_bytes());
    to.text(R"(,"reclaim":)");
    if (event.reclaim == mm::ReclaimWork{}) {
        to.text("null");
    } else {
        put_reclaim(to, event, texts.victim_path);
    }
    to.text(R"(,"slot":)");
    to.number_or_null(event.slot);
    to.text(R"(,"refault_distance":)");
    to.number_or_null(event.refault_distance);
    to.text("}\n");
    commit(line, to.at());
}

void JsonlWriter::commit(const char* line, const char* end) noexcept {
    output_.commit(static_cast<std::size_t>(end - line));
    output_.end_record();
}

const std::string& JsonlWriter::path_of(const mm::PageName& page) {
    if (page.file == nullptr) return null_;
    const std::string& path = page.file->path;
    if (!last_path_.text.empty() && last_path_.path == path) return last_path_.text;
    last_path_.text.clear();
    last_path_.path = path;
    std::string text;
    append_json_string(text, path);
    last_path_.text = std::move(text);
    return last_path_.text;
}

template <class Event, class PutOwnFields>
void JsonlWriter::write_reclaim_line(std::string_view name, const Event& event,
                                     PutOwnFields&& put_own_fields) noexcept {
    try {
        const std::string& path = path_of(event.page);
        char* line = output_.reserve(fixed_line_bytes + path.size());
        if (line == nullptr) return;
        Cursor to(line);
        to.text(R"({"event":")");
        to.text(name);
        to.text(R"(","time":)");
        to.number(event.time_ns);
        to.text(R"(,"for_fault":)");
        to.number_or_null(non_zero(event.for_fault));
        to.text(R"(,"reason":")");
        to.text(mm::reclaim_reason_name(event.reason));
        to.text(R"(",)");
        put_page(to, event.page, path);
        to.text(R"(,"pfn":)");
        to.number(event.pfn.value());
        put_own_fields(to);
        to.text("}\n");
        commit(line, to.at());
    } catch (const std::exception&) {
        // No memory left for the path: that a page left shows in the fault that needed its frame.
    }
}

void JsonlWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    write_reclaim_line("eviction", event, [&event](Cursor& to) {
        to.text(R"(,"dirty":)");
        to.truth(event.dirty);
        to.text(R"(,"dropped":)");
        to.truth(event.dropped);
        to.text(R"(,"age":)");
        to.number(event.age_ns);
        to.text(R"(,"slot":)");
        to.number_or_null(event.slot);
    });
}

void JsonlWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    write_reclaim_line("write_back", event, [&event](Cursor& to) {
        to.text(R"(,"slot":)");
        to.number_or_null(event.slot);
        to.text(R"(,"failed":)");
        to.truth(event.failed);
    });
}

void JsonlWriter::write_text(const std::string& line) noexcept {
    char* to = output_.reserve(line.size() + 1);
    if (to == nullptr) return;
    std::memcpy(to, line.data(), line.size());
    to[line.size()] = '\n';
    commit(to, to + line.size() + 1);
}

template <class Event>
void JsonlWriter::write_json(const Event& event) noexcept {
    try {
        write_text(json_of(event));
    } catch (const std::exception&) {
        // No memory left for the line.
    }
}

void JsonlWriter::write_task(const TaskEvent& event) noexcept { write_json(event); }
void JsonlWriter::write_mappings(const MappingsEvent& event) noexcept { write_json(event); }
void JsonlWriter::write_sample(const mm::MemorySample& sample) noexcept { write_json(sample); }
void JsonlWriter::write_tables(const TableTree& tree) noexcept { write_json(tree); }

}  // namespace fl::trace
