#include "trace/text_writer.hpp"

#include "mm/print_to.hpp"
#include "trace/fault_kind_text.hpp"
#include "trace/reclaim_text.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
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
constexpr std::string_view blue = "\x1b[34m";
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
        print_to(to, "{:x}", pte.raw());
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
        print_to(to, "{:#x}", address.value());
    } else {
        to += printable(fault.instruction.symbol);
    }
}

void print_number(std::string& to, std::uint64_t number) { print_to(to, "{}", number); }

void print_time(std::string& to, std::uint64_t ns) { print_to(to, "{}.{:03}", ns / 1000, ns % 1000); }

void print_vma_name(std::string& to, const TracedFault& fault) {
    if (!fault.event.vma) {
        to += "no mapping";
    } else if (fault.event.vma->name.empty()) {
        to += "anonymous";
    } else {
        to += printable(file_name_of(fault.event.vma->name));
    }
    if (fault.event.pte_after.is_large()) to += " 2M";
}

}  // namespace

struct TextWriter::Column {
    std::string_view title;
    CellShape shape;
    // On a narrow terminal the column with the lowest of these gives way first; always: never.
    unsigned importance;
    void (*print)(std::string& to, const TracedFault& fault);
    std::string_view tint = plain;
    // What stands there in a line of reclaim; its text takes the place of the columns that have none.
    void (*print_reclaim)(std::string& to, const ReclaimLine& line) = nullptr;
    bool of_reclaim = false;  // there once a page has left

    static constexpr unsigned always = 100;
};

