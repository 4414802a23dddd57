#include "kernel/signal_frame.hpp"

#include "emu/cpu.hpp"

#include <cstddef>
#include <cstring>

namespace fl::kernel {

namespace {

constexpr std::uint64_t red_zone_bytes = 128;
constexpr std::uint64_t fpu_alignment = 64;
constexpr std::uint64_t frame_alignment = 16;
// An address that no frame can be written to (get_sigframe returns -1).
constexpr std::uint64_t nowhere = ~std::uint64_t{0};

// Bits of RFLAGS that a handler starts without: direction, resume, trap.
constexpr std::uint64_t rflags_cleared = 0x400 | 0x1'0000 | 0x100;

struct FramePlace {
    std::uint64_t frame = nowhere;
    std::uint64_t fpu = 0;
};

// get_sigframe(). Wrapping is harmless: what it leads to cannot be written.
FramePlace place_frame(const Task& task, const SignalAction& action) {
    const AlternateStack& alternate = task.signals.alternate_stack();
    const bool nested = alternate.in_use(task.registers.rsp);
    std::uint64_t sp = task.registers.rsp - red_zone_bytes;
    bool entering = false;
    if ((action.flags & SignalAction::flag_onstack) != 0 && alternate.state(sp) == 0) {
        sp = alternate.base + alternate.size_bytes;
        entering = true;
    }
    FramePlace place;
    place.fpu = (sp - sizeof(emu::FpuState)) & ~(fpu_alignment - 1);
    place.frame = ((place.fpu - sizeof(UserSignalFrame)) & ~(frame_alignment - 1)) - 8;
    // Better dead than writing below the signal stack.
    if ((nested || entering) && !alternate.holds(place.frame)) place.frame = nowhere;
    return place;
}

UserSignalContext signal_context(const Task& task, std::uint64_t fpu) {
    const emu::Registers& r = task.registers;
    UserSignalContext context{};
    context.r8 = r.r8, context.r9 = r.r9, context.r10 = r.r10, context.r11 = r.r11;
    context.r12 = r.r12, context.r13 = r.r13, context.r14 = r.r14, context.r15 = r.r15;
    context.rdi = r.rdi, context.rsi = r.rsi, context.rbp = r.rbp, context.rbx = r.rbx;
    context.rdx = r.rdx, context.rax = r.rax, context.rcx = r.rcx, context.rsp = r.rsp;
    context.rip = r.rip, context.rflags = r.rflags;
    context.cs = emu::user_cs, context.ss = emu::user_ss;
    context.error_code = task.trap.error_code, context.trap_number = task.trap.number;
    context.cr2 = task.trap.address;
    context.old_mask = task.signals.blocked().bits();
    context.fpu_state = fpu;
    return context;
}

void restore_registers(emu::Registers& r, const UserSignalContext& context) {
    r.r8 = context.r8, r.r9 = context.r9, r.r10 = context.r10, r.r11 = context.r11;
    r.r12 = context.r12, r.r13 = context.r13, r.r14 = context.r14, r.r15 = context.r15;
    r.rdi = context.rdi, r.rsi = context.rsi, r.rbp = context.rbp, r.rbx = context.rbx;
    r.rdx = context.rdx, r.rax = context.rax, r.rcx = context.rcx, r.rsp = context.rsp;
    r.rip = context.rip;
    r.rflags = (r.rflags & ~emu::rflags_user_mask) | (context.rflags & emu::rflags_user_mask);
}

// A code or stack segment that does not lead back to 64-bit user mode, which is all that this processor does.
std::optional<std::uint64_t> unusable_selector(const UserContext& context) {
    const std::uint16_t cs = context.machine.cs | 3, ss = context.machine.ss | 3;
    if (cs != emu::user_cs) return cs;
    if (ss != emu::user_ss && (context.flags & uc_strict_restore_ss) != 0) return ss;
    return std::nullopt;
}

template <class T>
std::span<const std::byte> leading_bytes(const T& value, std::size_t count) {
    return std::as_bytes(std::span(&value, 1)).first(count);
}

// Writes what Linux writes, and no byte more: between and behind its parts the old stack shows through.
Result<void> write_frame(Task& task, const FramePlace& place, const UserSignalFrame& frame, bool with_info,
                         const emu::FpuState& fpu) {
    const auto at = [&place](std::size_t offset) { return VirtAddr(place.frame + offset); };
    constexpr std::size_t context_end =
        offsetof(UserSignalFrame, context) + offsetof(UserContext, machine) + offsetof(UserSignalContext, reserved);
    constexpr std::size_t mask_offset = offsetof(UserSignalFrame, context) + offsetof(UserContext, mask);
    // Linux writes the floating-point state first, and a page fault list shows the order.
    if (place.frame == nowhere) return fail(Errno::efault);
    mm::UserMemory& user = *task.user_memory;
    if (auto done = user.write(VirtAddr(place.fpu), fpu); !done) return done;
    if (auto done = user.copy_to(at(0), leading_bytes(frame, context_end)); !done) return done;
    if (auto done = user.write(at(mask_offset), frame.context.mask); !done) return done;
    if (!with_info) return {};
    return user.write(at(offsetof(UserSignalFrame, info)), frame.info);
}

void enter_handler(emu::Registers& r, const Delivery& delivery, std::uint64_t frame) {
    r.rdi = static_cast<std::uint64_t>(delivery.info.number);
    r.rsi = frame + offsetof(UserSignalFrame, info);
    r.rdx = frame + offsetof(UserSignalFrame, context);
    r.rax = 0;
    r.rip = delivery.action.handler;
    r.rsp = frame;
    r.rflags &= ~rflags_cleared;
}

}  // namespace

UserSignalInfo user_signal_info(const SignalInfo& info) {
    UserSignalInfo user{};
    user.number = info.number;
    user.code = info.code;
    switch (info.detail) {
        case SignalInfo::Detail::none: break;
        case SignalInfo::Detail::sender: user.sender = {info.pid, info.uid}; break;
        case SignalInfo::Detail::address: user.address = info.address; break;
        case SignalInfo::Detail::value: user.queued = {info.pid, info.uid, info.value}; break;
        case SignalInfo::Detail::timer: user.timer = {info.timer_id, info.overrun, info.value}; break;
        case SignalInfo::Detail::child:
            user.child = {info.pid, info.uid, info.status, info.user_ticks, info.system_ticks};
            break;
    }
    return user;
}

// do_sigaltstack(): the order of the checks is Linux's.
Result<void> set_alternate_stack(Task& task, const UserStack& wanted) {
    AlternateStack& current = task.signals.alternate_stack();
    if (current.in_use(task.registers.rsp)) return fail(Errno::eperm);
    const std::uint32_t mode = wanted.flags & ~AlternateStack::auto_disarm;
    if (mode != AlternateStack::disabled && mode != AlternateStack::on_stack && mode != 0) return fail(Errno::einval);
    // What is set already is not looked at again.
    if (wanted.base == current.base && wanted.size_bytes == current.size_bytes && wanted.flags == current.flags)
        return {};
    AlternateStack next{wanted.base, wanted.size_bytes, wanted.flags};
    if (mode == AlternateStack::disabled) {
        next.base = 0;
        next.size_bytes = 0;
    } else if (wanted.size_bytes < AlternateStack::min_size_bytes) {
        return fail(Errno::enomem);
    }
    current = next;
    return {};
}

Result<void> push_signal_frame(Task& task, const Delivery& delivery, const emu::FpuState& fpu) {
    const SignalAction& action = delivery.action;
    // x86-64 has no other way back from a handler.
    if ((action.flags & SignalAction::flag_restorer) == 0) return fail(Errno::efault);
    const FramePlace place = place_frame(task, action);

    UserSignalFrame frame{};
    frame.return_address = action.restorer;
    frame.context.flags = uc_sigcontext_ss | uc_strict_restore_ss;
    const AlternateStack& alternate = task.signals.alternate_stack();
    frame.context.stack = UserStack{alternate.base, alternate.flags, 0, alternate.size_bytes};
    frame.context.machine = signal_context(task, place.fpu);
    frame.context.mask = task.signals.mask_to_restore().bits();
    frame.info = user_signal_info(delivery.info);
    const bool with_info = (action.flags & SignalAction::flag_siginfo) != 0;
    if (auto done = write_frame(task, place, frame, with_info, fpu); !done) return done;

    enter_handler(task.registers, delivery, place.frame);
    if ((alternate.flags & AlternateStack::auto_disarm) != 0) {
        task.signals.alternate_stack() = AlternateStack{0, 0, AlternateStack::disabled};
    }
    return {};
}

Result<emu::FpuState> pop_signal_frame(Task& task) {
    mm::UserMemory& user = *task.user_memory;
    const std::uint64_t frame = task.registers.rsp - sizeof(std::uint64_t);
    const auto context = user.read<UserContext>(VirtAddr(frame + offsetof(UserSignalFrame, context)));
    if (!context) return fail(context.error());
    task.signals.set_blocked(SignalSet(context->mask));

    const UserSignalContext& machine = context->machine;
    restore_registers(task.registers, machine);
    if (const auto bad = unusable_selector(*context)) {
        // IRET raises #GP, and names the selector.
        task.trap.number = static_cast<std::uint64_t>(emu::Vector::general_protection);
        task.trap.error_code = *bad & ~std::uint64_t{3};
        return fail(Errno::efault);
    }

    emu::FpuState fpu{};  // a frame without one resets it
    if (machine.fpu_state != 0) {
        const auto saved = user.read<emu::FpuState>(VirtAddr(machine.fpu_state));
        if (!saved) return fail(saved.error());
        fpu = *saved;
    }
    // Loading reserved bits is an exception (Intel SDM vol. 1, 10.5.1.2).
    constexpr std::uint32_t mxcsr_defined = 0xffff;
    if ((fpu.mxcsr & ~mxcsr_defined) != 0) return fail(Errno::efault);
    // Where sigaltstack(2) would refuse the frame's copy the present setting stays, silently (restore_altstack).
    (void)set_alternate_stack(task, context->stack);
    return fpu;
}

}  // namespace fl::kernel
