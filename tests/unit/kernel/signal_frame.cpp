#include "kernel/signal_frame.hpp"

#include "kernel/signal_delivery.hpp"
#include "kernel_support.hpp"

#include <sys/ucontext.h>

#include <csignal>
#include <cstddef>

using namespace fl;
using namespace fl::kernel;
using test::TestSystem;

// The layout that programs see, as the host's own headers have it.
static_assert(offsetof(UserContext, flags) == offsetof(ucontext_t, uc_flags));
static_assert(offsetof(UserContext, link) == offsetof(ucontext_t, uc_link));
static_assert(offsetof(UserContext, stack) == offsetof(ucontext_t, uc_stack));
static_assert(offsetof(UserContext, machine) == offsetof(ucontext_t, uc_mcontext));
static_assert(offsetof(UserContext, mask) == offsetof(ucontext_t, uc_sigmask));
static_assert(offsetof(UserStack, base) == offsetof(stack_t, ss_sp));
static_assert(offsetof(UserStack, flags) == offsetof(stack_t, ss_flags));
static_assert(offsetof(UserStack, size_bytes) == offsetof(stack_t, ss_size));
static_assert(sizeof(UserSignalContext) == sizeof(mcontext_t));
static_assert(offsetof(UserSignalContext, fpu_state) == offsetof(mcontext_t, fpregs));
static_assert(offsetof(UserSignalContext, r8) == 8ul * REG_R8 && offsetof(UserSignalContext, r15) == 8ul * REG_R15);
static_assert(offsetof(UserSignalContext, rdi) == 8ul * REG_RDI && offsetof(UserSignalContext, rsi) == 8ul * REG_RSI);
static_assert(offsetof(UserSignalContext, rbp) == 8ul * REG_RBP && offsetof(UserSignalContext, rbx) == 8ul * REG_RBX);
static_assert(offsetof(UserSignalContext, rdx) == 8ul * REG_RDX && offsetof(UserSignalContext, rax) == 8ul * REG_RAX);
static_assert(offsetof(UserSignalContext, rcx) == 8ul * REG_RCX && offsetof(UserSignalContext, rsp) == 8ul * REG_RSP);
static_assert(offsetof(UserSignalContext, rip) == 8ul * REG_RIP &&
              offsetof(UserSignalContext, rflags) == 8ul * REG_EFL);
static_assert(offsetof(UserSignalContext, cs) == 8ul * REG_CSGSFS && offsetof(UserSignalContext, cr2) == 8ul * REG_CR2);
static_assert(offsetof(UserSignalContext, error_code) == 8ul * REG_ERR);
static_assert(offsetof(UserSignalContext, trap_number) == 8ul * REG_TRAPNO);
static_assert(offsetof(UserSignalContext, old_mask) == 8ul * REG_OLDMASK);
static_assert(sizeof(UserSignalInfo) == sizeof(siginfo_t));
static_assert(offsetof(UserSignalInfo, number) == offsetof(siginfo_t, si_signo));
static_assert(offsetof(UserSignalInfo, error) == offsetof(siginfo_t, si_errno));
static_assert(offsetof(UserSignalInfo, code) == offsetof(siginfo_t, si_code));
static_assert(offsetof(UserSignalInfo, address) == offsetof(siginfo_t, si_addr));
static_assert(offsetof(UserSignalInfo, sender) == offsetof(siginfo_t, si_pid));

namespace {

constexpr std::uint64_t handler = 0x40'1000, restorer = 0x40'2000;
constexpr std::uint64_t stack = TestSystem::data_end - 64;
constexpr std::uint64_t with_info = SignalAction::flag_restorer | SignalAction::flag_siginfo;

// Registers that are all different.
emu::Registers marked_registers() {
    emu::Registers r;
    std::uint64_t value = 0x1111'0000;
    for (std::uint64_t* slot : {&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.r8, &r.r9, &r.r10, &r.r11,
                                &r.r12, &r.r13, &r.r14, &r.r15, &r.fs_base, &r.gs_base}) {
        *slot = value++;
    }
    r.rsp = stack;
    r.rip = 0x40'3000;
    r.rflags = emu::rflags_fixed | 0x400 | 0x1'0000 | 0x45;  // direction and resume among others
    return r;
}

void deliver(TestSystem& system, int number, std::uint64_t flags, std::uint64_t mask = 0) {
    system.signals().set_action(number, SignalAction{handler, flags, restorer, mask});
    system.signals().force(SignalInfo{number, SEGV_ACCERR, SignalInfo::Detail::address, 0, 0, 0xabc});
    deliver_signals(system.system(), {});
}

UserSignalFrame frame_of(TestSystem& system) { return system.get<UserSignalFrame>(system.registers().rsp); }

// What the restorer does: RET has taken the return address off the stack.
std::int64_t sigreturn(TestSystem& system) {
    system.registers().rsp += 8;
    return system.call(SYS_rt_sigreturn);
}

}  // namespace

