#include "trace/process_tracer.hpp"

#include "mm/mm_struct.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace fl::trace {

namespace {

constexpr VirtRange whole_space{VirtAddr(0), mm::task_size};

}  // namespace

Mapping ProcessTracer::mapping_of(const mm::MmStruct& mm, const mm::Vma& vma) {
    return {vma.range(), mm::protection_string(vma.flags()), mm.vma_name(vma)};
}

MappingsEvent ProcessTracer::update(Space& space, const mm::MmStruct& mm, VirtRange changed) {
    MappingsEvent event;
    Mappings& known = space.mappings;
    auto old = known.upper_bound(changed.start);
    if (old != known.begin() && std::prev(old)->second.range.end > changed.start) --old;
    const mm::Vma* vma = mm.vmas().find(changed.start);
    const auto next_old = [&] { return old != known.end() && old->first < changed.end; };
    const auto next_new = [&] { return vma != nullptr && vma->start() < changed.end; };
    while (next_old() || next_new()) {
        if (next_old() && (!next_new() || old->first < vma->start())) {
            event.gone.push_back(old->second.range);
            old = known.erase(old);
            continue;
        }
        Mapping now = mapping_of(mm, *vma);
        const bool was_there = next_old() && old->first == vma->start();
        if (!was_there) {
            known.emplace_hint(old, now.range.start, now);
            event.mapped.push_back(std::move(now));
        } else {
            if (!(old->second == now)) {
                event.gone.push_back(old->second.range);
                old->second = now;
                event.mapped.push_back(std::move(now));
            }
            ++old;
        }
        vma = vma->next();
    }
    return event;
}

void ProcessTracer::enter(std::uint32_t process, std::uint32_t id) {
    leave(process);
    space_of_[process] = id;
    ++spaces_[id].processes;
}

void ProcessTracer::leave(std::uint32_t process) {
    const auto found = space_of_.find(process);
    if (found == space_of_.end()) return;
    const auto space = spaces_.find(found->second);
    if (space != spaces_.end() && --space->second.processes == 0) spaces_.erase(space);
    space_of_.erase(found);
}

void ProcessTracer::on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange changed) noexcept {
    const auto known = space_of_.find(process);
    const bool is_new = known == space_of_.end() || known->second != mm.id();
    if (!is_new && changed.empty()) return;
    try {
        const bool was_seen = spaces_.contains(mm.id());
        if (is_new) enter(process, mm.id());
        Space& space = spaces_.at(mm.id());
        space.mm = &mm;
        MappingsEvent event = update(space, mm, was_seen ? changed : whole_space);
        event.time_ns = machine_.now_ns();
        if (!event.gone.empty() || !event.mapped.empty()) {
            for (const auto& [pid, id] : space_of_) {
                if (id != mm.id() || (pid == process && is_new)) continue;
                event.pid = pid;
                writer_.write_mappings(event);
            }
        }
        if (!is_new) return;
        MappingsEvent whole{.time_ns = event.time_ns, .pid = process, .all = true, .gone = {}, .mapped = {}};
        for (const auto& [start, mapping] : space.mappings) whole.mapped.push_back(mapping);
        writer_.write_mappings(whole);
    } catch (const std::exception&) {
        // No memory left: the next change of the address space tells of all of it.
        leave(process);
    }
}

void ProcessTracer::on_fork(std::uint32_t parent, std::uint32_t child) noexcept {
    writer_.write_task(
        {.kind = TaskEvent::Kind::fork, .time_ns = machine_.now_ns(), .pid = child, .parent = parent, .path = {}});
}

void ProcessTracer::on_exec(std::uint32_t process, const std::string& path) noexcept {
    try {
        writer_.write_task({.kind = TaskEvent::Kind::exec, .time_ns = machine_.now_ns(), .pid = process, .path = path});
        leave(process);
    } catch (const std::exception&) {
        // No memory left for the path.
    }
}

void ProcessTracer::tell_tables(std::uint32_t process) {
    const auto known = space_of_.find(process);
    if (known == space_of_.end()) return;
    TableTree tree = table_tree(spaces_.at(known->second).mm->page_table(), process);
    tree.time_ns = machine_.now_ns();
    writer_.write_tables(tree);
}

void ProcessTracer::on_exit(std::uint32_t process, const mm::ProcessEnd& end) noexcept {
    const bool is_last = std::ranges::none_of(space_of_, [&](const auto& entry) { return entry.first != process; });
    if (is_last) sampler_.take();
    try {
        tell_tables(process);
    } catch (const std::exception&) {
        // No memory left for them.
    }
    writer_.write_task({.kind = TaskEvent::Kind::exit,
                        .time_ns = machine_.now_ns(),
                        .pid = process,
                        .path = {},
                        .status = end.status,
                        .signal = end.signal});
    leave(process);
}

}  // namespace fl::trace
