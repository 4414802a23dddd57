#include "kernel/fault_log.hpp"

#include "kernel/peek.hpp"
#include "kernel/processes.hpp"

#include <array>
#include <csignal>
#include <span>

namespace fl::kernel {

namespace {

// unhandled_signal(), and whether there was too much of it lately.
bool is_to_be_told(System& system, int signal) {
    const auto handler = system.task.signals.action(signal).handler;
    if (handler != SignalAction::default_action && handler != SignalAction::ignore) return false;
    return system.processes.kernel().printk_rate.allows(system.clock.monotonic_ns());
}

// mm/util.c, print_vma_addr(): "name[offset in the file,start+size]".
std::string vma_text(const mm::MmStruct& mm, VirtAddr address) {
    const mm::Vma* vma = address < mm::task_size ? mm.vmas().find(address) : nullptr;
    if (vma == nullptr || vma->start() > address || vma->file() == nullptr) return {};
    const std::string& path = vma->file()->identity().path;
    const std::uint64_t in_file = address - vma->start() + (vma->pgoff() << page_shift);
    return fmt::format(" in {}[{:x},{:x}+{:x}]", path.substr(path.rfind('/') + 1), in_file, vma->start().value(),
                       vma->end() - vma->start());
}

// show_opcodes(): what is in memory around the instruction.
std::string code_text(const System& system, std::uint64_t rip) {
    constexpr std::uint64_t before_bytes = 42, code_bytes = 64;  // PROLOGUE_SIZE, OPCODE_BUFSIZE
    const VirtAddr start(rip - before_bytes);
    std::array<std::byte, code_bytes> code{};
    if (peek_memory(system.memory.ram(), *system.task.mm, start, code) < code.size()) {
        return fmt::format("Code: Unable to access opcode bytes at {:#x}.", start.value());
    }
    std::string text = "Code:";
    for (std::size_t i = 0; i < code.size(); ++i) {
        text += fmt::format(fmt::runtime(i == before_bytes ? " <{:02x}>" : " {:02x}"), std::to_integer<int>(code[i]));
    }
    return text;
}

// Those of arch/x86/kernel/traps.c that are told; nullptr: not this one.
const char* name_of(std::uint64_t vector) {
    switch (vector) {
        case 0: return "trap divide error";
        case 4: return "trap overflow";
        case 5: return "trap bounds";
        case 6: return "trap invalid opcode";
        case 12: return "trap stack segment";
        case 13: return "general protection fault";
        case 17: return "trap alignment check";
        default: return nullptr;
    }
}

}  // namespace

void log_segfault(System& system, const Trap& trap, VirtAddr address) {
    if (trap.signal.number != SIGSEGV || !is_to_be_told(system, SIGSEGV)) return;
    const Task& task = system.task;
    const emu::Registers& r = task.registers;
    system.processes.kernel().log.print(
        LogLevel::info,
        "{}[{}]: segfault at {:x} ip {:016x} sp {:016x} error {:x}{} likely on CPU 0 (core 0, "
        "socket 0)",
        task.name, task.tid, address.value(), r.rip, r.rsp, trap.state.error_code, vma_text(*task.mm, VirtAddr(r.rip)));
    system.processes.kernel().log.print(LogLevel::info, "{}", code_text(system, r.rip));
}

void log_exception(System& system, const Trap& trap) {
    const char* name = name_of(trap.state.number);
    if (name == nullptr || !is_to_be_told(system, trap.signal.number)) return;
    const Task& task = system.task;
    const emu::Registers& r = task.registers;
    system.processes.kernel().log.print(LogLevel::info, "traps: {}[{}] {} ip:{:x} sp:{:x} error:{:x}{}", task.name,
                                        task.tid, name, r.rip, r.rsp, trap.state.error_code,
                                        vma_text(*task.mm, VirtAddr(r.rip)));
}

}  // namespace fl::kernel
