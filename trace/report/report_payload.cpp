// What a ReportWriter has kept, as tables and JSON. The scripts of trace/report/page read them by these names.
#include "mm/file_identity.hpp"
#include "trace/json_text.hpp"
#include "trace/report/address_parts.hpp"
#include "trace/report/report_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

namespace fl::trace::report {

namespace {

constexpr std::size_t most_parts = 28;

// A list of strings, as JSON.
template <class Texts>
std::string json_texts(const Texts& texts) {
    std::string json;
    append_json_list(json, texts, [&json](std::string_view text) { append_json_string(json, text); });
    return json;
}

std::string json_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
    std::string json;
    append_json_list(json, pairs, [&json](const auto& pair) {
        json += json_texts(std::array{pair.first, pair.second});
    });
    return json;
}

// "1,234,567", as people count.
std::string grouped(std::uint64_t number) {
    std::string text = fmt::to_string(number);
    for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
    return text;
}

// "12.5 %"
std::string share_text(double share) { return fmt::format("{:.3g} %", 100 * share); }

// The names of numbered things, 0 to count - 1.
template <class Enum>
std::string enum_names(std::size_t count, const char* (*name)(Enum)) {
    std::vector<std::string_view> names;
    for (std::size_t i = 0; i < count; ++i) names.emplace_back(name(static_cast<Enum>(i)));
    return json_texts(names);
}

std::uint64_t frame_field(emu::Pte entry) { return entry.raw() >> page_shift & ((std::uint64_t{1} << 40U) - 1); }
std::uint64_t bits_field(emu::Pte entry) { return (entry.raw() & 0xfffU) | entry.raw() >> 52U << 12U; }

}  // namespace

std::vector<std::string> ReportWriter::notes() const {
    std::vector<std::string> notes = head_.notes;
    if (faults_.all().size() < fault_count_) {
        notes.push_back(fmt::format(
            "Of {} faults {} are kept here, chosen by chance: about {}, and those that ended in a signal. Map, list "
            "and details show these; all totals, and the ranking by function and by mapping, count every fault.",
            grouped(fault_count_), grouped(faults_.all().size()), share_text(faults_.share())));
    }
    if (reclaims_.all().size() < reclaim_rows_) {
        notes.push_back(
            fmt::format("Of {} pages that left memory or were written ahead, {} are kept here: those of "
                        "about {} of the faults.",
                        grouped(reclaim_rows_), grouped(reclaims_.all().size()), share_text(reclaims_.share())));
    }
    if (fault_count_ > 0 && !has_mappings_) {
        notes.push_back(
            "The trace does not tell when mappings came and went: bands show them from the first fault "
            "that saw them to the last.");
    }
    if (areas_.refused() > 0) {
        notes.push_back(
            fmt::format("{} more mappings came and went, for which the map has no band.", grouped(areas_.refused())));
    }
    if (fault_count_ > 0 && samples_.empty()) {
        notes.push_back(
            "The trace has no samples of memory: resident set, page-table pages, free lists and swap over "
            "time are left out.");
    }
    if (fault_count_ > 0 && !tree_) {
        notes.push_back(
            "The page tables at the end are left out: the trace does not have them. They belong to the end of a "
            "process, which it does not tell of, or it is older than this form of it.");
    }
    if (every_sample_ > 1) {
        notes.push_back(
            fmt::format("Of {} samples of memory every {}th is kept.", grouped(sample_count_), every_sample_));
    }
    if (task_events_.size() < task_event_count_) {
        notes.push_back(fmt::format("Of {} forks, execs and exits the first {} are kept.", grouped(task_event_count_),
                                    grouped(task_events_.size())));
    }
    const std::uint64_t nameless = functions_.refused() + instructions_.refused() + vma_areas_.refused() +
                                   vmas_.refused() + walks_.refused() + files_.refused() + tasks_.refused();
    if (nameless > 0) {
        notes.push_back(
            fmt::format("There were more different instructions, mappings or page walks than are kept "
                        "apart: {} times one is shown as not known.",
                        grouped(nameless)));
    }
    if (lost_ > 0) notes.push_back(fmt::format("{} events are missing: there was no memory for them.", grouped(lost_)));
    return notes;
}

