#include "trace/fault_tracer.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace fl::trace {

namespace {

// Programs fault at a few thousand places; one that generates code without end must not fill the host's memory.
constexpr std::size_t max_known_instructions = 65536;

}  // namespace

void FaultTracer::attach(ImageInfo image, const CodeReader& code) {
    symbolizer_ = std::make_unique<Symbolizer>(std::move(image));
    disassembler_ = std::make_unique<Disassembler>();
    code_ = &code;
    known_.clear();
}

void FaultTracer::on_fault(const mm::FaultEvent& event) noexcept {
    const VirtAddr address = event.origin.instruction;
    const Instruction* instruction = &unknown_;
    const bool in_exec = event.mode == emu::Mode::kernel && address == VirtAddr();
    if (code_ != nullptr && !in_exec) {
        try {
            instruction = &instruction_at(address);
        } catch (const std::exception&) {
            // No memory left for names: the fault is reported without them. Nothing may be thrown into the emulator.
        }
    }
    writer_.write({event, *instruction});
    if (mm::is_fatal(event.kind)) writer_.flush();
}

const Instruction& FaultTracer::instruction_at(VirtAddr address) {
    Code code;
    code.size = code_->peek(address, code.bytes);
    // What lies behind the readable bytes is not part of what is compared.
    std::fill(code.bytes.begin() + static_cast<std::ptrdiff_t>(code.size), code.bytes.end(), std::byte{0});
    auto found = known_.find(address);
    if (found == known_.end()) {
        if (known_.size() >= max_known_instructions) known_.clear();
        found = known_.try_emplace(address).first;
        describe(found->second, address, code);
    } else if (found->second.code != code) {
        describe(found->second, address, code);
    }
    return found->second.instruction;
}

void FaultTracer::describe(KnownInstruction& known, VirtAddr address, const Code& code) {
    CodeLocation location = symbolizer_->locate(address);
    std::string text = disassembler_->disassemble(address, std::span(code.bytes).first(code.size));
    known.instruction = {++last_id_, std::move(location.symbol), std::move(location.source), std::move(text)};
    known.code = code;
}

}  // namespace fl::trace
