#include "trace/last_writer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace fl::trace {

namespace {

// Of what is no fault, at most: a program can map and unmap for ever between two faults.
constexpr std::size_t max_aside = 65536;
// And of page tables, which have many rows: those of four processes as large as can be.
constexpr std::size_t max_aside_table_rows = 4 * max_table_rows;

std::size_t table_rows_of(const StoredEvent& event) {
    const auto* tree = std::get_if<TableTree>(&event);
    return tree != nullptr ? tree->rows.size() : 0;
}

}  // namespace

void LastWriter::write(const TracedFault& fault) noexcept {
    try {
        keep(faults_.store(fault));
    } catch (const std::exception&) {
        // No memory left to keep it: what is missing shows in the numbering.
    }
}

void LastWriter::keep(StoredEvent event) noexcept {
    try {
        entries_.push_back({++last_number_, std::move(event)});
        if (entries_.size() <= count_) return;
        entries_.pop_front();
        forget_before(entries_.front().number);
    } catch (const std::exception&) {
        // As above.
    }
}

void LastWriter::keep_aside(StoredEvent event) noexcept {
    try {
        if (aside_.size() == max_aside) forget_before(aside_.front().number + 1);
        aside_table_rows_ += table_rows_of(event);
        while (aside_table_rows_ > max_aside_table_rows && !aside_.empty()) forget_before(aside_.front().number + 1);
        aside_.push_back({++last_number_, std::move(event)});
    } catch (const std::exception&) {
        // As above.
    }
}

void LastWriter::write_tables(const TableTree& tree) noexcept {
    try {
        keep_aside(tree);
    } catch (const std::exception&) {
        // No memory left to keep it.
    }
}

void LastWriter::forget_before(std::uint64_t number) {
    while (!aside_.empty() && aside_.front().number < number) {
        sum_up(aside_.front().event);
        aside_table_rows_ -= table_rows_of(aside_.front().event);
        aside_.pop_front();
    }
}

void LastWriter::sum_up(const StoredEvent& event) {
    if (const auto* task = std::get_if<TaskEvent>(&event)) {
        Process& process = processes_[task->pid];
        switch (task->kind) {
            case TaskEvent::Kind::fork: process.fork = *task; break;
            case TaskEvent::Kind::exec: process.exec = *task; break;
            case TaskEvent::Kind::exit: processes_.erase(task->pid); break;
        }
    } else if (const auto* change = std::get_if<MappingsEvent>(&event)) {
        Process& process = processes_[change->pid];
        process.has_mappings = true;
        process.mappings_time_ns = change->time_ns;
        if (change->all) process.mappings.clear();
        for (const VirtRange& range : change->gone) process.mappings.erase(range.start);
        for (const Mapping& mapping : change->mapped) process.mappings.insert_or_assign(mapping.range.start, mapping);
    }
}

// In the order of their times.
void LastWriter::write_past() {
    std::vector<std::pair<std::uint64_t, StoredEvent>> past;
    for (auto& [pid, process] : processes_) {
        if (process.fork) past.emplace_back(process.fork->time_ns, *process.fork);
        if (process.exec) past.emplace_back(process.exec->time_ns, *process.exec);
        if (!process.has_mappings) continue;
        MappingsEvent all{.time_ns = process.mappings_time_ns, .pid = pid, .all = true, .gone = {}, .mapped = {}};
        for (auto& [start, mapping] : process.mappings) all.mapped.push_back(std::move(mapping));
        past.emplace_back(all.time_ns, std::move(all));
    }
    std::ranges::stable_sort(past, {}, [](const auto& entry) { return entry.first; });
    for (const auto& [time, event] : past) write_stored(event, next_);
}

void LastWriter::finish() noexcept {
    try {
        write_past();
    } catch (const std::exception&) {
        // No memory left for what was before.
    }
    while (!entries_.empty() || !aside_.empty()) {
        const bool is_aside = entries_.empty() || (!aside_.empty() && aside_.front().number < entries_.front().number);
        Entries& from = is_aside ? aside_ : entries_;
        write_stored(from.front().event, next_);
        from.pop_front();
    }
    next_.finish();
}

}  // namespace fl::trace
