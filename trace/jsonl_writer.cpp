#include "trace/jsonl_writer.hpp"

#include "trace/json_text.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <exception>
#include <iterator>
#include <string_view>

namespace fl::trace {

namespace {

constexpr std::size_t known_instruction_count = 4096;
// Names of fields, numbers and punctuation of one line, apart from the texts of unbounded length: 17 fields with at
// most 20 digits or 18 bytes of value each.
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

}  // namespace

JsonlWriter::JsonlWriter(Output& output) : output_(output), known_instructions_(known_instruction_count) {}

void JsonlWriter::write(const TracedFault& fault) noexcept {
    try {
        const std::string& vma = fault.event.vma ? vma_fields(*fault.event.vma) : no_vma_;
        write_line(fault.event, instruction_fields(fault), vma);
    } catch (const std::exception&) {
        // No memory left for texts: what is missing shows in the numbering.
        last_vma_.text.clear();
    }
}

const std::string& JsonlWriter::instruction_fields(const TracedFault& fault) {
    const Instruction& instruction = fault.instruction;
    InstructionFields& fields =
        instruction.id == 0 ? unknown_instruction_ : known_instructions_[instruction.id % known_instruction_count];
    if (instruction.id != 0 && fields.id == instruction.id) return fields.text;
    fields.id = 0;
    fields.text.clear();
    fmt::format_to(std::back_inserter(fields.text), R"(,"ip":"{:#x}","symbol":)",
                   fault.event.origin.instruction.value());
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

void JsonlWriter::write_line(const mm::FaultEvent& event, const std::string& instruction,
                             const std::string& vma) noexcept {
    char* line = output_.reserve(fixed_line_bytes + instruction.size() + vma.size());
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
    to.text(instruction);
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
    to.text(R"(","vma":)");
    to.text(vma);
    to.text(R"(,"pfn":)");
    if (event.pfn) {
        to.number(event.pfn->value());
    } else {
        to.text("null");
    }
    to.text(R"(,"pte_before":)");
    to.hex(event.pte_before.raw());
    to.text(R"(,"pte_after":)");
    to.hex(event.pte_after.raw());
    to.text(R"(,"tables_allocated":)");
    to.number(event.tables_allocated);
    to.text("}\n");
    output_.commit(static_cast<std::size_t>(to.at() - line));
    output_.end_record();
}

}  // namespace fl::trace