TEST_CASE("the handler's registers and stack") {
    TestSystem system;
    system.registers() = marked_registers();
    deliver(system, SIGSEGV, with_info);
    const emu::Registers& r = system.registers();
    CHECK(r.rip == handler);
    CHECK(r.rdi == SIGSEGV);
    CHECK(r.rsi == r.rsp + offsetof(UserSignalFrame, info));
    CHECK(r.rdx == r.rsp + offsetof(UserSignalFrame, context));
    CHECK(r.rax == 0);
    CHECK(r.rsp % 16 == 8);
    CHECK(r.rsp < stack - 128 - 512 - sizeof(UserSignalFrame) + 16);
    CHECK((r.rflags & (0x400 | 0x1'0000 | 0x100)) == 0);
    CHECK((r.rflags & 0x45) == 0x45);
    CHECK(r.rbx == marked_registers().rbx);
}

TEST_CASE("the frame tells what was interrupted") {
    TestSystem system;
    system.registers() = marked_registers();
    system.cpu().fpu.mxcsr = 0x1fa0;
    system.cpu().fpu.xmm[3][5] = 0x77;
    system.task().trap = TrapState{14, 7, 0xabc};
    system.signals().set_blocked(SignalSet::of(SIGHUP));
    deliver(system, SIGSEGV, with_info);
    const UserSignalFrame frame = frame_of(system);
    const emu::Registers before = marked_registers();
    CHECK(frame.return_address == restorer);
    CHECK(frame.context.flags == 6);
    CHECK(frame.context.link == 0);
    CHECK(frame.context.machine.rip == before.rip);
    CHECK(frame.context.machine.rsp == before.rsp);
    CHECK(frame.context.machine.rflags == before.rflags);
    CHECK(frame.context.machine.r15 == before.r15);
    CHECK(frame.context.machine.rax == before.rax);
    CHECK(frame.context.machine.cs == 0x33);
    CHECK(frame.context.machine.ss == 0x2b);
    CHECK(frame.context.machine.trap_number == 14);
    CHECK(frame.context.machine.error_code == 7);
    CHECK(frame.context.machine.cr2 == 0xabc);
    CHECK(frame.context.machine.old_mask == SignalSet::of(SIGHUP).bits());
    CHECK(frame.context.mask == SignalSet::of(SIGHUP).bits());
    CHECK(frame.info.number == SIGSEGV);
    CHECK(frame.info.code == SEGV_ACCERR);
    CHECK(frame.info.address == 0xabc);
    const std::uint64_t fpu_address = frame.context.machine.fpu_state;
    CHECK(fpu_address % 64 == 0);
    CHECK(fpu_address + 512 <= stack - 128);
    const auto fpu = system.get<emu::FpuState>(fpu_address);
    CHECK(fpu.mxcsr == 0x1fa0);
    CHECK(fpu.xmm[3][5] == 0x77);
    CHECK(system.cpu().fpu.mxcsr == 0x1f80);  // the handler starts with fresh x87 and SSE state
}

TEST_CASE("without SA_SIGINFO the siginfo is not written") {
    TestSystem system;
    system.registers() = marked_registers();
    deliver(system, SIGSEGV, SignalAction::flag_restorer);
    CHECK(frame_of(system).info.number == 0);
}

TEST_CASE("what is blocked while a handler runs") {
    const auto blocked_after = [](std::uint64_t flags) {
        TestSystem system;
        system.registers() = marked_registers();
        deliver(system, SIGUSR1, flags, SignalSet::of(SIGHUP).bits());
        return system.signals().blocked();
    };
    CHECK(blocked_after(with_info) == (SignalSet::of(SIGHUP) | SignalSet::of(SIGUSR1)));
    CHECK(blocked_after(with_info | SignalAction::flag_nodefer) == SignalSet::of(SIGHUP));
}

TEST_CASE("sigreturn restores everything") {
    TestSystem system;
    system.registers() = marked_registers();
    system.cpu().fpu.xmm[15][0] = 9;
    system.signals().set_blocked(SignalSet::of(SIGHUP));
    deliver(system, SIGUSR1, with_info);
    const std::uint64_t frame = system.registers().rsp;
    system.registers() = emu::Registers{};
    system.registers().rsp = frame;
    system.registers().fs_base = marked_registers().fs_base;
    system.registers().gs_base = marked_registers().gs_base;
    CHECK(sigreturn(system) == static_cast<std::int64_t>(marked_registers().rax));
    CHECK(system.registers() == marked_registers());
    CHECK(system.signals().blocked() == SignalSet::of(SIGHUP));
    CHECK(system.cpu().fpu.xmm[15][0] == 9);
}

TEST_CASE("sigreturn takes over user flags only, and never blocks SIGKILL") {
    TestSystem system;
    system.registers() = marked_registers();
    deliver(system, SIGUSR1, with_info);
    UserSignalFrame frame = frame_of(system);
    frame.context.machine.rflags = ~std::uint64_t{0};
    frame.context.mask = ~std::uint64_t{0};
    system.put(system.registers().rsp, frame);
    sigreturn(system);
    CHECK(system.registers().rflags == (emu::rflags_fixed | emu::rflags_user_mask));
    CHECK_FALSE(system.signals().blocked().has(SIGKILL));
}

TEST_CASE("a frame that no kernel wrote is a SIGSEGV") {
    enum class Damage { fpu_address, mxcsr, code_segment, stack_segment };
    for (const Damage damage : {Damage::fpu_address, Damage::mxcsr, Damage::code_segment, Damage::stack_segment}) {
        CAPTURE(static_cast<int>(damage));
        TestSystem system;
        system.registers() = marked_registers();
        deliver(system, SIGUSR1, with_info);
        UserSignalFrame frame = frame_of(system);
        if (damage == Damage::fpu_address) frame.context.machine.fpu_state = TestSystem::kernel_half;
        if (damage == Damage::mxcsr) system.put(frame.context.machine.fpu_state + 24, 0xffff'ffffU);
        if (damage == Damage::code_segment) frame.context.machine.cs = 0x10;
        if (damage == Damage::stack_segment) frame.context.machine.ss = 0;
        system.put(system.registers().rsp, frame);
        sigreturn(system);
        CHECK(system.signals().pending().has(SIGSEGV));
    }
    TestSystem system;
    system.registers().rsp = TestSystem::nowhere;
    system.call(SYS_rt_sigreturn);
    deliver_signals(system.system(), {});
    CHECK(system.task().exit->signal == SIGSEGV);
}

TEST_CASE("a frame without x87 and SSE state resets it") {
    TestSystem system;
    system.registers() = marked_registers();
    system.cpu().fpu.fcw = 0x27f;
    deliver(system, SIGUSR1, with_info);
    UserSignalFrame frame = frame_of(system);
    frame.context.machine.fpu_state = 0;
    system.put(system.registers().rsp, frame);
    sigreturn(system);
    CHECK(system.cpu().fpu.fcw == 0x37f);
}

TEST_CASE("where a frame cannot be written the program ends with SIGSEGV") {
    for (const std::uint64_t rsp : {TestSystem::nowhere, TestSystem::read_only + 0x1000, std::uint64_t{0},
                                    std::uint64_t{100}, TestSystem::kernel_half}) {
        CAPTURE(rsp);
        TestSystem system;
        system.registers().rsp = rsp;
        deliver(system, SIGUSR1, with_info);
        REQUIRE(system.task().exit.has_value());
        CHECK(system.task().exit->signal == SIGSEGV);
        CHECK(system.task().exit->status == 139);
    }
}

TEST_CASE("without SA_RESTORER there is no way back, and so no handler") {
    TestSystem system;
    system.registers() = marked_registers();
    deliver(system, SIGUSR1, SignalAction::flag_siginfo);
    CHECK(system.task().exit->signal == SIGSEGV);
}

TEST_CASE("a handler on the signal stack") {
    constexpr std::uint64_t base = TestSystem::data + 0x1000, size = 0x2000;
    TestSystem system;
    system.registers() = marked_registers();
    system.signals().alternate_stack() = AlternateStack{base, size, 0};
    deliver(system, SIGUSR1, with_info | SignalAction::flag_onstack);
    const std::uint64_t first = system.registers().rsp;
    CHECK((first > base && first < base + size));
    CHECK(frame_of(system).context.stack.base == base);
    CHECK(frame_of(system).context.stack.size_bytes == size);

    // Another one finds the stack in use and goes on below.
    deliver(system, SIGUSR2, with_info | SignalAction::flag_onstack);
    CHECK((system.registers().rsp > base && system.registers().rsp < first));
    // One that does not ask for it goes on where the program is.
    deliver(system, SIGHUP, with_info);
    CHECK(system.registers().rsp > base);
    CHECK_FALSE(system.task().exit.has_value());
    // Each handler that is interrupted by another takes its part, until there is no room for one more.
    constexpr std::uint64_t frame_bytes = 1200;
    for (std::uint64_t i = 0; i < size / frame_bytes; ++i)
        deliver(system, SIGINT, with_info | SignalAction::flag_nodefer);
    deliver(system, SIGQUIT, with_info);
    REQUIRE(system.task().exit.has_value());
    CHECK(system.task().exit->signal == SIGSEGV);
    CHECK(system.get<std::uint64_t>(base - 8) == 0);
}

TEST_CASE("a signal stack without SA_ONSTACK is not used") {
    TestSystem system;
    system.registers() = marked_registers();
    system.signals().alternate_stack() = AlternateStack{TestSystem::data, 0x2000, 0};
    deliver(system, SIGUSR1, with_info);
    CHECK(system.registers().rsp > TestSystem::data + 0x2000);
}

TEST_CASE("SS_AUTODISARM: the stack is given up on entry and comes back with sigreturn") {
    TestSystem system;
    system.registers() = marked_registers();
    const AlternateStack wanted{TestSystem::data, 0x4000, AlternateStack::auto_disarm};
    system.signals().alternate_stack() = wanted;
    deliver(system, SIGUSR1, with_info | SignalAction::flag_onstack);
    CHECK(system.signals().alternate_stack().size_bytes == 0);
    sigreturn(system);
    CHECK(system.signals().alternate_stack().base == wanted.base);
    CHECK(system.signals().alternate_stack().flags == wanted.flags);
}
