// JsonlWriter: a trace as JSON lines, one object per fault, always with these fields in this order:
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
//   vma               {start, end, prot, name} of the mapping once the fault is resolved; null where there is none
//   pfn               number of the frame behind the address afterwards; null where there is none
//   pte_before, pte_after   the page-table entry
//   tables_allocated  page-table pages that the fault needed
//
// Addresses and page-table entries are hexadecimal strings, as JSON's numbers lose bits beyond 2^53 in many readers;
// counts are numbers.
#pragma once

#include "trace/output.hpp"
#include "trace/writer.hpp"

#include <string>
#include <vector>

namespace fl::trace {

class JsonlWriter final : public Writer {
public:
    // `output` must outlive the writer.
    explicit JsonlWriter(Output& output);

    void write(const TracedFault& fault) noexcept override;
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

    const std::string& instruction_fields(const TracedFault& fault);
    const std::string& vma_fields(const mm::VmaSnapshot& vma);
    void write_line(const mm::FaultEvent& event, const std::string& instruction, const std::string& vma) noexcept;

    Output& output_;
    std::vector<InstructionFields> known_instructions_;  // by id, modulo its size
    InstructionFields unknown_instruction_;
    VmaFields last_vma_;
    const std::string no_vma_ = "null";
};

}  // namespace fl::trace
