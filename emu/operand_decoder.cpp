#include "emu/operand_decoder.hpp"

#include "emu/assert.hpp"

#include <capstone/capstone.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace fl::emu {

namespace {

constexpr std::size_t cache_entries = 1024;
constexpr std::uint8_t rbp_index = 6;
constexpr std::uint8_t rsp_index = 7;
constexpr std::uint8_t rip_index = 16;

// Registers that can take part in an address, in the order of Registers.
struct RegisterName {
    unsigned full;
    unsigned low32;
};
constexpr std::array<RegisterName, 17> address_registers = {{{X86_REG_RAX, X86_REG_EAX},
                                                             {X86_REG_RBX, X86_REG_EBX},
                                                             {X86_REG_RCX, X86_REG_ECX},
                                                             {X86_REG_RDX, X86_REG_EDX},
                                                             {X86_REG_RSI, X86_REG_ESI},
                                                             {X86_REG_RDI, X86_REG_EDI},
                                                             {X86_REG_RBP, X86_REG_EBP},
                                                             {X86_REG_RSP, X86_REG_ESP},
                                                             {X86_REG_R8, X86_REG_R8D},
                                                             {X86_REG_R9, X86_REG_R9D},
                                                             {X86_REG_R10, X86_REG_R10D},
                                                             {X86_REG_R11, X86_REG_R11D},
                                                             {X86_REG_R12, X86_REG_R12D},
                                                             {X86_REG_R13, X86_REG_R13D},
                                                             {X86_REG_R14, X86_REG_R14D},
                                                             {X86_REG_R15, X86_REG_R15D},
                                                             {X86_REG_RIP, X86_REG_EIP}}};

std::uint8_t index_of(unsigned name) {
    for (std::size_t i = 0; i < address_registers.size(); ++i) {
        const RegisterName& known = address_registers[i];
        if (known.full == name || known.low32 == name) return static_cast<std::uint8_t>(i);
    }
    return MemoryOperand::no_register;
}

std::uint64_t value_of(const Registers& r, std::uint8_t index) {
    switch (index) {
        case 0: return r.rax;
        case 1: return r.rbx;
        case 2: return r.rcx;
        case 3: return r.rdx;
        case 4: return r.rsi;
        case 5: return r.rdi;
        case 6: return r.rbp;
        case 7: return r.rsp;
        case 8: return r.r8;
        case 9: return r.r9;
        case 10: return r.r10;
        case 11: return r.r11;
        case 12: return r.r12;
        case 13: return r.r13;
        case 14: return r.r14;
        case 15: return r.r15;
        case rip_index: return r.rip;
        default: return 0;
    }
}

bool is_any_of(unsigned id, std::initializer_list<unsigned> ids) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Instructions whose memory operand Capstone 4 and 5 call read-only, although it is written.
bool writes_its_memory(unsigned id) {
    return is_any_of(id, {X86_INS_CMPXCHG, X86_INS_CMPXCHG8B, X86_INS_CMPXCHG16B, X86_INS_ROL, X86_INS_ROR, X86_INS_RCL,
                          X86_INS_RCR, X86_INS_SHL, X86_INS_SAL, X86_INS_SHR, X86_INS_SAR, X86_INS_SHLD, X86_INS_SHRD});
}

// And those whose operand it calls written, although it is only read.
bool reads_its_memory(unsigned id) { return is_any_of(id, {X86_INS_TEST, X86_INS_FRSTOR}); }

MemoryOperand explicit_operand(const cs_insn& instruction, const cs_x86_op& operand) {
    const x86_op_mem& memory = operand.mem;
    MemoryOperand result;
    result.base = index_of(memory.base);
    result.index = index_of(memory.index);
    result.scale = static_cast<std::uint8_t>(memory.scale);
    result.address_is_32bit = instruction.detail->x86.addr_size == 4;
    result.segment_is_fs = memory.segment == X86_REG_FS;
    result.segment_is_gs = memory.segment == X86_REG_GS;
    result.is_written =
        ((operand.access & CS_AC_WRITE) != 0 || writes_its_memory(instruction.id)) && !reads_its_memory(instruction.id);
    result.size_bytes = std::max<std::uint32_t>(operand.size, 1);
    result.displacement = memory.disp;
    if (result.base == rip_index) result.displacement += instruction.size;
    // POP computes its target after it has raised RSP (Intel SDM vol. 2, POP).
    if (instruction.id == X86_INS_POP && result.base == rsp_index) result.displacement += operand.size;
    return result;
}

// What an instruction reads or writes on the stack without naming it.
bool stack_operand(const cs_insn& instruction, MemoryOperand& result) {
    const unsigned id = instruction.id;
    const bool narrow = std::find(std::begin(instruction.detail->x86.prefix), std::end(instruction.detail->x86.prefix),
                                  0x66) != std::end(instruction.detail->x86.prefix);
    result.size_bytes = narrow ? 2 : 8;
    result.base = rsp_index;
    if (is_any_of(id, {X86_INS_PUSH, X86_INS_CALL, X86_INS_PUSHF, X86_INS_PUSHFQ})) {
        result.displacement = -static_cast<std::int64_t>(result.size_bytes);
        result.is_written = true;
        return true;
    }
    if (is_any_of(
            id, {X86_INS_POP, X86_INS_RET, X86_INS_POPF, X86_INS_POPFQ, X86_INS_RETF, X86_INS_RETFQ, X86_INS_IRETQ})) {
        return true;
    }
    if (id == X86_INS_LEAVE) {
        result.base = rbp_index;
        return true;
    }
    if (id == X86_INS_ENTER) {
        // Frame pointers of the outer levels, pushed one below the other.
        const std::int64_t levels = instruction.detail->x86.op_count == 2 ? instruction.detail->x86.operands[1].imm : 0;
        result.size_bytes = static_cast<std::uint32_t>(8 * (levels % 32 + 1));
        result.displacement = -static_cast<std::int64_t>(result.size_bytes);
        result.is_written = true;
        return true;
    }
    return false;
}

}  // namespace