void ReportWriter::add_head(Payload& payload) const {
    ReportHead head = head_;
    std::set<std::uint64_t> pages;
    for (const FaultRow& row : faults_.all()) pages.insert(row.page);
    if (fault_count_ > 0) {
        head.facts.emplace_back("Page faults", grouped(fault_count_));
        head.facts.emplace_back("Major faults", grouped(major_count_));
        head.facts.emplace_back("Pages faulted on", (faults_.share() < 1 ? "more than " : "") + grouped(pages.size()));
        head.facts.emplace_back("Pages that left memory", grouped(eviction_count_));
        head.facts.emplace_back("Pages written out", grouped(write_back_count_));
        head.facts.emplace_back("Virtual time", fmt::format("{:.6f} s", static_cast<double>(end_ns_) / 1e9));
    }
    payload.add_text("title", head_.title);
    payload.add_json("facts", json_pairs(head.facts));
    payload.add_json("notes", json_texts(notes()));
    payload.add_json("kinds", enum_names(mm::fault_kind_count, mm::fault_kind_name));
    payload.add_json("reclaim_reasons", enum_names(mm::reclaim_reason_count, mm::reclaim_reason_name));
    payload.add_json("process_events", enum_names(3, task_event_name));
    payload.add_json("kind_totals", fmt::format("[{}]", fmt::join(by_kind_, ",")));
    payload.add_json("background_evictions", fmt::to_string(background_eviction_count_));
    payload.add_json("fault_share", fmt::to_string(faults_.share()));
    payload.add_json("end_time", fmt::to_string(end_ns_));
}

void ReportWriter::add_fault_tables(Payload& payload) const {
    Table& tasks = payload.add_table("tasks");
    Column& pid = tasks.add("pid", Encoding::plain);
    Column& tid = tasks.add("tid", Encoding::plain);
    for (std::uint32_t i = 0; i < tasks_.size(); ++i) {
        pid.append(tasks_[i].pid);
        tid.append(tasks_[i].tid);
    }

    Table& shapes = payload.add_table("shapes");
    Column& access = shapes.add("access", Encoding::plain);
    Column& mode = shapes.add("mode", Encoding::plain);
    Column& error = shapes.add("error", Encoding::plain);
    Column& kind = shapes.add("kind", Encoding::plain);
    Column& major = shapes.add("major", Encoding::plain);
    for (std::uint32_t i = 0; i < shapes_.size(); ++i) {
        access.append(shapes_[i].access == emu::Access::read ? 0 : shapes_[i].access == emu::Access::write ? 1 : 2);
        mode.append(shapes_[i].mode == emu::Mode::kernel ? 1 : 0);
        error.append(shapes_[i].error_code);
        kind.append(static_cast<std::uint64_t>(shapes_[i].kind));
        major.append(shapes_[i].major ? 1 : 0);
    }

    Table& instructions = payload.add_table("instructions");
    Column& page = instructions.add("page", Encoding::delta);
    Column& offset = instructions.add("offset", Encoding::plain);
    Column& symbol = instructions.add("symbol", Encoding::delta);
    Column& function = instructions.add("function", Encoding::delta);
    Column& source = instructions.add("source", Encoding::delta);
    Column& text = instructions.add("text", Encoding::delta);
    for (std::uint32_t i = 0; i < instructions_.size(); ++i) {
        const InstructionKey& key = instructions_[i];
        page.append(key.address >> page_shift);
        offset.append(key.address & (page_size - 1));
        symbol.append(payload.string_index(key.symbol));
        function.append(key.function);
        source.append(payload.string_index(key.source));
        text.append(payload.string_index(key.text));
    }

    Table& vmas = payload.add_table("vmas");
    Column& vma_page = vmas.add("page", Encoding::delta);
    Column& vma_pages = vmas.add("pages", Encoding::delta);
    Column& file_page = vmas.add("pgoff", Encoding::delta);
    Column& area = vmas.add("area", Encoding::plain);
    for (std::uint32_t i = 0; i < vmas_.size(); ++i) {
        vma_page.append(vmas_[i].page);
        vma_pages.append(vmas_[i].pages);
        file_page.append(vmas_[i].file_page);
        area.append(vmas_[i].area);
    }

    Table& walks = payload.add_table("walks");
    Column& root = walks.add("root", Encoding::plain);
    Column& count = walks.add("count", Encoding::plain);
    for (std::size_t level = 0; level < 3; ++level) {
        Column& frame = walks.add(fmt::format("frame{}", level), Encoding::delta);
        Column& bits = walks.add(fmt::format("bits{}", level), Encoding::plain);
        for (std::uint32_t i = 0; i < walks_.size(); ++i) {
            const emu::Pte entry = emu::Pte::from_raw(walks_[i].entries.at(level));
            frame.append(frame_field(entry));
            bits.append(bits_field(entry));
        }
    }
    for (std::uint32_t i = 0; i < walks_.size(); ++i) {
        root.append(walks_[i].root);
        count.append(walks_[i].count);
    }
}

