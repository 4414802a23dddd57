#include "trace/fault_tracer.hpp"

#include "trace/code_names.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace fl::trace {

namespace {

// Programs fault at a few thousand places; one that generates code without end must not fill the host's memory.
constexpr std::size_t max_known_instructions = 65536;
constexpr std::size_t max_images = 16;

}  // namespace

void FaultTracer::attach(const CodeReader& code) {
    disassembler_ = std::make_unique<Disassembler>();
    code_ = &code;
    images_.clear();
    known_count_ = 0;
}

FaultTracer::Image& FaultTracer::current_image() {
    const auto running = code_->image();
    const ImageKey key = running ? ImageKey{running->file->id(), running->load_bias} : ImageKey{};
    auto found = images_.find(key);
    if (found == images_.end()) {
        if (images_.size() >= max_images) {
            images_.clear();
            known_count_ = 0;
        }
        found = images_.try_emplace(key, running ? image_bytes(*running->file) : std::vector<std::byte>(), key.second)
                    .first;
    }
    return found->second;
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
    // The clock counts what succeeded.
    const std::uint64_t cost_ns = mm::is_fatal(event.kind) ? 0 : event.major ? costs_.major_ns : costs_.minor_ns;
    writer_.write({event, *instruction, cost_ns});
    if (sampler_ != nullptr) sampler_->note_fault(event.origin.time_ns);
    if (mm::is_fatal(event.kind)) writer_.flush();
}

const Instruction& FaultTracer::instruction_at(VirtAddr address) {
    Code code;
    code.size = code_->peek(address, code.bytes);
    // What lies behind the readable bytes is not part of what is compared.
    std::fill(code.bytes.begin() + static_cast<std::ptrdiff_t>(code.size), code.bytes.end(), std::byte{0});
    if (known_count_ >= max_known_instructions) {
        for (auto& [key, image] : images_) image.instructions.clear();
        known_count_ = 0;
    }
    Image& image = current_image();
    const auto [found, is_new] = image.instructions.try_emplace(address);
    if (is_new) ++known_count_;
    if (is_new || found->second.code != code) describe(found->second, image, address, code);
    return found->second.instruction;
}

void FaultTracer::describe(KnownInstruction& known, Image& image, VirtAddr address, const Code& code) {
    CodeLocation location = image.names.locate(address);
    std::string text = disassembler_->disassemble(address, std::span(code.bytes).first(code.size));
    known.instruction = {++last_id_, std::move(location.symbol), std::move(location.source), std::move(text)};
    known.code = code;
}

}  // namespace fl::trace