struct OperandDecoder::Disassembler {
    csh handle = 0;
    cs_insn* instruction = nullptr;

    Disassembler() {
        FL_ASSERT(cs_open(CS_ARCH_X86, CS_MODE_64, &handle) == CS_ERR_OK);
        FL_ASSERT(cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON) == CS_ERR_OK);
        instruction = cs_malloc(handle);
        FL_ASSERT(instruction != nullptr);
    }
    Disassembler(const Disassembler&) = delete;
    Disassembler& operator=(const Disassembler&) = delete;
    ~Disassembler() {
        cs_free(instruction, 1);
        cs_close(&handle);
    }
};

VirtAddr MemoryOperand::resolve(const Registers& registers) const {
    std::uint64_t address =
        value_of(registers, base) + value_of(registers, index) * scale + static_cast<std::uint64_t>(displacement);
    if (address_is_32bit) address &= 0xffff'ffff;
    if (segment_is_fs) address += registers.fs_base;
    if (segment_is_gs) address += registers.gs_base;
    return VirtAddr(address);
}

bool MemoryOperand::through_stack_segment() const {
    return (base == rsp_index || base == rbp_index) && !segment_is_fs && !segment_is_gs;
}

OperandDecoder::OperandDecoder() = default;
OperandDecoder::~OperandDecoder() = default;

std::span<const MemoryOperand> OperandDecoder::operands(std::span<const std::byte> code) {
    if (code.empty()) return {};
    code = code.first(std::min(code.size(), max_instruction_bytes));
    if (cache_ == nullptr) {
        disassembler_ = std::make_unique<Disassembler>();
        cache_ = std::make_unique<Entry[]>(cache_entries);
    }
    const std::size_t hash =
        std::hash<std::string_view>()(std::string_view(reinterpret_cast<const char*>(code.data()), code.size()));
    Entry& entry = cache_[hash % cache_entries];
    if (entry.code_bytes != code.size() || std::memcmp(entry.code.data(), code.data(), code.size()) != 0) {
        entry = Entry{};
        std::copy(code.begin(), code.end(), entry.code.begin());
        entry.code_bytes = static_cast<std::uint8_t>(code.size());
        decode(entry);
    }
    return std::span<const MemoryOperand>(entry.operands.data(), entry.count);
}

void OperandDecoder::decode(Entry& entry) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(entry.code.data());
    std::size_t size_bytes = entry.code_bytes;
    std::uint64_t address = 0;
    if (!cs_disasm_iter(disassembler_->handle, &bytes, &size_bytes, &address, disassembler_->instruction)) return;
    const cs_insn& instruction = *disassembler_->instruction;
    const cs_x86& x86 = instruction.detail->x86;
    for (std::uint8_t i = 0; i < x86.op_count && entry.count < max_operands; ++i) {
        // LEA and the hint NOPs name an address and do not go there.
        if (x86.operands[i].type != X86_OP_MEM || is_any_of(instruction.id, {X86_INS_LEA, X86_INS_NOP})) continue;
        entry.operands[entry.count++] = explicit_operand(instruction, x86.operands[i]);
    }
    MemoryOperand stack;
    if (entry.count < max_operands && stack_operand(instruction, stack)) entry.operands[entry.count++] = stack;
}

}  // namespace fl::emu