void ReportWriter::add_totals(Payload& payload) const {
    const auto add_counts = [](Table& table, const std::vector<KindCounts>& totals, std::uint32_t rows) {
        for (std::size_t kind = 0; kind < mm::fault_kind_count; ++kind) {
            Column& column = table.add(fmt::format("kind{}", kind), Encoding::plain);
            for (std::uint32_t row = 0; row < rows; ++row)
                column.append(row < totals.size() ? totals[row].at(kind) : 0);
        }
    };
    Table& functions = payload.add_table("by_function");
    Column& name = functions.add("name", Encoding::delta);
    for (std::uint32_t row = 0; row < functions_.size(); ++row) name.append(payload.string_index(functions_[row]));
    add_counts(functions, by_function_, functions_.size());

    Table& areas = payload.add_table("by_vma");
    Column& area_pid = areas.add("pid", Encoding::plain);
    Column& area_page = areas.add("page", Encoding::delta);
    Column& area_name = areas.add("name", Encoding::delta);
    Column& protection = areas.add("protection", Encoding::delta);
    for (std::uint32_t row = 0; row < vma_areas_.size(); ++row) {
        area_pid.append(vma_areas_[row].pid);
        area_page.append(vma_areas_[row].page);
        area_name.append(payload.string_index(vma_areas_[row].name));
        protection.append(payload.string_index(vma_areas_[row].protection));
    }
    add_counts(areas, by_area_, vma_areas_.size());
}

void ReportWriter::add_parts(Payload& payload) const {
    std::vector<TouchedPage> touched;
    touched.reserve(faults_.all().size());
    // By name alone: the same mapping of several processes is one part.
    Interner<std::pair<std::string, std::string>> labels(vma_areas_.size() + 1);
    std::vector<std::uint32_t> label_of(vma_areas_.size());
    for (std::uint32_t i = 0; i < vma_areas_.size(); ++i) {
        label_of[i] = labels.index_of({vma_areas_[i].name, vma_areas_[i].protection});
    }
    for (const FaultRow& row : faults_.all()) touched.push_back({row.page, label_of[vmas_[row.vma].area]});
    Table& table = payload.add_table("axis");
    Column& page = table.add("page", Encoding::delta);
    Column& pages = table.add("pages", Encoding::plain);
    for (const AddressPart& part : address_parts(std::move(touched), most_parts)) {
        page.append(part.page);
        pages.append(part.pages);
    }
}

void ReportWriter::add_areas(Payload& payload) const {
    Table& table = payload.add_table("areas");
    Column& pid = table.add("pid", Encoding::plain);
    Column& page = table.add("page", Encoding::delta);
    Column& pages = table.add("pages", Encoding::plain);
    Column& protection = table.add("protection", Encoding::plain);
    Column& name = table.add("name", Encoding::plain);
    Column& from = table.add("from", Encoding::delta);
    Column& to = table.add("to", Encoding::plain);  // and 1; 0: the end
    const auto add = [&](const Area& area) {
        pid.append(area.pid);
        page.append(area.range.start.value() >> page_shift);
        pages.append(area.range.page_count().value());
        protection.append(payload.string_index(area.protection));
        name.append(payload.string_index(area.name));
        from.append(area.from_ns);
        to.append(area.open ? 0 : area.to_ns + 1);
    };
    for (const Area& area : has_mappings_ ? areas_.areas() : areas_of_faults()) add(area);
}

