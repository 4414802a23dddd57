#include "trace/report/report_writer.hpp"

#include "mm/file_identity.hpp"
#include "trace/report/page.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <string_view>

namespace fl::trace::report {

namespace {

// Of each kind of thing a trace may name any number; so many the page keeps apart.
constexpr std::uint32_t max_names = 65536;
// Instructions have numbers that rise; of those known longest ago the number is forgotten, not the instruction.
constexpr std::size_t max_instruction_ids = 1U << 20U;

// With so few of them it is not the faults that make a page large.
constexpr std::size_t least_faults = 1024;

constexpr std::uint64_t frame_mask = (std::uint64_t{1} << 40U) - 1;

// As the page can hold it.
std::uint64_t number(std::uint64_t value) { return std::min(value, Column::max_value); }
// Leaves room for one more.
std::uint64_t number_and_one(std::uint64_t value) { return std::min(value, Column::max_value - 2) + 1; }

std::uint64_t page_of(VirtAddr address) { return address.value() >> page_shift; }

// "main" of "main+0x1f".
std::string_view function_of(std::string_view symbol) { return symbol.substr(0, symbol.rfind("+0x")); }

void count_in(std::vector<std::array<std::uint64_t, mm::fault_kind_count>>& totals, std::uint32_t row,
              mm::FaultKind kind) {
    if (totals.size() <= row) totals.resize(row + 1);
    ++totals[row][static_cast<std::size_t>(kind)];
}

}  // namespace

ReportWriter::ReportWriter(Output& output, ReportLimits limits)
    : output_(output),
      limits_(limits),
      faults_(limits.faults),
      reclaims_(limits.reclaims),
      tasks_(max_names),
      shapes_(max_names),
      functions_(max_names),
      instructions_(max_names),
      vma_areas_(max_names),
      vmas_(max_names),
      walks_(max_names),
      files_(max_names) {}

// Nothing may be thrown into the emulator.
template <class Body>
void ReportWriter::keep(Body&& body) noexcept {
    has_events_ = true;
    try {
        body();
    } catch (const std::exception&) {
        ++lost_;
    }
}

std::uint32_t ReportWriter::instruction_index(const TracedFault& fault) {
    const Instruction& instruction = fault.instruction;
    if (instruction.id != 0) {
        const auto known = instruction_of_id_.find(instruction.id);
        if (known != instruction_of_id_.end()) return known->second;
    }
    const VirtAddr address = fault.event.origin.instruction;
    const bool in_exec = fault.event.mode == emu::Mode::kernel && address == VirtAddr();
    const std::uint32_t function = functions_.index_of(in_exec ? "exec" : std::string(function_of(instruction.symbol)));
    const std::uint32_t index =
        instructions_.index_of({address.value(), instruction.symbol, instruction.source, instruction.text, function});
    if (instruction_of_id_.size() >= max_instruction_ids) instruction_of_id_.clear();
    if (instruction.id != 0) instruction_of_id_[instruction.id] = index;
    return index;
}

std::uint32_t ReportWriter::vma_index(const mm::FaultEvent& event) {
    if (!event.vma) return 0;
    const mm::VmaSnapshot& vma = *event.vma;
    const TaskKey task{event.origin.pid, 0};
    if (last_vma_ && last_vma_task_ == task && last_vma_->range == vma.range && last_vma_->flags == vma.flags &&
        last_vma_->name == vma.name && last_vma_->pgoff == vma.pgoff) {
        return last_vma_index_;
    }
    const std::uint64_t page = page_of(vma.range.start);
    const std::uint32_t area =
        vma_areas_.index_of({task.pid, vma.name.empty() ? page : 0, vma.name, mm::protection_string(vma.flags)});
    last_vma_index_ = vmas_.index_of({page, vma.range.page_count().value(), vma.pgoff, area});
    last_vma_ = vma;
    last_vma_task_ = task;
    return last_vma_index_;
}

std::uint32_t ReportWriter::walk_index(const mm::PageWalk& walk) {
    if (walk.count == 0) return 0;
    WalkKey key{walk.steps[0].table.value(), walk.count, {}};
    for (std::size_t step = 0; step < 3 && step < walk.count; ++step) key.entries[step] = walk.steps[step].entry.raw();
    return walks_.index_of(key);
}

namespace {

std::uint64_t frame_field(emu::Pte entry) { return entry.raw() >> page_shift & frame_mask; }
std::uint32_t bits_field(emu::Pte entry) {
    return static_cast<std::uint32_t>((entry.raw() & 0xfffU) | entry.raw() >> 52U << 12U);
}

}  // namespace

void ReportWriter::write(const TracedFault& fault) noexcept {
    keep([&] {
        const mm::FaultEvent& event = fault.event;
        if (event.victim && last_reclaim_fault_ != number(event.sequence)) {
            mm::EvictionEvent victim = *event.victim;
            victim.for_fault = event.sequence;
            victim.time_ns = event.origin.time_ns;
            add_eviction(victim);
        }
        FaultRow row;
        row.fault = number(event.sequence);
        row.time_ns = number(event.origin.time_ns);
        row.page = page_of(event.address);
        row.offset = static_cast<std::uint16_t>(event.address.value() & (page_size - 1));
        row.before_frame = frame_field(event.pte_before);
        row.before_bits = bits_field(event.pte_before);
        row.after_frame = frame_field(event.pte_after);
        row.after_bits = bits_field(event.pte_after);
        row.looked = event.reclaim.frames_looked_at;
        row.slot = event.slot ? number_and_one(event.slot->value()) : 0;
        row.refault = event.refault_distance ? number_and_one(*event.refault_distance) : 0;
        row.task = tasks_.index_of({event.origin.pid, event.origin.tid});
        row.instruction = instruction_index(fault);
        row.shape = shapes_.index_of({event.access, event.mode, event.error_code, event.kind, event.major});
        row.vma = vma_index(event);
        row.walk = walk_index(event.walk);
        row.evicted = event.reclaim.evicted;
        row.written = event.reclaim.written;
        row.tables = event.tables_allocated;
        row.around = event.pages_around;
        row.rare = mm::is_fatal(event.kind);
        count_in(by_function_, instructions_[row.instruction].function, event.kind);
        count_in(by_area_, vmas_[row.vma].area, event.kind);
        faults_.add(row);
        ++by_kind_[static_cast<std::size_t>(event.kind)];
        ++fault_count_;
        if (first_process_ == 0) first_process_ = event.origin.pid;
        if (event.major) ++major_count_;
        last_fault_ = std::max(last_fault_, event.sequence);
        end_ns_ = std::max(end_ns_, event.origin.time_ns);
    });
}

void ReportWriter::add_reclaim(const mm::PageName& page, ReclaimRow row) {
    // Rows are looked up by fault: their order is kept whatever a trace claims.
    row.fault = std::max(row.fault != 0 ? row.fault : number(last_fault_), last_reclaim_fault_);
    row.page = page.address ? page_of(*page.address) + 1 : 0;
    row.id = page.id;
    row.pid = page.owner;
    row.file = page.file != nullptr ? files_.index_of(page.file->path) : 0;
    row.file_page = number(page.file_page);
    reclaims_.add(row);
    ++reclaim_rows_;
    if ((row.flags & ReclaimRow::for_fault) != 0) last_reclaim_fault_ = row.fault;
}

void ReportWriter::add_eviction(const mm::EvictionEvent& event) {
    ReclaimRow row;
    row.fault = number(event.for_fault);
    row.time_ns = number(event.time_ns);
    row.frame = number(event.pfn.value());
    row.age_ns = number(event.age_ns);
    row.slot = event.slot ? number_and_one(event.slot->value()) : 0;
    row.reason = static_cast<std::uint8_t>(event.reason);
    row.flags =
        static_cast<std::uint8_t>((event.dirty ? ReclaimRow::dirty : 0) | (event.dropped ? ReclaimRow::dropped : 0) |
                                  (event.for_fault != 0 ? ReclaimRow::for_fault : 0));
    add_reclaim(event.page, row);
    ++eviction_count_;
    if (event.for_fault == 0) ++background_eviction_count_;
}

void ReportWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    keep([&] { add_eviction(event); });
}

void ReportWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    ++write_back_count_;
    // One that worked and belongs to an eviction says no more than the eviction, which is dirty.
    if (!event.failed && event.reason != mm::ReclaimReason::ahead) return;
    keep([&] {
        ReclaimRow row;
        row.fault = number(event.for_fault);
        row.time_ns = number(event.time_ns);
        row.frame = number(event.pfn.value());
        row.slot = event.slot ? number_and_one(event.slot->value()) : 0;
        row.reason = static_cast<std::uint8_t>(event.reason);
        row.flags = static_cast<std::uint8_t>(ReclaimRow::write_back | (event.failed ? ReclaimRow::failed : 0) |
                                              (event.for_fault != 0 ? ReclaimRow::for_fault : 0));
        add_reclaim(event.page, row);
    });
}

void ReportWriter::write_task(const TaskEvent& event) noexcept {
    keep([&] {
        end_ns_ = std::max(end_ns_, event.time_ns);
        ++task_event_count_;
        if (task_events_.size() < limits_.task_events) task_events_.push_back(event);
        if (event.kind == TaskEvent::Kind::exit) areas_.close_all(event.pid, event.time_ns);
    });
}

void ReportWriter::write_mappings(const MappingsEvent& event) noexcept {
    has_mappings_ = true;
    keep([&] { areas_.note(event); });
}

void ReportWriter::write_sample(const mm::MemorySample& sample) noexcept {
    keep([&] {
        end_ns_ = std::max(end_ns_, sample.time_ns);
        if (sample_count_++ % every_sample_ != 0) return;
        if (samples_.size() >= limits_.samples) {
            every_sample_ *= 2;
            for (std::size_t i = 0; 2 * i < samples_.size(); ++i) std::swap(samples_[i], samples_[2 * i]);
            samples_.resize((samples_.size() + 1) / 2);
        }
        samples_.push_back(sample);
    });
}

void ReportWriter::write_tables(const TableTree& tree) noexcept {
    if (first_process_ != 0 && tree.pid != first_process_) return;
    keep([&] {
        tree_ = tree;
        if (tree.rows.size() <= max_table_rows) return;
        // Only a trace that somebody else has made.
        tree_->left_out += tree.rows.size() - max_table_rows;
        tree_->rows.resize(max_table_rows);
    });
}

Payload ReportWriter::payload() const {
    Payload payload;
    add_head(payload);
    add_events(payload);
    add_fault_tables(payload);
    add_totals(payload);
    add_parts(payload);
    add_areas(payload);
    add_samples(payload);
    add_task_events(payload);
    add_tree(payload);
    return payload;
}

void ReportWriter::finish() noexcept {
    try {
        std::string packed = payload().pack();
        while (packed.size() > limits_.payload_bytes && faults_.all().size() > least_faults) {
            // A little less than the size asks for: not all of it shrinks.
            const double part = 0.95 * static_cast<double>(limits_.payload_bytes) / static_cast<double>(packed.size());
            faults_.keep_part(part);
            reclaims_.keep_part(part);
            packed = payload().pack();
        }
        output_.append(page(head_.title, packed));
    } catch (const std::exception&) {
        output_.fail(ENOMEM);
    }
    output_.flush();
}

}  // namespace fl::trace::report
