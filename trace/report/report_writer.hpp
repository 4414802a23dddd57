// ReportWriter: a trace as one HTML page (docs/report.md).
//
// Events are kept as rows while the program runs; the page is made at the end. Its size is bounded: of too many events
// only some are kept, and a note on the page says so. Totals count all.
#pragma once

#include "trace/output.hpp"
#include "trace/report/area_log.hpp"
#include "trace/report/interner.hpp"
#include "trace/report/payload.hpp"
#include "trace/report/rows.hpp"
#include "trace/writer.hpp"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fl::trace::report {

// What stands above everything else. Texts may hold any bytes.
struct ReportHead {
    std::string title;
    std::vector<std::pair<std::string, std::string>> facts;  // name and value
    std::vector<std::string> notes;                          // sentences
};

struct ReportLimits {
    std::size_t faults = std::size_t{1} << 20U;    // and a fifth more than the million
    std::size_t reclaims = std::size_t{1} << 20U;  // pages that left, and write-backs
    std::size_t samples = 4096;
    std::size_t task_events = 4096;
    std::size_t payload_bytes = 4'600'000;  // with the rest of the page below 5 MB
};

class ReportWriter final : public Writer {
public:
    // `output` must outlive the writer.
    explicit ReportWriter(Output& output, ReportLimits limits = {});

    // Before finish(). What is not given is not on the page.
    void set_head(ReportHead head) { head_ = std::move(head); }
    bool has_events() const { return has_events_; }

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    bool wants_processes() const noexcept override { return true; }
    void write_task(const TaskEvent& event) noexcept override;
    void write_mappings(const MappingsEvent& event) noexcept override;
    void write_sample(const mm::MemorySample& sample) noexcept override;
    void write_tables(const TableTree& tree) noexcept override;
    void finish() noexcept override;
    // A page is written at the end or not at all.
    void flush() noexcept override {}

private:
    using KindCounts = std::array<std::uint64_t, mm::fault_kind_count>;

    struct TaskKey {
        std::uint32_t pid = 0, tid = 0;
        friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
    };
    struct ShapeKey {
        emu::Access access{};
        emu::Mode mode{};
        std::uint32_t error_code = 0;
        mm::FaultKind kind{};
        bool major = false;
        friend auto operator<=>(const ShapeKey&, const ShapeKey&) = default;
    };
    struct InstructionKey {
        std::uint64_t address = 0;
        std::string symbol, source, text;
        std::uint32_t function = 0;
        friend auto operator<=>(const InstructionKey&, const InstructionKey&) = default;
    };
    // A mapping as people tell it from others: by its name, or without one by where it starts.
    struct AreaKey {
        std::uint32_t pid = 0;
        std::uint64_t page = 0;  // without a name
        std::string name, protection;
        friend auto operator<=>(const AreaKey&, const AreaKey&) = default;
    };
    struct VmaKey {
        std::uint64_t page = 0, pages = 0, file_page = 0;
        std::uint32_t area = 0;
        friend auto operator<=>(const VmaKey&, const VmaKey&) = default;
    };
    // The upper levels of a walk.
    struct WalkKey {
        std::uint64_t root = 0;
        std::uint8_t count = 0;  // steps of the whole walk
        std::array<std::uint64_t, 3> entries{};
        friend auto operator<=>(const WalkKey&, const WalkKey&) = default;
    };

    template <class Body>
    void keep(Body&& body) noexcept;
    std::uint32_t instruction_index(const TracedFault& fault);
    std::uint32_t vma_index(const mm::FaultEvent& event);
    std::uint32_t walk_index(const mm::PageWalk& walk);
    void add_reclaim(const mm::PageName& page, ReclaimRow row);
    void add_eviction(const mm::EvictionEvent& event);

    Payload payload() const;
    void add_head(Payload& payload) const;
    std::vector<std::string> notes() const;
    void add_events(Payload& payload) const;
    void add_fault_tables(Payload& payload) const;
    void add_totals(Payload& payload) const;
    void add_parts(Payload& payload) const;
    void add_areas(Payload& payload) const;
    void add_samples(Payload& payload) const;
    void add_task_events(Payload& payload) const;
    void add_tree(Payload& payload) const;
    // Where the trace tells of no mappings: those that faults saw.
    std::vector<Area> areas_of_faults() const;

    Output& output_;
    ReportLimits limits_;
    ReportHead head_;
    std::optional<TableTree> tree_;  // of the first process

    Rows<FaultRow> faults_;
    Rows<ReclaimRow> reclaims_;
    AreaLog areas_;
    bool has_mappings_ = false;
    std::vector<mm::MemorySample> samples_;
    std::uint64_t sample_count_ = 0;
    std::uint64_t every_sample_ = 1;
    std::vector<TaskEvent> task_events_;
    std::uint64_t task_event_count_ = 0;

    Interner<TaskKey> tasks_;
    Interner<ShapeKey> shapes_;
    Interner<std::string> functions_;
    Interner<InstructionKey> instructions_;
    Interner<AreaKey> vma_areas_;
    Interner<VmaKey> vmas_;
    Interner<WalkKey> walks_;
    Interner<std::string> files_;
    std::unordered_map<std::uint64_t, std::uint32_t> instruction_of_id_;
    std::optional<mm::VmaSnapshot> last_vma_;
    TaskKey last_vma_task_;
    std::uint32_t last_vma_index_ = 0;

    // Of all events, kept or not.
    std::vector<KindCounts> by_function_, by_area_;
    KindCounts by_kind_{};
    std::uint64_t fault_count_ = 0, major_count_ = 0, eviction_count_ = 0, write_back_count_ = 0, reclaim_rows_ = 0;
    std::uint64_t background_eviction_count_ = 0;  // for no fault in particular
    std::uint64_t last_fault_ = 0, last_reclaim_fault_ = 0, end_ns_ = 0;
    bool has_events_ = false;
    std::uint32_t first_process_ = 0;  // that of the first fault; 0: there was none
    std::uint64_t lost_ = 0;           // events for which the host had no memory
};

}  // namespace fl::trace::report