std::vector<Area> ReportWriter::areas_of_faults() const {
    std::vector<Area> areas(vmas_.size());
    for (const FaultRow& row : faults_.all()) {
        if (row.vma == 0) continue;
        Area& area = areas[row.vma];
        if (area.open) {
            const VmaKey& vma = vmas_[row.vma];
            const AreaKey& key = vma_areas_[vma.area];
            const VirtAddr start(vma.page << page_shift);
            area = {key.pid, {start, start + vma.pages * page_size}, key.protection, key.name, row.time_ns, 0, false};
        }
        area.to_ns = row.time_ns;
    }
    std::erase_if(areas, [](const Area& area) { return area.open; });
    std::stable_sort(areas.begin(), areas.end(), [](const Area& a, const Area& b) { return a.from_ns < b.from_ns; });
    return areas;
}

void ReportWriter::add_samples(Payload& payload) const {
    Table& table = payload.add_table("samples");
    const auto add = [&](std::string_view name, auto&& value) {
        Column& column = table.add(name, Encoding::delta);
        for (const mm::MemorySample& sample : samples_) column.append(value(sample));
    };
    add("time", [](const mm::MemorySample& sample) { return sample.time_ns; });
    add("free", [](const mm::MemorySample& sample) { return sample.free_frames; });
    add("user", [](const mm::MemorySample& sample) { return sample.user_frames; });
    add("swap_slots", [](const mm::MemorySample& sample) { return sample.used_swap_slots; });
    for (std::size_t order = 0; order < mm::MemorySample{}.free_blocks.size(); ++order) {
        add(fmt::format("order{}", order),
            [order](const mm::MemorySample& sample) { return sample.free_blocks.at(order); });
    }

    Table& processes = payload.add_table("sample_processes");
    Column& index = processes.add("sample", Encoding::delta);
    Column& pid = processes.add("pid", Encoding::delta);
    Column& anonymous = processes.add("anonymous", Encoding::delta);
    Column& file = processes.add("file", Encoding::delta);
    Column& shared = processes.add("shared", Encoding::delta);
    Column& swap = processes.add("swap", Encoding::delta);
    Column& page_tables = processes.add("page_tables", Encoding::delta);
    for (std::size_t i = 0; i < samples_.size(); ++i) {
        for (const mm::ProcessMemory& process : samples_[i].processes) {
            index.append(i);
            pid.append(process.pid);
            anonymous.append(process.anonymous);
            file.append(process.file);
            shared.append(process.shared_memory);
            swap.append(process.swap);
            page_tables.append(process.page_tables);
        }
    }
}

void ReportWriter::add_task_events(Payload& payload) const {
    Table& table = payload.add_table("process_events");
    Column& type = table.add("type", Encoding::plain);
    Column& time = table.add("time", Encoding::delta);
    Column& pid = table.add("pid", Encoding::plain);
    Column& other = table.add("other", Encoding::plain);  // fork: the parent; exit: the status
    Column& path = table.add("path", Encoding::plain);
    Column& signal = table.add("signal", Encoding::plain);
    for (const TaskEvent& event : task_events_) {
        type.append(static_cast<std::uint64_t>(event.kind));
        time.append(event.time_ns);
        pid.append(event.pid);
        other.append(event.kind == TaskEvent::Kind::exit ? static_cast<std::uint64_t>(event.status & 0xff)
                                                         : event.parent);
        path.append(payload.string_index(event.path));
        signal.append(static_cast<std::uint64_t>(event.signal & 0xff));
    }
}

void ReportWriter::add_tree(Payload& payload) const {
    if (!tree_) return;
    std::string note;
    if (tree_->left_out > 0) note = fmt::format("{} more runs of entries are left out.", grouped(tree_->left_out));
    std::string json =
        fmt::format(R"({{"pid":{},"root":{},"tables":{},"note":)", tree_->pid, tree_->root.value(), tree_->table_count);
    append_json_string(json, note);
    payload.add_json("tree", json + "}");
    Table& table = payload.add_table("tree");
    Column& level = table.add("level", Encoding::plain);
    Column& page = table.add("page", Encoding::delta);
    Column& count = table.add("count", Encoding::plain);
    Column& frame = table.add("frame", Encoding::delta);
    Column& bits = table.add("bits", Encoding::plain);
    for (const TableRow& row : tree_->rows) {
        level.append(row.level);
        page.append(row.page);
        count.append(row.count);
        frame.append(frame_field(row.entry));
        bits.append(bits_field(row.entry));
    }
}

}  // namespace fl::trace::report
