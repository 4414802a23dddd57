// FaultTracer: sees every fault, finds out which instruction took it, and hands both to a writer.
//
// What was found out is kept by address and shown again only while the bytes there are the same, so that code which
// writes itself is shown as it was at each fault.
#pragma once

#include "trace/code_reader.hpp"
#include "trace/disassembler.hpp"
#include "trace/symbolizer.hpp"
#include "trace/writer.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>

namespace fl::trace {

class FaultTracer final : public mm::FaultObserver {
public:
    // `writer` must outlive the tracer.
    explicit FaultTracer(Writer& writer) : writer_(writer) {}

    // The program is loaded: from now on its instructions can be named. Faults that exec itself took came before and
    // have none. `code` must live for as long as faults arrive.
    void attach(ImageInfo image, const CodeReader& code);

    void on_fault(const mm::FaultEvent& event) noexcept override;

private:
    struct Code {
        std::array<std::byte, max_instruction_bytes> bytes{};
        std::size_t size = 0;
        friend bool operator==(const Code&, const Code&) = default;
    };
    struct KnownInstruction {
        Code code;
        Instruction instruction;
    };

    const Instruction& instruction_at(VirtAddr address);
    void describe(KnownInstruction& known, VirtAddr address, const Code& code);

    Writer& writer_;
    const CodeReader* code_ = nullptr;
    std::unique_ptr<Symbolizer> symbolizer_;
    std::unique_ptr<Disassembler> disassembler_;
    std::unordered_map<VirtAddr, KnownInstruction> known_;
    std::uint64_t last_id_ = 0;
    const Instruction unknown_{};
};

}  // namespace fl::trace
