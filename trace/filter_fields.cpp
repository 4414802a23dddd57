#include "trace/filter_fields.hpp"

#include "mm/file_identity.hpp"

#include <optional>

namespace fl::trace {

namespace {

constexpr std::string_view truth_word(bool value) { return value ? "true" : "false"; }

FieldValue number(std::uint64_t value) { return value; }
template <class Index>
FieldValue number_or_nothing(const std::optional<Index>& value) {
    return value ? FieldValue(value->value()) : FieldValue();
}

// Fields of faults, from `get(fault's event)`.
template <auto get>
FieldValue of_fault(const FilteredEvent& event, std::string& /*scratch*/) {
    return event.fault != nullptr ? FieldValue(get(event.fault->event)) : FieldValue();
}
// Of the instruction that faulted; nothing where it is not known.
template <auto get>
FieldValue of_instruction(const FilteredEvent& event, std::string& /*scratch*/) {
    if (event.fault == nullptr) return {};
    const std::string_view text = get(event.fault->instruction);
    return text.empty() ? FieldValue() : FieldValue(text);
}
// Of what reclaim did, from `get(eviction or write-back)`.
template <auto get>
FieldValue of_reclaim(const FilteredEvent& event, std::string& /*scratch*/) {
    if (event.eviction != nullptr) return FieldValue(get(*event.eviction));
    if (event.write_back != nullptr) return FieldValue(get(*event.write_back));
    return {};
}
template <auto get>
FieldValue of_eviction(const FilteredEvent& event, std::string& /*scratch*/) {
    return event.eviction != nullptr ? FieldValue(get(*event.eviction)) : FieldValue();
}

FieldValue event_name(const FilteredEvent& event, std::string& /*scratch*/) {
    if (event.fault != nullptr) return std::string_view("fault");
    return std::string_view(event.eviction != nullptr ? "eviction" : "write_back");
}

FieldValue time_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault != nullptr) return event.fault->event.origin.time_ns;
    return of_reclaim<[](const auto& e) { return e.time_ns; }>(event, scratch);
}

FieldValue pid_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault != nullptr) return number(event.fault->event.origin.pid);
    return of_reclaim<[](const auto& e) { return e.page.owner != 0 ? number(e.page.owner) : FieldValue(); }>(event,
                                                                                                             scratch);
}

FieldValue address_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault != nullptr) return event.fault->event.address.value();
    return of_reclaim<[](const auto& e) { return number_or_nothing(e.page.address); }>(event, scratch);
}

FieldValue pfn_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault != nullptr) return number_or_nothing(event.fault->event.pfn);
    return of_reclaim<[](const auto& e) { return e.pfn.value(); }>(event, scratch);
}

FieldValue slot_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault != nullptr) return number_or_nothing(event.fault->event.slot);
    return of_reclaim<[](const auto& e) { return number_or_nothing(e.slot); }>(event, scratch);
}

FieldValue vma_name(const FilteredEvent& event, std::string& /*scratch*/) {
    if (event.fault == nullptr || !event.fault->event.vma) return {};
    return std::string_view(event.fault->event.vma->name);
}

FieldValue protection_of(const FilteredEvent& event, std::string& scratch) {
    if (event.fault == nullptr || !event.fault->event.vma) return {};
    scratch = mm::protection_string(event.fault->event.vma->flags);
    return std::string_view(scratch);
}

constexpr std::string_view access_word(emu::Access access) {
    switch (access) {
        case emu::Access::read: return "r";
        case emu::Access::write: return "w";
        case emu::Access::execute: return "x";
    }
    return "";
}

template <class Enum, class NameOf>
std::vector<std::string_view> words_of(std::size_t count, NameOf&& name_of) {
    std::vector<std::string_view> words;
    for (std::size_t value = 0; value < count; ++value) words.emplace_back(name_of(static_cast<Enum>(value)));
    return words;
}

