// JsonlWriter: a trace as JSON lines, one object per event. A fault's always has these fields in this order:
//
//   seq               1, 2, ...
//   time              virtual time since the program's start, nanoseconds
//   pid, tid          who faulted
//   ip                the faulting instruction; in kernel mode the system call's; "0x0" while exec builds the image
//   symbol, source    "main+0x1f", "guest-programs/hello.c:12"; null where unknown
//   insn              "mov dword ptr [rdi], eax"; null where unknown
//   addr              the address that was accessed
//   access            "r", "w" or "x"
//   error_code        as the processor pushes it
//   mode              "user" or "kernel"
//   kind              demand_zero, file_minor, segv_maperr, ...: mm::FaultKind
//   major             something was read from a file or from swap, or a userfaultfd was asked
//   cost              nanoseconds of virtual time that it took, the last ones of `time`
//   vma               {start, end, prot, name} of the mapping once the fault is resolved; null where there is none
//   pfn               number of the frame behind the address afterwards; null where there is none
//   pte_before, pte_after   the page-table entry
//   walk              the page tables afterwards, from the pgd to the pte: [{table, index, entry}, ...], where table
//                     is the frame that holds it. Shorter where a table is missing, empty beyond the user half
//   tables_allocated  page-table pages that the fault needed
//   around            file pages mapped beside the one asked for
//   page_bytes        of the page that was mapped: 4096, or 2097152 for a large one, which is a pmd's
//   reclaim           what was done so that the fault found its frames: {evicted, written, looked_at, victim}; null
//   where
//                     nothing was. victim is {PAGE, dirty, age} of the first page that left, null where none did
//   slot              of swap, where the page came from; null where it did not
//   refault_distance  pages evicted between the eviction of this page and its return; null where it was not evicted
//
// Objects with a field "event", which faults' do not have, tell of reclaim. What was done for a fault comes before it:
//
//   event             "eviction" or "write_back"
//   time              as above
//   for_fault         seq of the fault that needed the frame; null: none
//   reason            "fault", "shrink", "kswapd", "advice", "ahead": mm::ReclaimReason
//   PAGE, pfn         which page, and the frame that it was in
//   eviction          dirty, dropped, age (nanoseconds in memory), slot (null: none)
//   write_back        slot (null: to its file, or there was none), failed
//
// and of processes and their memory (mappings, samples, page tables: trace/events.hpp, mm/memory_sample.hpp,
// trace/table_tree.hpp):
//
//   task              time, kind ("fork", "exec", "exit"), pid, parent, path, status, signal; null where it is not the
//                     kind's
//   mappings          time, pid, all, gone: [{start, end}, ...], mapped: [{start, end, prot, name}, ...]
//   sample            time, free_frames, user_frames, used_swap_slots, free_blocks: [...],
//                     processes: [{pid, anon, file, shmem, swap, page_tables}, ...]
//   page_tables       time, pid, root, tables, left_out, rows: [{level, addr, count, entry}, ...]
//
// where PAGE is
//
//   page              the number under which policies know the page
//   pid, addr         a process that maps it, and where; null: none does
//   file, file_page   of a file's page its path and its number in the file; null: it is private memory
//
// Addresses and page-table entries are hexadecimal strings, as JSON's numbers lose bits beyond 2^53 in many readers;
// counts are numbers.
#pragma once

#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fl::trace {

class JsonlWriter final : public Writer {
public:
    // `output` must outlive the writer.
    explicit JsonlWriter(Output& output);

    void write(const TracedFault& fault) noexcept override;
    void write_eviction(const mm::EvictionEvent& event) noexcept override;
    void write_write_back(const mm::WriteBackEvent& event) noexcept override;
    bool wants_processes() const noexcept override { return true; }
    void write_task(const TaskEvent& event) noexcept override;
    void write_mappings(const MappingsEvent& event) noexcept override;
    void write_sample(const mm::MemorySample& sample) noexcept override;
    void write_tables(const TableTree& tree) noexcept override;
    void finish() noexcept override { output_.flush(); }
    void flush() noexcept override { output_.flush(); }

private:
    // Fields that many events share, as text; made again only when they change.
    struct InstructionFields {
        std::uint64_t id = 0;
        std::string text;
    };
    struct VmaFields {
        VirtRange range{};
        mm::VmFlags flags;
        std::string name;
        std::string text;  // empty: nothing is kept
    };
    struct PathText {
        std::string path;
        std::string text;  // empty: nothing is kept
    };

    // Of one line, what is of any length.
    struct LineTexts {
        const std::string& instruction;
        const std::string& vma;
        const std::string& walk;  // above the last level
        const std::string& victim_path;
    };

    const std::string& instruction_fields(const TracedFault& fault);
    const std::string& vma_fields(const mm::VmaSnapshot& vma);
    const std::string& path_of(const mm::PageName& page);
    void write_line(const TracedFault& fault, const LineTexts& texts) noexcept;
    const std::string& upper_walk(const mm::PageWalk& walk);
    void write_text(const std::string& line) noexcept;
    template <class Event>
    void write_json(const Event& event) noexcept;
    // A line about reclaim: what all have in common, then the fields that `put_own_fields` writes.
    template <class Event, class PutOwnFields>
    void write_reclaim_line(std::string_view name, const Event& event, PutOwnFields&& put_own_fields) noexcept;
    void commit(const char* line, const char* end) noexcept;

    Output& output_;
    std::vector<InstructionFields> known_instructions_;  // by id, modulo its size
    InstructionFields unknown_instruction_;
    VmaFields last_vma_;
    PathText last_path_;
    mm::PageWalk last_walk_;
    std::string last_walk_text_;  // of all levels but the last; empty: nothing is kept
    const std::string null_ = "null";
};

}  // namespace fl::trace
