#include "emu/current_instruction.hpp"

#include "emu/cpu.hpp"

#include <algorithm>
#include <array>

namespace fl::emu {

namespace {

// What stands at `address` for the processor, as far as it is mapped.
std::size_t read_code(Mmu& mmu, Pfn root, VirtAddr address, std::span<std::byte> into) {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto at = address.checked_add(done);
        if (!at || !at->canonical()) break;
        const Pte pte = mmu.peek(root, *at);
        if (!pte.is_present()) break;
        const auto bytes = mmu.ram().frame(pte.pfn_at(*at)).subspan(at->page_offset());
        const std::size_t count = std::min(bytes.size(), into.size() - done);
        std::copy_n(bytes.begin(), count, into.begin() + static_cast<std::ptrdiff_t>(done));
        done += count;
    }
    return done;
}

}  // namespace

// A fetch misses at RIP, or at the start of the page that the instruction reaches into; a data access misses where one
// of the instruction's operands meets the page, at its first byte there.
VirtAddr CurrentInstruction::address_in(VirtAddr page, Access access) const {
    const VirtAddr instruction(registers_.rip);
    if (access == Access::execute) return instruction.page_floor() == page ? instruction : page;

    for (const MemoryOperand& operand : operands()) {
        const VirtAddr start = operand.resolve(registers_);
        if (start.page_floor() == page) return start;
        const auto last = start.checked_add(operand.size_bytes - 1);
        if (last && start < page && page <= *last) return page;
    }
    return page;
}

std::span<const MemoryOperand> CurrentInstruction::operands() const {
    std::array<std::byte, OperandDecoder::max_instruction_bytes> code{};
    const std::size_t code_bytes = read_code(mmu_, root_, VirtAddr(registers_.rip), code);
    return decoder_.operands(std::span(code).first(code_bytes));
}

bool CurrentInstruction::writes_memory() const { return std::ranges::any_of(operands(), &MemoryOperand::is_written); }

bool CurrentInstruction::writes(VirtAddr page) const {
    return std::ranges::any_of(operands(), [&](const MemoryOperand& operand) {
        const VirtAddr start = operand.resolve(registers_);
        const VirtAddr last = start.checked_add(operand.size_bytes - 1).value_or(start);
        return operand.is_written && start.page_floor() <= page && page <= last;
    });
}

bool CurrentInstruction::reaches_through_stack_segment(VirtAddr page) const {
    return std::ranges::any_of(operands(), [&](const MemoryOperand& operand) {
        return operand.resolve(registers_).page_floor() == page && operand.through_stack_segment();
    });
}

// Unicorn reports INT n as exception n with RIP behind it, a real exception at its instruction.
bool is_software_interrupt(Mmu& mmu, Pfn root, const Registers& registers, std::uint32_t vector) {
    const auto is = [](Vector wanted, std::uint32_t actual) { return static_cast<std::uint32_t>(wanted) == actual; };
    // INT3 and INTO may be used by anyone; what raises #GP by itself is refused at its own address.
    if (is(Vector::breakpoint, vector) || is(Vector::overflow, vector) || is(Vector::general_protection, vector)) {
        return false;
    }
    if (registers.rip < 2) return false;
    std::array<std::byte, 4> code{};
    if (read_code(mmu, root, VirtAddr(registers.rip - 2), code) < 2) return false;
    if (code[0] != std::byte{0xcd} || code[1] != static_cast<std::byte>(vector)) return false;
    // A division that fails may follow bytes that only look like INT 0.
    const bool division =
        (code[2] & std::byte{0xfe}) == std::byte{0xf6} && (code[3] & std::byte{0x30}) == std::byte{0x30};
    return !(is(Vector::divide_error, vector) && division);
}

}  // namespace fl::emu
