#include "trace/csv_writer.hpp"

#include "mm/file_identity.hpp"
#include "mm/print_to.hpp"
#include "trace/utf8.hpp"

#include <exception>

namespace fl::trace {

namespace {

constexpr std::string_view header =
    "event,time,pid,addr,pfn,slot,seq,tid,ip,symbol,source,insn,access,error_code,mode,kind,major,cost,vma_start,vma_"
    "end,"
    "vma_prot,vma_name,pte_before,pte_after,tables_allocated,around,page_bytes,evicted,written,looked_at,refault_"
    "distance,"
    "for_fault,reason,page,file,file_page,dirty,dropped,age,failed\n";
// Fields that only faults have, only reclaim has.
constexpr std::string_view no_fault_fields = ",,,,,,,,,,,,,,,,,,,,,,,,,";
constexpr std::string_view no_reclaim_fields = ",,,,,,,,";

// Quoted where it has to be. What is not UTF-8, and NUL, readers would stumble over.
void print_text(std::string& to, std::string_view text) {
    const bool is_quoted = text.find_first_of(",\"\r\n") != std::string_view::npos;
    if (is_quoted) to += '"';
    while (!text.empty()) {
        const Utf8Character character = first_character(text);
        if (!character.valid || text.front() == '\0') {
            to += "\xef\xbf\xbd";
        } else {
            if (text.front() == '"') to += '"';
            to += text.substr(0, character.byte_count);
        }
        text.remove_prefix(character.byte_count);
    }
    to += is_quoted ? "\"," : ",";
}

void print_number(std::string& to, std::uint64_t number) { print_to(to, "{},", number); }
void print_hex(std::string& to, std::uint64_t number) { print_to(to, "{:#x},", number); }
void print_truth(std::string& to, bool value) { to += value ? "true," : "false,"; }

template <class Index>
void print_optional(std::string& to, const std::optional<Index>& value) {
    if (value) print_to(to, "{}", value->value());
    to += ',';
}
void print_optional(std::string& to, const std::optional<std::uint64_t>& value) {
    if (value) print_to(to, "{}", *value);
    to += ',';
}

char access_letter(emu::Access access) {
    return access == emu::Access::write ? 'w' : access == emu::Access::execute ? 'x' : 'r';
}

void print_fault(std::string& to, const TracedFault& fault) {
    const mm::FaultEvent& event = fault.event;
    print_to(to, "fault,{},{},{:#x},", event.origin.time_ns, event.origin.pid, event.address.value());
    print_optional(to, event.pfn);
    print_optional(to, event.slot);
    print_to(to, "{},{},{:#x},", event.sequence, event.origin.tid, event.origin.instruction.value());
    print_text(to, fault.instruction.symbol);
    print_text(to, fault.instruction.source);
    print_text(to, fault.instruction.text);
    print_to(to, "{},{},{},{},", access_letter(event.access), event.error_code,
             event.mode == emu::Mode::kernel ? "kernel" : "user", mm::fault_kind_name(event.kind));
    print_truth(to, event.major);
    print_number(to, fault.cost_ns);
    if (event.vma) {
        print_hex(to, event.vma->range.start.value());
        print_hex(to, event.vma->range.end.value());
        print_text(to, mm::protection_string(event.vma->flags));
        print_text(to, event.vma->name);
    } else {
        to += ",,,,";
    }
    print_hex(to, event.pte_before.raw());
    print_hex(to, event.pte_after.raw());
    print_number(to, event.tables_allocated);
    print_number(to, event.pages_around);
    print_number(to, event.page_bytes());
    print_number(to, event.reclaim.evicted);
    print_number(to, event.reclaim.written);
    print_number(to, event.reclaim.frames_looked_at);
    print_optional(to, event.refault_distance);
    to += no_reclaim_fields;
}

// What eviction and write-back have in common, up to `file_page`.
template <class Event>
void print_reclaim(std::string& to, std::string_view name, const Event& event) {
    print_to(to, "{},{},", name, event.time_ns);
    print_optional(to, event.page.owner != 0 ? std::optional<std::uint64_t>(event.page.owner) : std::nullopt);
    if (event.page.address) print_to(to, "{:#x}", event.page.address->value());
    to += ',';
    print_number(to, event.pfn.value());
    print_optional(to, event.slot);
    to += no_fault_fields;
    print_optional(to, event.for_fault != 0 ? std::optional(event.for_fault) : std::nullopt);
    print_to(to, "{},{},", mm::reclaim_reason_name(event.reason), event.page.id);
    print_text(to, event.page.file != nullptr ? event.page.file->path : std::string());
    print_optional(to, event.page.file != nullptr ? std::optional(event.page.file_page) : std::nullopt);
}

}  // namespace

template <class PrintFields>
void CsvWriter::write_line(PrintFields&& print_fields) noexcept {
    try {
        line_.clear();
        if (!header_written_) line_ = header;
        print_fields();
        // The last field has no comma behind it.
        line_.back() = '\n';
        header_written_ = true;
        output_.append(line_);
        output_.end_record();
    } catch (const std::exception&) {
        // No memory left for a line; what is missing shows in the numbering.
    }
}

void CsvWriter::write(const TracedFault& fault) noexcept {
    write_line([&] {
        print_fault(line_, fault);
        line_ += ',';
    });
}

void CsvWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    write_line([&] {
        print_reclaim(line_, "eviction", event);
        print_truth(line_, event.dirty);
        print_truth(line_, event.dropped);
        print_number(line_, event.age_ns);
        line_ += ',';
    });
}

void CsvWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    write_line([&] {
        print_reclaim(line_, "write_back", event);
        line_ += ",,,";
        print_truth(line_, event.failed);
    });
}

void CsvWriter::finish() noexcept {
    if (!header_written_) output_.append(header);
    output_.flush();
}

}  // namespace fl::trace
