#include "trace/unwinder.hpp"

#include "trace/elf_image.hpp"
#include "trace/symbol_table.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>

#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

namespace fl::trace {

namespace {

using Value = std::optional<std::uint64_t>;

struct CfiEnd {
    void operator()(Dwarf_CFI* cfi) const { dwarf_cfi_end(cfi); }
};
struct FrameEnd {
    void operator()(Dwarf_Frame* frame) const { std::free(frame); }
};
using CfiFrame = std::unique_ptr<Dwarf_Frame, FrameEnd>;

}  // namespace

// The program's file. Addresses are the file's, before any load bias.
class Unwinder::Image {
public:
    explicit Image(std::vector<std::byte> bytes) : bytes_(std::move(bytes)), elf_(open_elf(bytes_)) {
        if (elf_ == nullptr) return;
        symbols_ = SymbolTable::read(*elf_);
        cfi_.reset(dwarf_getcfi_elf(elf_.get()));
    }

    // nullptr: nothing is known of the frame of this code.
    CfiFrame frame_at(std::uint64_t address) const {
        Dwarf_Frame* frame = nullptr;
        if (cfi_ != nullptr && dwarf_cfi_addrframe(cfi_.get(), address, &frame) != 0) frame = nullptr;
        return CfiFrame(frame);
    }

    // Whether a CALL of the function that holds `inside` ends in front of `address`.
    bool is_behind_call_of(std::uint64_t inside, std::uint64_t address) const {
        constexpr std::byte call_relative{0xe8};
        constexpr std::uint64_t call_bytes = 5;
        const Value function = symbols_.start_of(inside);
        if (!function || address < call_bytes) return false;
        const std::span<const std::byte> code = code_at(address - call_bytes, call_bytes);
        if (code.empty() || code[0] != call_relative) return false;
        std::int32_t distance = 0;
        std::memcpy(&distance, code.data() + 1, sizeof distance);
        return address + static_cast<std::uint64_t>(std::int64_t{distance}) == *function;
    }

    bool is_code(std::uint64_t address) const { return !code_at(address, 1).empty(); }

private:
    // Empty: not all of it is code of the file.
    std::span<const std::byte> code_at(std::uint64_t address, std::uint64_t size) const {
        std::size_t count = 0;
        if (elf_ == nullptr || elf_getphdrnum(elf_.get(), &count) != 0) return {};
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr header{};
            if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr) continue;
            if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0 || address < header.p_vaddr) continue;
            const std::uint64_t at = address - header.p_vaddr;
            if (at >= header.p_filesz || size > header.p_filesz - at) continue;
            if (header.p_offset > bytes_.size() || at >= bytes_.size() - header.p_offset) continue;
            if (size > bytes_.size() - header.p_offset - at) continue;
            return std::span(bytes_).subspan(header.p_offset + at, size);
        }
        return {};
    }

    std::vector<std::byte> bytes_;
    ElfImage elf_;
    SymbolTable symbols_;
    std::unique_ptr<Dwarf_CFI, CfiEnd> cfi_;
};

// One activation of a function: what is known of its registers.
class Unwinder::Frame {
public:
    Frame(const Image& image, std::uint64_t load_bias, const CallState& state)
        : image_(image), load_bias_(load_bias), stack_(state.stack), stack_start_(state.registers[CallState::rsp]) {
        for (std::size_t i = 0; i < registers_.size(); ++i) registers_.at(i) = state.registers.at(i);
    }

    // Becomes the caller's. False: it is not known.
    bool go_up() {
        const std::uint64_t place = *registers_[CallState::return_address] - load_bias_;
        // A call may be a function's last instruction, so that it returns behind it.
        const std::uint64_t inside = is_innermost_ ? place : place - 1;
        const bool found = go_up_by_cfi(inside) || go_up_by_call(inside);
        is_innermost_ = false;
        return found && image_.is_code(*registers_[CallState::return_address] - 1 - load_bias_);
    }