constexpr std::array<TextWriter::Column, 22> TextWriter::all_columns = {{
    {"seq", {5, Align::right, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { print_to(to, "{}", fault.event.sequence); }, dim,
     [](std::string& /*to*/, const ReclaimLine& /*line*/) {}},
    {"time us", {10, Align::right, Cut::never}, 30,
     [](std::string& to, const TracedFault& fault) { print_time(to, fault.event.origin.time_ns); }, plain,
     [](std::string& to, const ReclaimLine& line) { print_time(to, line.time_ns); }},
    {"kind", {12, Align::left, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { to += mm::fault_kind_name(fault.event.kind); }, plain,
     [](std::string& to, const ReclaimLine& line) { to += line.kind; }},
    {"access", {6, Align::left, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) {
         print_to(to, "{} {}", access_letter(fault.event.access),
               fault.event.mode == emu::Mode::kernel ? "kern" : "user");
     }, plain,
     [](std::string& to, const ReclaimLine& line) { to += line.state; }},
    {"address", {14, Align::right, Cut::never}, Column::always,
     [](std::string& to, const TracedFault& fault) { print_to(to, "{:#x}", fault.event.address.value()); }, bold,
     [](std::string& to, const ReclaimLine& line) {
         if (line.address) print_to(to, "{:#x}", line.address->value());
     }},
    {"error", {5, Align::left, Cut::never}, 50,
     [](std::string& to, const TracedFault& fault) { print_error_code(to, fault.event.error_code); }},
    {"mapping", {25, Align::left, Cut::never}, 20,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.vma) {
             print_to(to, "{:x}-{:x}", fault.event.vma->range.start.value(), fault.event.vma->range.end.value());
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
             print_to(to, "{:x}", fault.event.pfn->value());
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
         if (fault.event.tables_allocated != 0) print_to(to, "+{}", fault.event.tables_allocated);
     }},
    {"around", {6, Align::right, Cut::never}, 10,
     [](std::string& to, const TracedFault& fault) {
         if (fault.event.pages_around != 0) print_to(to, "+{}", fault.event.pages_around);
     }},
    {.title = "slot",
     .shape = {6, Align::right, Cut::never},
     .importance = 52,
     .print =
         [](std::string& to, const TracedFault& fault) {
             if (fault.event.slot) print_number(to, fault.event.slot->value());
         },
     .of_reclaim = true},
    {.title = "refault",
     .shape = {7, Align::right, Cut::never},
     .importance = 88,
     .print =
         [](std::string& to, const TracedFault& fault) {
             if (fault.event.refault_distance) print_number(to, *fault.event.refault_distance);
         },
     .of_reclaim = true},
    {.title = "looked",
     .shape = {6, Align::right, Cut::never},
     .importance = 22,
     .print =
         [](std::string& to, const TracedFault& fault) {
             if (fault.event.reclaim.frames_looked_at != 0) print_number(to, fault.event.reclaim.frames_looked_at);
         },
     .of_reclaim = true},
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
    columns_.clear();
    for (const Column& column : all_columns) {
        if (column.of_reclaim && !reclaims_) continue;
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
    if (fault.event.refault_distance) {
        ++reclaim_counts_.refaults;
        reclaim_counts_.refault_distances += *fault.event.refault_distance;
    }
}

void TextWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    try {
        append_reclaim_line({.time_ns = event.time_ns,
                             .kind = "evict",
                             .tint = blue,
                             .state = eviction_state(event),
                             .address = event.page.address,
                             .text = eviction_text(event)});
    } catch (const std::exception&) {
        line_.clear();
    }
    ++(event.dirty ? reclaim_counts_.dirty : reclaim_counts_.clean);
    if (event.dropped) ++reclaim_counts_.dropped;
}

void TextWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    const bool is_ahead = event.reason == mm::ReclaimReason::ahead;
    if (!event.failed && !is_ahead) return;
    try {
        append_reclaim_line({.time_ns = event.time_ns,
                             .kind = "write-back",
                             .tint = event.failed ? red : blue,
                             .state = write_back_state(event),
                             .address = event.page.address,
                             .text = write_back_text(event)});
    } catch (const std::exception&) {
        line_.clear();
    }
    ++(event.failed ? reclaim_counts_.failed_writes : reclaim_counts_.written_ahead);
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

void TextWriter::append_reclaim_line(const ReclaimLine& line) {
    if (!reclaims_) {
        reclaims_ = true;
        choose_columns();
        append_header();
    }
    unsigned width = 0;
    for (const Column* column : columns_) {
        if (column->print_reclaim == nullptr) break;
        cell_.clear();
        column->print_reclaim(cell_, line);
        append_cell(*column, column->title == "kind" ? line.tint : column->tint);
        width += std::max(column->shape.width, display_width(cell_)) + 1;
    }
    const unsigned room = std::max(terminal_.width.value_or(0), width) - width;
    append_shaped(line_, line.text, {room, Align::left, terminal_.width ? Cut::back : Cut::never});
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
    print_to(line_, "{} page faults: {} minor, {} major", total, total - major_count_ - fatal, major_count_);
    if (fatal != 0) print_to(line_, ", {} that could not be satisfied", fatal);
    end_line();
    append_kinds();
    if (reclaims_) append_reclaim_counts();
    line_ += "  pte    P present, W writable, U user, A accessed, D dirty, X executable; N hidden by PROT_NONE";
    end_line();
    line_ += "  error  P the page was present, W a write, U from user mode, R a reserved bit was set, I a fetch";
    end_line();
}

void TextWriter::append_kinds() {
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        if (counts_[index] == 0) continue;
        const auto kind = static_cast<mm::FaultKind>(index);
        print_to(line_, "{:>7}  ", counts_[index]);
        append_tinted(kind_tint(kind), fmt::format("{:<12}", mm::fault_kind_name(kind)));
        print_to(line_, "  {}", explanation(kind));
        end_line();
    }
}

void TextWriter::append_reclaim_counts() {
    const ReclaimCounts& counts = reclaim_counts_;
    const auto append = [&](std::uint64_t count, std::string_view name, std::string_view tint,
                            const std::string& text) {
        if (count == 0) return;
        print_to(line_, "{:>7}  ", count);
        append_tinted(tint, fmt::format("{:<12}", name));
        print_to(line_, "  {}", text);
        end_line();
    };
    std::string evictions =
        fmt::format("pages left memory: {} dirty, which were written out first, {} clean", counts.dirty, counts.clean);
    if (counts.dropped != 0) print_to(evictions, ", {} of them given up for good", counts.dropped);
    append(counts.dirty + counts.clean, "evict", blue, evictions);
    append(counts.written_ahead, "write-back", blue,
           "dirty pages were written before they have to leave: they stay, clean");
    append(counts.failed_writes, "write-back", red, "writes failed: the pages stay, and others have to leave");
    if (counts.refaults != 0) {
        const double mean = static_cast<double>(counts.refault_distances) / static_cast<double>(counts.refaults);
        append(counts.refaults, "refault", plain,
               fmt::format("faults were on a page that had been evicted, {:.1f} evictions before on average", mean));
    }
    line_ +=
        "  slot   in swap, where the page was; refault: evictions since its own; looked: pages the policy looked at";
    end_line();
}

}  // namespace fl::trace