std::vector<FilterField> make_fields() {
    using Kind = FieldKind;
    using Fault = mm::FaultEvent;
    const std::vector<std::string_view> truth = {"true", "false"};
    return {
        {"event", Kind::word, event_name, {"fault", "eviction", "write_back"}},
        {"time", Kind::time, time_of},
        {"pid", Kind::number, pid_of},
        {"addr", Kind::address, address_of},
        {"pfn", Kind::number, pfn_of},
        {"slot", Kind::number, slot_of},
        // faults
        {"seq", Kind::number, of_fault<[](const Fault& e) { return e.sequence; }>},
        {"tid", Kind::number, of_fault<[](const Fault& e) { return number(e.origin.tid); }>},
        {"ip", Kind::address, of_fault<[](const Fault& e) { return e.origin.instruction.value(); }>},
        {"symbol", Kind::text, of_instruction<[](const Instruction& i) { return std::string_view(i.symbol); }>},
        {"source", Kind::text, of_instruction<[](const Instruction& i) { return std::string_view(i.source); }>},
        {"insn", Kind::text, of_instruction<[](const Instruction& i) { return std::string_view(i.text); }>},
        {"access", Kind::word, of_fault<[](const Fault& e) { return access_word(e.access); }>, {"r", "w", "x"}},
        {"error_code", Kind::number, of_fault<[](const Fault& e) { return number(e.error_code); }>},
        {"mode",
         Kind::word,
         of_fault<[](const Fault& e) { return std::string_view(e.mode == emu::Mode::kernel ? "kernel" : "user"); }>,
         {"user", "kernel"}},
        {"kind", Kind::word, of_fault<[](const Fault& e) { return std::string_view(mm::fault_kind_name(e.kind)); }>,
         words_of<mm::FaultKind>(mm::fault_kind_count, mm::fault_kind_name)},
        {"major", Kind::word, of_fault<[](const Fault& e) { return truth_word(e.major); }>, truth},
        {"vma", Kind::text, vma_name},
        {"prot", Kind::text, protection_of},
        {"pte_before", Kind::number, of_fault<[](const Fault& e) { return e.pte_before.raw(); }>},
        {"pte_after", Kind::number, of_fault<[](const Fault& e) { return e.pte_after.raw(); }>},
        {"tables_allocated", Kind::number, of_fault<[](const Fault& e) { return number(e.tables_allocated); }>},
        {"around", Kind::number, of_fault<[](const Fault& e) { return number(e.pages_around); }>},
        {"page_bytes", Kind::number, of_fault<[](const Fault& e) { return e.page_bytes(); }>},
        {"evicted", Kind::number, of_fault<[](const Fault& e) { return number(e.reclaim.evicted); }>},
        {"written", Kind::number, of_fault<[](const Fault& e) { return number(e.reclaim.written); }>},
        {"looked_at", Kind::number, of_fault<[](const Fault& e) { return e.reclaim.frames_looked_at; }>},
        {"refault_distance", Kind::number,
         of_fault<[](const Fault& e) { return e.refault_distance ? FieldValue(*e.refault_distance) : FieldValue(); }>},
        // reclaim
        {"for_fault", Kind::number,
         of_reclaim<[](const auto& e) { return e.for_fault != 0 ? FieldValue(e.for_fault) : FieldValue(); }>},
        {"reason", Kind::word,
         of_reclaim<[](const auto& e) { return std::string_view(mm::reclaim_reason_name(e.reason)); }>,
         words_of<mm::ReclaimReason>(mm::reclaim_reason_count, mm::reclaim_reason_name)},
        {"page", Kind::number, of_reclaim<[](const auto& e) { return number(e.page.id); }>},
        {"file", Kind::text, of_reclaim<[](const auto& e) {
             return e.page.file != nullptr ? FieldValue(std::string_view(e.page.file->path)) : FieldValue();
         }>},
        {"file_page", Kind::number, of_reclaim<[](const auto& e) {
             return e.page.file != nullptr ? FieldValue(e.page.file_page) : FieldValue();
         }>},
        {"dirty", Kind::word, of_eviction<[](const mm::EvictionEvent& e) { return truth_word(e.dirty); }>, truth},
        {"dropped", Kind::word, of_eviction<[](const mm::EvictionEvent& e) { return truth_word(e.dropped); }>, truth},
        {"age", Kind::time, of_eviction<[](const mm::EvictionEvent& e) { return e.age_ns; }>},
        {"failed", Kind::word,
         [](const FilteredEvent& event, std::string&) {
             return event.write_back != nullptr ? FieldValue(truth_word(event.write_back->failed)) : FieldValue();
         },
         truth},
    };
}

}  // namespace

std::span<const FilterField> filter_fields() {
    static const std::vector<FilterField> fields = make_fields();
    return fields;
}

}  // namespace fl::trace