    VirtAddr return_address() const { return VirtAddr(*registers_[CallState::return_address]); }

private:
    Value stack_word(std::uint64_t address) const {
        const std::uint64_t at = address - stack_start_;
        if (at > stack_.size() || stack_.size() - at < sizeof(std::uint64_t)) return std::nullopt;
        std::uint64_t word = 0;
        std::memcpy(&word, stack_.data() + at, sizeof word);
        return word;
    }

    Value with_offset(std::uint64_t number, std::uint64_t offset) const {
        if (number >= registers_.size() || !registers_.at(number)) return std::nullopt;
        return *registers_.at(number) + offset;
    }

    // The expressions that compilers write: a register, or the frame's address, and what is added to it.
    Value evaluate(std::span<const Dwarf_Op> operations, Value cfa) const {
        Value top;
        for (const Dwarf_Op& operation : operations) {
            if (operation.atom == DW_OP_call_frame_cfa) {
                top = cfa;
            } else if (operation.atom >= DW_OP_breg0 && operation.atom <= DW_OP_breg31) {
                top = with_offset(operation.atom - DW_OP_breg0, operation.number);
            } else if (operation.atom == DW_OP_bregx) {
                top = with_offset(operation.number, operation.number2);
            } else if (operation.atom == DW_OP_plus_uconst && top) {
                top = *top + operation.number;
            } else {
                return std::nullopt;
            }
        }
        return top;
    }

    Value caller_register(Dwarf_Frame& frame, std::size_t number, std::uint64_t cfa) const {
        Dwarf_Op memory[3];
        Dwarf_Op* operations = nullptr;
        std::size_t count = 0;
        if (dwarf_frame_register(&frame, static_cast<int>(number), memory, &operations, &count) != 0) {
            return std::nullopt;
        }
        if (count == 0) return operations == nullptr ? registers_.at(number) : std::nullopt;
        const bool is_value = operations[count - 1].atom == DW_OP_stack_value;
        const Value result = evaluate({operations, is_value ? count - 1 : count}, cfa);
        if (is_value || !result) return result;
        return stack_word(*result);
    }

    bool go_up_by_cfi(std::uint64_t inside) {
        const CfiFrame frame = image_.frame_at(inside);
        if (frame == nullptr) return false;
        Dwarf_Op* operations = nullptr;
        std::size_t count = 0;
        if (dwarf_frame_cfa(frame.get(), &operations, &count) != 0) return false;
        const Value cfa = evaluate({operations, count}, std::nullopt);
        if (!cfa || !registers_[CallState::rsp] || *cfa <= *registers_[CallState::rsp]) return false;
        Registers caller;
        for (std::size_t i = 0; i < caller.size(); ++i) caller.at(i) = caller_register(*frame, i, *cfa);
        if (!caller[CallState::return_address]) return false;
        caller[CallState::rsp] = cfa;
        registers_ = caller;
        return true;
    }

    bool go_up_by_call(std::uint64_t inside) {
        if (!registers_[CallState::rsp]) return false;
        std::uint64_t at = *registers_[CallState::rsp];
        for (Value word = stack_word(at); word; word = stack_word(at += sizeof(std::uint64_t))) {
            if (!image_.is_behind_call_of(inside, *word - load_bias_)) continue;
            registers_ = {};  // what the function has kept of its caller's is not known
            registers_[CallState::rsp] = at + sizeof(std::uint64_t);
            registers_[CallState::return_address] = word;
            return true;
        }
        return false;
    }

    using Registers = std::array<Value, 17>;

    const Image& image_;
    std::uint64_t load_bias_;
    std::span<const std::byte> stack_;
    std::uint64_t stack_start_;
    Registers registers_;
    bool is_innermost_ = true;
};

Unwinder::Unwinder(std::vector<std::byte> file_bytes, std::uint64_t load_bias)
    : image_(std::make_unique<Image>(std::move(file_bytes))), load_bias_(load_bias) {}

Unwinder::~Unwinder() = default;

std::vector<VirtAddr> Unwinder::callers(const CallState& state, std::size_t most) {
    std::vector<VirtAddr> found;
    Frame frame(*image_, load_bias_, state);
    while (found.size() < most && frame.go_up()) found.push_back(frame.return_address());
    return found;
}

}  // namespace fl::trace
