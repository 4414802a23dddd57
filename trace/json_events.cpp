#include "trace/json_events.hpp"

#include "mm/print_to.hpp"
#include "trace/json_text.hpp"

#include <fmt/format.h>

namespace fl::trace {

namespace {}  // namespace

std::string json_of(const TaskEvent& event) {
    std::string text = fmt::format(R"({{"event":"task","time":{},"kind":"{}","pid":{},"parent":)", event.time_ns,
                                   task_event_name(event.kind), event.pid);
    text += event.kind == TaskEvent::Kind::fork ? fmt::format("{}", event.parent) : "null";
    text += R"(,"path":)";
    if (event.kind == TaskEvent::Kind::exec) {
        append_json_string(text, event.path);
    } else {
        text += "null";
    }
    if (event.kind == TaskEvent::Kind::exit) {
        print_to(text, R"(,"status":{},"signal":)", event.status);
        text += event.signal != 0 ? fmt::format("{}", event.signal) : "null";
    } else {
        text += R"(,"status":null,"signal":null)";
    }
    text += '}';
    return text;
}

std::string json_of(const MappingsEvent& event) {
    std::string text =
        fmt::format(R"({{"event":"mappings","time":{},"pid":{},"all":{},"gone":)", event.time_ns, event.pid, event.all);
    const auto print_range = [&text](VirtRange range) {
        print_to(text, R"({{"start":"{:#x}","end":"{:#x}")", range.start.value(), range.end.value());
    };
    append_json_list(text, event.gone, [&](VirtRange range) {
        print_range(range);
        text += '}';
    });
    text += R"(,"mapped":)";
    append_json_list(text, event.mapped, [&](const Mapping& mapping) {
        print_range(mapping.range);
        text += R"(,"prot":)";
        append_json_string(text, mapping.protection);
        text += R"(,"name":)";
        append_json_string(text, mapping.name);
        text += '}';
    });
    text += '}';
    return text;
}

std::string json_of(const mm::MemorySample& sample) {
    std::string text = fmt::format(
        R"({{"event":"sample","time":{},"free_frames":{},"user_frames":{},"used_swap_slots":{},"free_blocks":)",
        sample.time_ns, sample.free_frames, sample.user_frames, sample.used_swap_slots);
    append_json_list(text, sample.free_blocks, [&](std::uint64_t count) { print_to(text, "{}", count); });
    text += R"(,"processes":)";
    append_json_list(text, sample.processes, [&](const mm::ProcessMemory& memory) {
        print_to(text, R"({{"pid":{},"anon":{},"file":{},"shmem":{},"swap":{},"page_tables":{}}})", memory.pid,
                 memory.anonymous, memory.file, memory.shared_memory, memory.swap, memory.page_tables);
    });
    text += '}';
    return text;
}

std::string json_of(const TableTree& tree) {
    std::string text =
        fmt::format(R"({{"event":"page_tables","time":{},"pid":{},"root":{},"tables":{},"left_out":{},"rows":)",
                    tree.time_ns, tree.pid, tree.root.value(), tree.table_count, tree.left_out);
    append_json_list(text, tree.rows, [&](const TableRow& row) {
        print_to(text, R"({{"level":{},"addr":"{:#x}","count":{},"entry":"{:#x}"}})", row.level, row.page << page_shift,
                 row.count, row.entry.raw());
    });
    text += '}';
    return text;
}

}  // namespace fl::trace
