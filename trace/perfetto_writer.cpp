#include "trace/perfetto_writer.hpp"

#include "mm/file_identity.hpp"
#include "mm/print_to.hpp"
#include "trace/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace fl::trace {

namespace {

// Process 1 is the kernel's own: no program has its number.
constexpr std::uint32_t kernel_pid = 1;

// A time or a length of time.
std::string microseconds(std::uint64_t ns) { return fmt::format("{}.{:03}", ns / 1000, ns % 1000); }

void print_text(std::string& to, std::string_view name, std::string_view value) {
    print_to(to, R"(,"{}":)", name);
    append_json_string(to, value);
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

char access_letter(emu::Access access) {
    return access == emu::Access::write ? 'w' : access == emu::Access::execute ? 'x' : 'r';
}

void print_fault_arguments(std::string& to, const TracedFault& fault) {
    const mm::FaultEvent& event = fault.event;
    print_to(to, R"({{"seq":{},"addr":"{:#x}","access":"{}","mode":"{}","error_code":{},"ip":"{:#x}")", event.sequence,
             event.address.value(), access_letter(event.access), event.mode == emu::Mode::kernel ? "kernel" : "user",
             event.error_code, event.origin.instruction.value());
    if (!fault.instruction.symbol.empty()) print_text(to, "symbol", fault.instruction.symbol);
    if (!fault.instruction.source.empty()) print_text(to, "source", fault.instruction.source);
    if (!fault.instruction.text.empty()) print_text(to, "insn", fault.instruction.text);
    print_to(to, R"(,"major":{})", event.major);
    if (event.vma) {
        print_to(to, R"(,"vma":"{:#x}-{:#x} {}")", event.vma->range.start.value(), event.vma->range.end.value(),
                 mm::protection_string(event.vma->flags));
        print_text(to, "vma_name", event.vma->name);
    }
    if (event.pfn) print_to(to, R"(,"pfn":{})", event.pfn->value());
    print_to(to, R"(,"pte_before":"{:#x}","pte_after":"{:#x}","tables_allocated":{},"around":{},"page_bytes":{})",
             event.pte_before.raw(), event.pte_after.raw(), event.tables_allocated, event.pages_around,
             event.page_bytes());
    if (!(event.reclaim == mm::ReclaimWork{})) {
        print_to(to, R"(,"evicted":{},"written":{},"looked_at":{})", event.reclaim.evicted, event.reclaim.written,
                 event.reclaim.frames_looked_at);
    }
    if (event.slot) print_to(to, R"(,"slot":{})", event.slot->value());
    if (event.refault_distance) print_to(to, R"(,"refault_distance":{})", *event.refault_distance);
    to += '}';
}

template <class Event>
void print_reclaim_arguments(std::string& to, const Event& event) {
    print_to(to, R"({{"reason":"{}","page":{},"pfn":{})", mm::reclaim_reason_name(event.reason), event.page.id,
             event.pfn.value());
    if (event.for_fault != 0) print_to(to, R"(,"for_fault":{})", event.for_fault);
    if (event.page.owner != 0) print_to(to, R"(,"pid":{})", event.page.owner);
    if (event.page.address) print_to(to, R"(,"addr":"{:#x}")", event.page.address->value());
    if (event.page.file != nullptr) {
        print_text(to, "file", event.page.file->path);
        print_to(to, R"(,"file_page":{})", event.page.file_page);
    }
    if (event.slot) print_to(to, R"(,"slot":{})", event.slot->value());
}

// What an event on the kernel's thread begins with.
std::string reclaim_head(std::string_view name, std::uint64_t time_ns) {
    return fmt::format(R"("ph":"i","s":"t","pid":{},"tid":{},"ts":{},"cat":"reclaim","name":"{}","args":)", kernel_pid,
                       kernel_pid, microseconds(time_ns), name);
}

std::string counter(std::string_view name, std::uint32_t pid, std::uint64_t time_ns, std::string_view values) {
    return fmt::format(R"("ph":"C","pid":{},"tid":{},"ts":{},"name":"{}","args":{{{}}})", pid, pid,
                       microseconds(time_ns), name, values);
}

}  // namespace

void PerfettoWriter::begin() {
    if (std::exchange(begun_, true)) return;
    output_.append(R"({"displayTimeUnit":"ns","otherData":{"producer":"faultline"},"traceEvents":[)"
                   "\n");
    text_ = fmt::format(R"({{"ph":"M","pid":{0},"tid":{0},"name":"process_name","args":{{"name":"kernel"}}}},)"
                        "\n"
                        R"({{"ph":"M","pid":{0},"tid":{0},"name":"thread_name","args":{{"name":"reclaim"}}}})",
                        kernel_pid);
    output_.append(text_);
}

template <class Append>
void PerfettoWriter::write_event(Append&& append) noexcept {
    try {
        begin();
        text_ = ",\n{";
        append(text_);
        text_ += '}';
        output_.append(text_);
        output_.end_record();
    } catch (const std::exception&) {
        // No memory left for the event; of faults the numbers show what is missing.
    }
}

void PerfettoWriter::name_process(std::uint32_t pid, std::string_view name) {
    process_names_[pid] = name;
    write_event([&](std::string& to) {
        print_to(to, R"("ph":"M","pid":{0},"tid":{0},"name":"process_name","args":{{"name":)", pid);
        append_json_string(to, name);
        to += '}';
    });
}

void PerfettoWriter::name_thread(std::uint32_t pid, std::uint32_t tid) {
    if (!threads_.insert(tid).second) return;
    write_event([&](std::string& to) {
        print_to(to, R"("ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":"task {}"}})", pid, tid, tid);
    });
}

void PerfettoWriter::write(const TracedFault& fault) noexcept {
    const mm::FaultOrigin& origin = fault.event.origin;
    try {
        name_thread(origin.pid, origin.tid);
    } catch (const std::exception&) {
        // It goes without a name.
    }
    const std::uint64_t cost_ns = std::min(fault.cost_ns, origin.time_ns);
    write_event([&](std::string& to) {
        print_to(to, R"("ph":"X","pid":{},"tid":{},"ts":{},"dur":{},"cat":"fault","name":"{}","args":)", origin.pid,
                 origin.tid, microseconds(origin.time_ns - cost_ns), microseconds(cost_ns),
                 mm::fault_kind_name(fault.event.kind));
        print_fault_arguments(to, fault);
    });
}

void PerfettoWriter::write_eviction(const mm::EvictionEvent& event) noexcept {
    write_event([&](std::string& to) {
        to += reclaim_head(event.dropped ? "drop" : event.dirty ? "evict dirty" : "evict clean", event.time_ns);
        print_reclaim_arguments(to, event);
        print_to(to, R"(,"age_us":{}}})", microseconds(event.age_ns));
    });
}

void PerfettoWriter::write_write_back(const mm::WriteBackEvent& event) noexcept {
    write_event([&](std::string& to) {
        to += reclaim_head(event.failed ? "write-back failed" : "write-back", event.time_ns);
        print_reclaim_arguments(to, event);
        to += '}';
    });
}

void PerfettoWriter::write_task(const TaskEvent& event) noexcept {
    try {
        if (event.kind == TaskEvent::Kind::exec) name_process(event.pid, base_name(event.path));
        if (event.kind == TaskEvent::Kind::fork) name_process(event.pid, std::string(process_names_[event.parent]));
        name_thread(event.pid, event.pid);
    } catch (const std::exception&) {
        // It goes without a name.
    }
    write_instant(event);
    if (event.kind == TaskEvent::Kind::exit) process_names_.erase(event.pid);
}

void PerfettoWriter::write_instant(const TaskEvent& event) {
    write_event([&](std::string& to) {
        print_to(to, R"("ph":"i","s":"p","pid":{0},"tid":{0},"ts":{1},"cat":"task","name":"{2}","args":{{)", event.pid,
                 microseconds(event.time_ns), task_event_name(event.kind));
        switch (event.kind) {
            case TaskEvent::Kind::fork: print_to(to, R"("parent":{})", event.parent); break;
            case TaskEvent::Kind::exec:
                to += R"("path":)";
                append_json_string(to, event.path);
                break;
            case TaskEvent::Kind::exit: print_to(to, R"("status":{},"signal":{})", event.status, event.signal); break;
        }
        to += '}';
    });
}

void PerfettoWriter::write_mappings(const MappingsEvent& event) noexcept {
    write_event([&](std::string& to) {
        print_to(to, R"("ph":"i","s":"t","pid":{0},"tid":{0},"ts":{1},"cat":"mappings","name":"mappings","args":{{)",
                 event.pid, microseconds(event.time_ns));
        print_to(to, R"("all":{},"gone":{},"mapped":{})", event.all, event.gone.size(), event.mapped.size());
        // The whole of a large address space would only be in the way.
        constexpr std::size_t enough = 16;
        for (std::size_t i = 0; i < std::min(event.mapped.size(), enough); ++i) {
            const Mapping& mapping = event.mapped[i];
            print_to(to, R"(,"{:#x}-{:#x}":)", mapping.range.start.value(), mapping.range.end.value());
            append_json_string(to, mapping.protection + " " + mapping.name);
        }
        to += '}';
    });
}

void PerfettoWriter::write_sample(const mm::MemorySample& sample) noexcept {
    const auto write_counter = [&](std::string_view name, std::uint32_t pid, std::string_view values) {
        write_event([&](std::string& to) { to += counter(name, pid, sample.time_ns, values); });
    };
    try {
        const auto count = [](std::uint64_t value) { return fmt::format(R"("frames":{})", value); };
        write_counter("free frames", kernel_pid, count(sample.free_frames));
        write_counter("user frames", kernel_pid, count(sample.user_frames));
        write_counter("used swap slots", kernel_pid, fmt::format(R"("slots":{})", sample.used_swap_slots));
        std::string blocks;
        for (std::size_t order = 0; order < sample.free_blocks.size(); ++order) {
            print_to(blocks, R"({}"order {}":{})", order == 0 ? "" : ",", order, sample.free_blocks[order]);
        }
        write_counter("free blocks", kernel_pid, blocks);
        for (const mm::ProcessMemory& process : sample.processes) {
            write_counter("rss", process.pid,
                          fmt::format(R"("anon":{},"file":{},"shmem":{})", process.anonymous, process.file,
                                      process.shared_memory));
            write_counter("swap", process.pid, fmt::format(R"("pages":{})", process.swap));
            write_counter("page tables", process.pid, fmt::format(R"("pages":{})", process.page_tables));
        }
    } catch (const std::exception&) {
        // No memory left for the rest of the sample.
    }
}

void PerfettoWriter::finish() noexcept {
    try {
        begin();
    } catch (const std::exception&) {
        // Nothing was written, and nothing can be.
    }
    output_.append("\n]}\n");
    output_.flush();
}

}  // namespace fl::trace
