#include "emu/cpuid.hpp"

#include "emu/cpu_model.hpp"
#include "emu/unicorn_error.hpp"

#include <array>

namespace fl::emu {

namespace {

constexpr std::uint64_t code_address = 0x1000;
constexpr std::uint64_t code_bytes = 0x1000;
constexpr std::array<std::uint8_t, 2> cpuid_instruction = {0x0f, 0xa2};

}  // namespace

struct CpuidReader::Engine {
    Engine() {
        must(uc_open(UC_ARCH_X86, UC_MODE_64, &handle), "an engine");
        must(uc_ctl_set_cpu_model(handle, cpu_model), "the CPU model");
        must(uc_mem_map(handle, code_address, code_bytes, UC_PROT_ALL), "memory for one instruction");
        must(uc_mem_write(handle, code_address, cpuid_instruction.data(), cpuid_instruction.size()), "to write code");
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() { uc_close(handle); }

    uc_engine* handle = nullptr;
};

CpuidReader::CpuidReader() : engine_(std::make_unique<Engine>()) {}
CpuidReader::~CpuidReader() = default;

CpuidAnswer CpuidReader::read(std::uint32_t leaf, std::uint32_t subleaf) {
    std::array<std::uint64_t, 4> values = {leaf, 0, subleaf, 0};
    constexpr std::array registers = {UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RCX, UC_X86_REG_RDX};
    for (std::size_t i = 0; i < registers.size(); ++i) {
        must(uc_reg_write(engine_->handle, registers[i], &values[i]), "to write a register");
    }
    must(uc_emu_start(engine_->handle, code_address, code_address + cpuid_instruction.size(), 0, 1), "to run CPUID");
    for (std::size_t i = 0; i < registers.size(); ++i) {
        must(uc_reg_read(engine_->handle, registers[i], &values[i]), "to read a register");
    }
    return CpuidAnswer{static_cast<std::uint32_t>(values[0]), static_cast<std::uint32_t>(values[1]),
                       static_cast<std::uint32_t>(values[2]), static_cast<std::uint32_t>(values[3])};
}

}  // namespace fl::emu
