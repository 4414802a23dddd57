#include "trace/disassembler.hpp"

#include <capstone/capstone.h>

namespace fl::trace {

struct Disassembler::Engine {
    csh handle = 0;
    cs_insn* instruction = nullptr;

    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() {
        if (instruction != nullptr) cs_free(instruction, 1);
        if (handle != 0) cs_close(&handle);
    }

    bool open() {
        if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) return false;
        cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_INTEL);
        instruction = cs_malloc(handle);
        return instruction != nullptr;
    }
};

Disassembler::Disassembler() : engine_(std::make_unique<Engine>()) {
    if (!engine_->open()) engine_.reset();
}

Disassembler::~Disassembler() = default;

std::string Disassembler::disassemble(VirtAddr address, std::span<const std::byte> code) {
    if (engine_ == nullptr) return {};
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(code.data());
    std::size_t size = code.size();
    std::uint64_t position = address.value();
    if (!cs_disasm_iter(engine_->handle, &bytes, &size, &position, engine_->instruction)) return {};
    std::string text = engine_->instruction->mnemonic;
    if (engine_->instruction->op_str[0] != '\0') text.append(" ").append(engine_->instruction->op_str);
    return text;
}

}  // namespace fl::trace
