#include "trace/text_writer.hpp"

#include "trace/fault_kind_text.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <string_view>

namespace fl::trace {

namespace {

// SGR sequences (ECMA-48, 8.3.117).
constexpr std::string_view plain;
constexpr std::string_view reset = "\x1b[0m";
constexpr std::string_view bold = "\x1b[1m";
constexpr std::string_view dim = "\x1b[2m";
constexpr std::string_view underlined = "\x1b[1;4m";
constexpr std::string_view red = "\x1b[1;31m";
constexpr std::string_view green = "\x1b[32m";
constexpr std::string_view yellow = "\x1b[33m";
constexpr std::string_view magenta = "\x1b[35m";
constexpr std::string_view cyan = "\x1b[36m";

// By where the page's content comes from: nowhere, a file, another page, swap; and the deadly ones.
std::string_view kind_tint(mm::FaultKind kind) {
    switch (kind) {
        case mm::FaultKind::demand_zero:
        case mm::FaultKind::zero_page:
        case mm::FaultKind::zero_upgrade:
        case mm::FaultKind::stack_grow: return green;
        case mm::FaultKind::file_minor: return cyan;
        case mm::FaultKind::file_major:
        case mm::FaultKind::swap_in:
        case mm::FaultKind::userfault: return magenta;
        case mm::FaultKind::cow:
        case mm::FaultKind::cow_reuse:
        case mm::FaultKind::write_notify: return yellow;
        case mm::FaultKind::spurious: return dim;
        case mm::FaultKind::segv_maperr:
        case mm::FaultKind::segv_accerr:
        case mm::FaultKind::sigbus:
        case mm::FaultKind::poisoned:
        case mm::FaultKind::oom: return red;
    }
    return plain;
}

template <class... Values>
void print(std::string& to, fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(to), format, std::forward<Values>(values)...);
}

std::string_view file_name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Letters in the order of the legend; a dash where the bit is clear.
void print_letters(std::string& to, std::string_view letters, std::initializer_list<bool> bits) {
    const auto* letter = letters.begin();
    for (const bool bit : bits) {
        to += bit ? *letter : '-';
        ++letter;
    }
}

void print_pte_raw(std::string& to, emu::Pte pte) {
    if (pte.is_none()) {
        to += '-';
    } else {
        print(to, "{:x}", pte.raw());
    }
}

void print_pte_flags(std::string& to, emu::Pte pte) {
    switch (pte.kind()) {
        case emu::PteKind::none: to += "------"; return;
        case emu::PteKind::swapped: to += "swap"; return;
        case emu::PteKind::guard: to += "guard"; return;
        case emu::PteKind::write_protected: to += "uffdwp"; return;
        case emu::PteKind::poisoned: to += "poison"; return;
        case emu::PteKind::prot_none:
        case emu::PteKind::present:
            print_letters(to, pte.is_present() ? "PWUADX" : "NWUADX",
                          {true, pte.writable(), pte.user(), pte.accessed(), pte.dirty(), pte.executable()});
            return;
    }
}

void print_error_code(std::string& to, std::uint32_t code) {
    using Code = emu::PageFaultCode;
    print_letters(to, "PWURI",
                  {(code & Code::present) != 0, (code & Code::write) != 0, (code & Code::user) != 0,
                   (code & Code::reserved) != 0, (code & Code::instruction) != 0});
}

char access_letter(emu::Access access) {
    switch (access) {
        case emu::Access::read: return 'r';
        case emu::Access::write: return 'w';
        case emu::Access::execute: return 'x';
    }
    return '?';
}

void print_instruction_address(std::string& to, const TracedFault& fault) {
    const VirtAddr address = fault.event.origin.instruction;
    if (fault.event.mode == emu::Mode::kernel && address == VirtAddr()) {
        to += "exec";
    } else if (fault.instruction.symbol.empty()) {
        print(to, "{:#x}", address.value());
    } else {
        to += printable(fault.instruction.symbol);
    }
}

void print_vma_name(std::string& to, const TracedFault& fault) {
    if (!fault.event.vma) {
        to += "no mapping";
    } else if (fault.event.vma->name.empty()) {
        to += "anonymous";
    } else {
        to += printable(file_name_of(fault.event.vma->name));
    }
}

}  // namespace

