#include "cli/crash_lesson.hpp"

#include "cli/machine_code.hpp"
#include "cli/size.hpp"
#include "mm/print_to.hpp"
#include "trace/code_names.hpp"
#include "trace/text_cell.hpp"
#include "trace/unwinder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace fl::cli {

namespace {

using kernel::Crash;
using kernel::CrashReason;

std::string bytes_text(std::uint64_t bytes) { return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s"); }

std::string distance_text(std::uint64_t bytes) {
    constexpr std::uint64_t mib = 1 << 20;
    if (bytes < mib) return bytes_text(bytes);
    constexpr std::array units{"MiB", "GiB", "TiB"};
    double value = static_cast<double>(bytes) / static_cast<double>(mib);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
    return fmt::format("{:.1f} {}", value, units.at(unit));
}

std::string mapping_text(const mm::VmaSnapshot& vma) {
    return fmt::format("{:#x}-{:#x} {} {}", vma.range.start.value(), vma.range.end.value(),
                       mm::protection_string(vma.flags), vma.name.empty() ? "anonymous" : trace::printable(vma.name));
}

std::string rights_text(std::uint64_t prot) {
    if (prot == 0) return "PROT_NONE";
    std::string text;
    const auto add = [&](std::uint64_t bit, const char* name) {
        if ((prot & bit) != 0) text += (text.empty() ? "" : "|") + std::string(name);
    };
    add(mm::prot_read, "PROT_READ");
    add(mm::prot_write, "PROT_WRITE");
    add(mm::prot_exec, "PROT_EXEC");
    return text;
}

// A pointer whose bytes are letters most likely was overwritten by a text.
std::string text_in(VirtAddr address) {
    std::string text;
    for (std::uint64_t rest = address.value(); rest != 0; rest >>= 8) {
        const char c = static_cast<char>(rest & 0xff);
        if (c < ' ' || c > '~') return {};
        text += c;
    }
    return text.size() == sizeof(std::uint64_t) ? text : std::string();
}

class Lesson {
public:
    Lesson(const kernel::Machine& machine, const Crash& crash) : crash_(crash), code_(machine), names_(code_) {}

    std::string text() {
        add_access();
        add_mappings();
        add("  likely: {}\n", reason());
        if (crash_.change) add_change(*crash_.change);
        if (crash_.return_address) {
            add("  the top of the stack says that it was called from {}\n", place(*crash_.return_address - 1));
        }
        if (crash_.handler_failed) {
            add("  its signal handler could not run: there is no room for it at the stack pointer, {:#x}\n",
                crash_.stack_pointer.value());
        }
        return std::move(text_);
    }

private:
    template <class... Values>
    void add(fmt::format_string<Values...> format, Values&&... values) {
        print_to(text_, format, std::forward<Values>(values)...);
    }

    std::string place(VirtAddr address) {
        const trace::CodeLocation location = names_.locate(address);
        std::string text =
            location.symbol.empty() ? fmt::format("{:#x}", address.value()) : trace::printable(location.symbol);
        if (!location.source.empty()) text += ", " + trace::printable(location.source);
        return text;
    }

    bool has_address() const { return crash_.reason != CrashReason::privileged; }

    void add_access() {
        const trace::Instruction at = names_.at(crash_.instruction);
        const bool is_fetch = has_address() && crash_.access == emu::Access::execute;
        if (is_fetch) {
            add("  execution of what is at {:#x}\n", crash_.address.value());
            return;
        }
        if (has_address()) {
            add("  {} {:#x} by {}\n", crash_.access == emu::Access::write ? "write to" : "read from",
                crash_.address.value(), place(crash_.instruction));
        } else {
            add("  at {}\n", place(crash_.instruction));
        }
        if (!at.text.empty()) add("    {:#x}: {}\n", crash_.instruction.value(), at.text);
    }

    void add_mappings() {
        if (!has_address()) return;
        const auto& [holder, below, above] = std::tie(crash_.holder, crash_.below, crash_.above);
        if (holder) {
            add("  in the mapping {}\n", mapping_text(*holder));
            return;
        }
        // Of an address beyond all mappings none is near.
        if (crash_.reason == CrashReason::kernel_address || crash_.reason == CrashReason::non_canonical) return;
        const std::uint64_t to_below = below ? crash_.address - below->range.end : 0;
        const std::uint64_t to_above = above ? above->range.start - crash_.address : 0;
        const bool shows_below = below && (!above || to_below <= to_above * far_factor);
        const bool shows_above = above && (!below || to_above <= to_below * far_factor);
        if (shows_below) {
            add("  no mapping there; {} below it ends {}\n", distance_text(to_below), mapping_text(*below));
        }
        if (shows_above) {
            add("  {}{} above it begins {}\n", shows_below ? "" : "no mapping there; ", distance_text(to_above),
                mapping_text(*above));
        }
    }

    void add_change(const mm::MappingChange& change) {
        const std::string pages = fmt::format("{:#x}-{:#x}", change.range.start.value(), change.range.end.value());
        std::string what;
        switch (change.effect) {
            case mm::MappingChange::Effect::unmapped: what = fmt::format("{} unmapped {}", change.call, pages); break;
            case mm::MappingChange::Effect::moved_away:
                what = fmt::format("{} moved {} to {:#x}", change.call, pages, change.moved_to.start.value());
                break;
            case mm::MappingChange::Effect::protected_:
                what = fmt::format("{} gave {} the rights {}", change.call, pages, rights_text(change.prot));
                break;
            case mm::MappingChange::Effect::mapped:
                what = fmt::format("{} mapped {} with {}", change.call, pages, rights_text(change.prot));
                break;
        }
        add("  {}, at {}{}\n", what, place(change.instruction), callers_text());
    }

    // Who called the function that made the system call, and who called that one, up to the first with a source line.
    std::string callers_text() {
        const auto image = code_.image();
        if (!crash_.call_site || !image) return "";
        const emu::Registers& from = crash_.call_site->registers;
        trace::CallState state;
        state.registers = {from.rax, from.rdx, from.rcx, from.rbx, from.rsi, from.rdi, from.rbp, from.rsp, from.r8,
                           from.r9,  from.r10, from.r11, from.r12, from.r13, from.r14, from.r15, from.rip};
        state.stack = crash_.call_site->stack;
        trace::Unwinder unwinder(trace::image_bytes(*image->file), image->load_bias);
        std::string text;
        for (const VirtAddr caller : unwinder.callers(state, most_callers)) {
            text += fmt::format(", {} {}", text.empty() ? "called from" : "from", place(caller - 1));
            if (!names_.locate(caller - 1).source.empty()) break;
        }
        return text;
    }

    std::string null_reason() const {
        if (crash_.access == emu::Access::execute) return "a call through a null function pointer";
        if (crash_.address == VirtAddr(0)) return "a null pointer was used";
        return fmt::format("a null pointer was used, {} past it: a member, or an element of an array",
                           bytes_text(crash_.address.value()));
    }

    std::string read_only_reason() const {
        const mm::VmaSnapshot& vma = *crash_.holder;
        if (crash_.change && crash_.change->effect == mm::MappingChange::Effect::protected_) {
            return "a write to memory that was made read-only";
        }
        if (vma.flags.has(mm::vm_exec)) return "a write to code, which is mapped read-only";
        if (vma.file != nullptr && !crash_.change) {
            return "a write to constant data: a string literal, or something declared const";
        }
        return "a write to a mapping that is read-only";
    }

    std::string past_file_reason() const {
        return fmt::format("the page is past the end of the mapped file, which has {}", bytes_text(crash_.file_bytes));
    }

    std::string non_canonical_reason() const {
        std::string text = "a corrupted pointer: the address is not canonical, bits 63 to 47 are not all equal";
        if (const std::string letters = text_in(crash_.address); !letters.empty()) {
            text += fmt::format("; its bytes are the text \"{}\"", letters);
        }
        return text;
    }

    std::string reason() const {
        switch (crash_.reason) {
            case CrashReason::null_pointer: return null_reason();
            case CrashReason::kernel_address:
                return "a corrupted pointer, or a negative offset: the address is in the kernel's half";
            case CrashReason::non_canonical: return non_canonical_reason();
            case CrashReason::privileged:
                return "the processor refused the instruction itself: it is privileged, or an operand is not allowed";
            case CrashReason::guard_page: return "a guard page was touched (madvise, MADV_GUARD_INSTALL)";
            case CrashReason::stack_limit:
                return fmt::format("stack overflow: the stack may not grow beyond {} (RLIMIT_STACK)",
                                   humanised(crash_.stack_limit_bytes));
            case CrashReason::stack_blocked:
                return "stack overflow: something else lies where the stack would grow, or a limit forbids it";
            case CrashReason::thread_stack:
                return "stack overflow of a thread: the pages below its stack are a guard, without any rights";
            case CrashReason::read_only: return read_only_reason();
            case CrashReason::inaccessible: return "the mapping has no rights at all (PROT_NONE)";
            case CrashReason::not_executable: return "a jump to data: the page is not executable (NX)";
            case CrashReason::unmapped: return "use after unmapping: the address was mapped before";
            case CrashReason::past_heap: return "past the end of the heap (brk)";
            case CrashReason::past_mapping: return "past the end of a mapping: an index or a length that is too large";
            case CrashReason::before_mapping: return "before the start of a mapping: an index below 0";
            case CrashReason::past_file: return past_file_reason();
            case CrashReason::unreadable: return "the page could not be read from swap, or from its file";
            case CrashReason::poisoned: return "a userfaultfd refused the page";
            case CrashReason::wild_jump: return "a wild jump: a bad function pointer, or an overwritten return address";
            case CrashReason::wild_pointer: return "a wild pointer: never initialised, or overwritten";
            case CrashReason::other: return "not known";
        }
        return "";
    }

    static constexpr std::size_t most_callers = 4;
    // A neighbour so many times farther away than the other one is not worth a line.
    static constexpr std::uint64_t far_factor = 16;

    const Crash& crash_;
    MachineCode code_;
    trace::CodeNames names_;
    std::string text_;
};

}  // namespace

std::string crash_lesson(const kernel::Machine& machine) {
    return machine.crash() ? Lesson(machine, *machine.crash()).text() : std::string();
}

}  // namespace fl::cli