struct TextWriter::Column {
    std::string_view title;
    CellShape shape;
    // On a narrow terminal the column with the lowest of these gives way first; always: never.
    unsigned importance;
    void (*print)(std::string& to, const TracedFault& fault);
    std::string_view tint = plain;

    static constexpr unsigned always = 100;
};

constexpr std::array<TextWriter::Column, 19> TextWriter::all_columns = {{
    {"seq", {5, Align::right, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { print(to, "{}", fault.event.sequence); }, dim},
    {"time us", {10, Align::right, Cut::never}, 30,
     [](std::string& to, const TracedFault& fault) {
         print(to, "{}.{:03}", fault.event.origin.time_ns / 1000, fault.event.origin.time_ns % 1000);
     }},
    {"kind", {12, Align::left, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { to += mm::fault_kind_name(fault.event.kind); }},
    {"access", {6, Align::left, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) {
         print(to, "{} {}", access_letter(fault.event.access),
               fault.event.mode == emu::Mode::kernel ? "kern" : "user");
     }},
    {"address", {14, Align::right, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { print(to, "{:#x}", fault.event.address.value()); }, bold},
    {"error", {5, Align::left, Cut::never}, 50,
     [](std::string& to, const TracedFault& fault) { print_error_code(to, fault.event.error_code); }},
    {"mapping", {25, Align::left, Cut::never}, 20,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.vma) {
             print(to, "{:x}-{:x}", fault.event.vma->range.start.value(), fault.event.vma->range.end.value());
         }
     }},
    {"prot", {4, Align::left, Cut::never}, 90,
     [](std::string& to, const TracedFault& fault) {
         to += fault.event.vma ? mm::protection_string(fault.event.vma->flags) : "-";
     }},
    {"of", {14, Align::left, Cut::back}, 80, print_vma_name},
    {"pfn", {6, Align::right, Cut::never}, 60,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.pfn) {
             print(to, "{:x}", fault.event.pfn->value());
         } else {
             to += '-';
         }
     }},
    {"pte before", {16, Align::right, Cut::never}, 12,
     [](std::string& to, const TracedFault& fault) { print_pte_raw(to, fault.event.pte_before); }, dim},
    {"flags", {6, Align::left, Cut::never}, 65,
     [](std::string& to, const TracedFault& fault) { print_pte_flags(to, fault.event.pte_before); }},
    {"pte after", {16, Align::right, Cut::never}, 15,
     [](std::string& to, const TracedFault& fault) { print_pte_raw(to, fault.event.pte_after); }, dim},
    {"flags", {6, Align::left, Cut::never}, 66,
     [](std::string& to, const TracedFault& fault) { print_pte_flags(to, fault.event.pte_after); }, bold},
    {"tables", {6, Align::right, Cut::never}, 25,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.tables_allocated != 0) print(to, "+{}", fault.event.tables_allocated);
     }},
    {"around", {6, Align::right, Cut::never}, 10,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.pages_around != 0) print(to, "+{}", fault.event.pages_around);
     }},
    {"by", {24, Align::left, Cut::front}, 85, print_instruction_address, bold},
    {"source", {18, Align::left, Cut::front}, 55,
     [](std::string& to, const TracedFault& fault) { to += printable(file_name_of(fault.instruction.source)); }, dim},
    {"instruction", {24, Align::left, Cut::back}, 70,
     [](std::string& to, const TracedFault& fault) { to += printable(fault.instruction.text); }},
}};

TextWriter::TextWriter(Output& output, const TerminalTraits& terminal) : output_(output), terminal_(terminal) {
    choose_columns();
}

TextWriter::~TextWriter() = default;

void TextWriter::choose_columns() {
    unsigned total = 0;
    for (const Column& column : all_columns) {
        columns_.push_back(&column);
        total += column.shape.width + 1;
    }
    if (!terminal_.width) return;
    // One place stays free: some terminals wrap when the last one is written.
    const unsigned limit = *terminal_.width;
    while (total > limit) {
        const auto least = std::min_element(columns_.begin(), columns_.end(), [](const Column* a, const Column* b) {
            return a->importance < b->importance;
        });
        if ((*least)->importance == Column::always) break;
        total -= (*least)->shape.width + 1;
        columns_.erase(least);
    }
    const unsigned spare = limit > total ? limit - total : 0;
    last_column_width_ = columns_.back()->shape.width + spare;
}

void TextWriter::write(const TracedFault& fault) noexcept {
    try {
        if (!header_written_) append_header();
        append_line(fault);
    } catch (const std::exception&) {
        // No memory left for a line of text; what is missing shows in the numbering.
        line_.clear();
    }
    ++counts_[static_cast<std::size_t>(fault.event.kind)];
    if (fault.event.major) ++major_count_;
}

void TextWriter::append_header() {
    header_written_ = true;
    for (const Column* column : columns_) {
        cell_ = column->title;
        append_cell(*column, underlined);
    }
    end_line();
}

// Whose faults follow, where that changes: a program of one task has no such line.
void TextWriter::append_task(std::uint32_t tid) {
    if (last_tid_.value_or(tid) != tid) {
        append_tinted(dim, fmt::format("  [pid {:>5}]", tid));
        end_line();
    }
    last_tid_ = tid;
}

void TextWriter::append_line(const TracedFault& fault) {
    append_task(fault.event.origin.tid);
    for (const Column* column : columns_) {
        cell_.clear();
        column->print(cell_, fault);
        append_cell(*column, column->title == "kind" ? kind_tint(fault.event.kind) : column->tint);
    }
    end_line();
}

// Appends cell_. The last column is not padded, and where there is no terminal not cut either.
void TextWriter::append_cell(const Column& column, std::string_view tint) {
    const bool is_last = &column == columns_.back();
    CellShape shape = column.shape;
    if (is_last && !terminal_.width) shape.cut = Cut::never;
    if (is_last) shape.width = display_width(cell_);
    if (is_last && terminal_.width) shape.width = std::min(shape.width, last_column_width_);
    std::string shaped;
    append_shaped(shaped, cell_, shape);
    append_tinted(tint, shaped);
    if (!is_last) line_ += ' ';
}

void TextWriter::append_tinted(std::string_view tint, std::string_view text) {
    const bool tinted = terminal_.colour && !tint.empty() && !text.empty();
    if (tinted) line_ += tint;
    line_ += text;
    if (tinted) line_ += reset;
}

void TextWriter::end_line() {
    line_.erase(line_.find_last_not_of(' ') + 1);
    line_ += '\n';
    output_.append(line_);
    output_.end_record();
    line_.clear();
}

void TextWriter::finish() noexcept {
    try {
        if (header_written_) append_legend();
    } catch (const std::exception&) {
        line_.clear();
    }
    output_.flush();
}

void TextWriter::append_legend() {
    std::uint64_t total = 0;
    std::uint64_t fatal = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        total += counts_[index];
        if (mm::is_fatal(static_cast<mm::FaultKind>(index))) fatal += counts_[index];
    }
    end_line();
    print(line_, "{} page faults: {} minor, {} major", total, total - major_count_ - fatal, major_count_);
    if (fatal != 0) print(line_, ", {} that could not be satisfied", fatal);
    end_line();
    append_kinds();
    line_ += "  pte    P present, W writable, U user, A accessed, D dirty, X executable; N hidden by PROT_NONE";
    end_line();
    line_ += "  error  P the page was present, W a write, U from user mode, R a reserved bit was set, I a fetch";
    end_line();
}

void TextWriter::append_kinds() {
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        if (counts_[index] == 0) continue;
        const auto kind = static_cast<mm::FaultKind>(index);
        print(line_, "{:>7}  ", counts_[index]);
        append_tinted(kind_tint(kind), fmt::format("{:<12}", mm::fault_kind_name(kind)));
        print(line_, "  {}", explanation(kind));
        end_line();
    }
}

}  // namespace fl::trace
