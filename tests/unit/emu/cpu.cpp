#include "emu/cpu.hpp"

#include "machine_support.hpp"

#include <sys/time.h>
#include <csignal>

using namespace fl;
using namespace fl::emu;
using namespace fl::emu::test;

namespace {

constexpr VirtAddr code(0x40'0000);
constexpr VirtAddr data(0x50'0000);

using Bytes = std::vector<std::uint8_t>;
const Bytes syscall_bytes = {0x0f, 0x05};

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// mov rdi, imm64
Bytes mov_rdi(std::uint64_t value) {
    Bytes bytes = {0x48, 0xbf};
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
    return bytes;
}

void expect_exception(const Bytes& instructions, Vector vector, std::uint64_t rip_offset) {
    TestMachine machine;
    machine.map(data, user_data);
    machine.registers.rsp = data.value() + 0x800;
    const Exit exit = machine.run(code, instructions);
    CHECK(exit.reason == Exit::Reason::exception);
    CHECK(exit.vector == vector);
    CHECK(machine.registers.rip == code.value() + rip_offset);
}

}  // namespace

TEST_CASE("a system call leaves with the registers as the program set them, and goes on behind it") {
    TestMachine machine;
    machine.registers.rbx = 5;
    // lea rax, [rbx + 2]; syscall; mov rbx, rax; syscall
    const Exit exit =
        machine.run(code, Bytes{0x48, 0x8d, 0x43, 0x02} + syscall_bytes + Bytes{0x48, 0x89, 0xc3} + syscall_bytes);
    CHECK(exit.reason == Exit::Reason::syscall);
    CHECK(machine.registers.rax == 7);
    CHECK(machine.registers.rip == code.value() + 6);
    machine.registers.rax = 99;
    CHECK(machine.cpu->run(machine.registers).reason == Exit::Reason::syscall);
    CHECK(machine.registers.rbx == 99);
    CHECK(machine.registers.rip == code.value() + 11);
}

TEST_CASE("a store is noted, be it through an entry that executes too, and a read of what cannot be written is not") {
    // mov al, [rdi]; mov [rsi], al; syscall
    const Bytes instructions = Bytes{0x8a, 0x07, 0x88, 0x06} + syscall_bytes;
    TestMachine machine;
    const Pfn read = machine.map(data, PteAccess{.writable = false, .user = true, .executable = false});
    const Pfn written = machine.map(data + page_size, user_data);
    const Pfn untouched = machine.map(data + 2 * page_size, user_data);
    machine.registers.rdi = data.value();
    machine.registers.rsi = data.value() + page_size;
    CHECK(machine.run(code, instructions).reason == Exit::Reason::syscall);
    CHECK_FALSE(machine.ram.written_frames().may_hold_bytes(read));
    CHECK(machine.ram.written_frames().may_hold_bytes(written));
    CHECK_FALSE(machine.ram.written_frames().may_hold_bytes(untouched));

    // mov [rip + 0x10], al; syscall: into the page that executes.
    TestMachine own;
    const Pfn all = own.map(code + page_size, user_all);
    own.write(all, 0, Bytes{0x88, 0x05, 0x10, 0, 0, 0} + syscall_bytes);
    own.registers.rip = (code + page_size).value();
    CHECK(own.cpu->run(own.registers).reason == Exit::Reason::syscall);
    CHECK(own.ram.written_frames().may_hold_bytes(all));
}

TEST_CASE("every register survives the way in and out") {
    TestMachine machine;
    Registers& r = machine.registers;
    std::uint64_t value = 0x1111'2222'3333'0001;
    for (std::uint64_t* field : {&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.rsp, &r.r8, &r.r9, &r.r10,
                                 &r.r11, &r.r12, &r.r13, &r.r14, &r.r15}) {
        *field = value++;
    }
    r.fs_base = 0x7fff'0000'1000;
    r.gs_base = 0x7fff'0000'2000;
    r.rflags = rflags_fixed | 1;  // CF
    const Registers before = r;
    machine.run(code, syscall_bytes);
    Registers expected = before;
    expected.rip = code.value() + 2;
    CHECK(r == expected);
}

TEST_CASE("a program cannot raise its privilege through the flags") {
    TestMachine machine;
    machine.registers.rflags = ~std::uint64_t{0} & ~std::uint64_t{0x100};  // IOPL, VM, NT, ...; not TF
    machine.run(code, syscall_bytes);
    CHECK((machine.registers.rflags & ~(rflags_user_mask | rflags_fixed)) == 0);
}

TEST_CASE("a fault is handled inside the run, with the exact instruction, and the access is repeated") {
    TestMachine machine;
    VirtAddr instruction{};
    VirtAddr exact{};
    machine.on_fault = [&](const PageFault& fault) {
        instruction = machine.cpu->instruction_pointer();
        exact = fault.exact_address();
        machine.map(fault.address.page_floor(), user_data);
        return FaultOutcome::retry;
    };
    // mov rdi, data; nop; mov dword [rdi + 8], 7; mov eax, [rdi + 8]; syscall
    const Exit exit = machine.run(code, mov_rdi(data.value()) + Bytes{0x90, 0xc7, 0x47, 0x08, 7, 0, 0, 0} +
                                            Bytes{0x8b, 0x47, 0x08} + syscall_bytes);
    CHECK(exit.reason == Exit::Reason::syscall);
    CHECK(machine.registers.rax == 7);
    REQUIRE(machine.faults.size() == 1);
    CHECK(exact == data + 8);
    CHECK(machine.faults[0].access == Access::write);
    CHECK(machine.faults[0].mode == Mode::user);
    CHECK(machine.faults[0].error_code == (PageFaultCode::write | PageFaultCode::user));
    CHECK(instruction == code + 11);
    CHECK(machine.slot(data).dirty());
}

TEST_CASE("a fatal fault ends the run at the instruction with nothing of it done") {
    TestMachine machine;
    machine.registers.rax = 1;
    // xchg [rdi], rax
    const Exit exit = machine.run(code, mov_rdi(data.value() + 0x123) + Bytes{0x48, 0x87, 0x07} + syscall_bytes);
    CHECK(exit.reason == Exit::Reason::fault);
    CHECK(exit.fault.address == data + 0x123);
    CHECK(machine.registers.rip == code.value() + 10);
    CHECK(machine.registers.rax == 1);
    // The kernel may mend the page and go on.
    machine.map(data, user_data);
    CHECK(machine.cpu->run(machine.registers).reason == Exit::Reason::syscall);
    CHECK(machine.registers.rax == 0);
}

TEST_CASE("an access that crosses into a missing page faults at the second page") {
    TestMachine machine;
    machine.map(data, user_data);
    const Exit exit =
        machine.run(code, mov_rdi(data.value() + page_size - 4) + Bytes{0x48, 0x89, 0x07} + syscall_bytes);
    REQUIRE(exit.reason == Exit::Reason::fault);
    CHECK(exit.fault.address == data + page_size);
}

TEST_CASE("a jump to a page without execute permission is an instruction fault") {
    TestMachine machine;
    machine.map(data, user_data);
    const Exit exit = machine.run(code, mov_rdi(data.value() + 0x45) + Bytes{0xff, 0xe7});  // jmp rdi
    CHECK(exit.reason == Exit::Reason::fault);
    CHECK(exit.fault.address == data + 0x45);
    CHECK(exit.fault.error_code == (PageFaultCode::present | PageFaultCode::user | PageFaultCode::instruction));
    CHECK(machine.registers.rip == data.value() + 0x45);
}

TEST_CASE("a supervisor page is out of the program's reach") {
    TestMachine machine;
    machine.map(data, PteAccess{.writable = true, .user = false, .executable = true});
    const Exit exit = machine.run(code, mov_rdi(data.value()) + Bytes{0x8b, 0x07});
    CHECK(exit.reason == Exit::Reason::fault);
    CHECK(exit.fault.error_code == (PageFaultCode::present | PageFaultCode::user));
}

TEST_CASE("exceptions come with the processor's vector and the instruction") {
    SUBCASE("hlt") { expect_exception({0x90, 0xf4}, Vector::general_protection, 1); }
    SUBCASE("cli") { expect_exception({0x90, 0xfa}, Vector::general_protection, 1); }
    SUBCASE("mov cr3, rax") { expect_exception({0x0f, 0x22, 0xd8}, Vector::general_protection, 0); }
    SUBCASE("wrmsr") { expect_exception({0x0f, 0x30}, Vector::general_protection, 0); }
    SUBCASE("in al, dx") { expect_exception({0x90, 0xec, 0x90}, Vector::general_protection, 1); }
    SUBCASE("out dx, al") { expect_exception({0x90, 0xee, 0x90}, Vector::general_protection, 1); }
    SUBCASE("int 0x80") { expect_exception({0x90, 0xcd, 0x80}, Vector::general_protection, 1); }
    SUBCASE("int 0") { expect_exception({0x90, 0xcd, 0x00, 0x90}, Vector::general_protection, 1); }
    SUBCASE("int 14") { expect_exception({0x90, 0xcd, 0x0e, 0x90}, Vector::general_protection, 1); }
    SUBCASE("sysenter") { expect_exception({0x90, 0x0f, 0x34}, Vector::general_protection, 1); }
    SUBCASE("ud2") { expect_exception({0x90, 0x0f, 0x0b}, Vector::invalid_opcode, 1); }
    SUBCASE("div by zero") { expect_exception({0x31, 0xc9, 0xf7, 0xf1}, Vector::divide_error, 2); }
    SUBCASE("div by zero behind what looks like int 0") {
        // mov eax, 0xcd00...: the division's predecessor ends in the bytes cd 00.
        expect_exception({0x31, 0xc9, 0x66, 0xb8, 0xcd, 0x00, 0xf7, 0xf1}, Vector::divide_error, 6);
    }
    SUBCASE("non-canonical stack") {
        // mov rsp, rdi; push rax
        expect_exception(mov_rdi(0x00ff'0000'0000'0000) + Bytes{0x48, 0x89, 0xfc, 0x50}, Vector::stack_fault, 13);
    }
    SUBCASE("int3") { expect_exception({0x90, 0xcc}, Vector::breakpoint, 2); }
    SUBCASE("non-canonical address") {
        expect_exception(mov_rdi(0x00ff'0000'0000'0000) + Bytes{0x8b, 0x07}, Vector::general_protection, 10);
    }
}

TEST_CASE("an exception over an address that is not canonical says which access it was") {
    TestMachine machine;
    // mov [rdi + 0x10], eax
    const Exit wrote = machine.run(code, mov_rdi(0x00ff'0000'0000'0123) + Bytes{0x89, 0x47, 0x10});
    CHECK(wrote.vector == Vector::general_protection);
    CHECK(wrote.fault.address == VirtAddr(0x00ff'0000'0000'0133));
    CHECK(wrote.fault.access == Access::write);
    TestMachine other;
    CHECK(other.run(code, {0xf4}).fault.address == VirtAddr(0));  // hlt is about no address
}

TEST_CASE("exceptions one after the other do not add up to a double fault") {
    TestMachine machine;
    machine.registers.r15 = 77;
    // hlt; xor ecx, ecx; div ecx; hlt; ud2
    CHECK(machine.run(code, {0xf4, 0x31, 0xc9, 0xf7, 0xf1, 0xf4, 0x0f, 0x0b}).vector == Vector::general_protection);
    machine.registers.rip += 1;
    CHECK(machine.cpu->run(machine.registers).vector == Vector::divide_error);
    machine.registers.rip += 2;
    CHECK(machine.cpu->run(machine.registers).vector == Vector::general_protection);
    machine.registers.rip += 1;
    CHECK(machine.cpu->run(machine.registers).vector == Vector::invalid_opcode);
    CHECK(machine.registers.r15 == 77);
}

TEST_CASE("x87 and SSE state can be read, set, and survives an exception") {
    TestMachine machine;
    // fld1; fldpi; movq xmm3, rdi; hlt; syscall
    const Exit exit =
        machine.run(code, mov_rdi(0x1234'5678'9abc'def0) +
                              Bytes{0xd9, 0xe8, 0xd9, 0xeb, 0x66, 0x48, 0x0f, 0x6e, 0xdf, 0xf4} + syscall_bytes);
    REQUIRE(exit.reason == Exit::Reason::exception);
    const FpuState state = machine.cpu->fpu_state();
    CHECK(state.fcw == 0x37f);
    CHECK(((state.fsw >> 11) & 7) == 6);  // TOP after two pushes
    CHECK(state.st[1][9] == 0x3f);        // 1.0 = 0x3fff8000000000000000
    CHECK(state.st[1][8] == 0xff);
    CHECK(state.st[0][8] == 0x00);  // pi = 0x4000c90fdaa22168c235
    CHECK(state.st[0][9] == 0x40);
    std::uint64_t low = 0;
    std::memcpy(&low, state.xmm[3].data(), 8);
    CHECK(low == 0x1234'5678'9abc'def0);

    FpuState other;
    other.xmm[3][0] = 9;
    machine.cpu->set_fpu_state(other);
    machine.registers.rip += 1;
    REQUIRE(machine.cpu->run(machine.registers).reason == Exit::Reason::syscall);
    CHECK(machine.cpu->fpu_state().xmm[3][0] == 9);
    CHECK(machine.cpu->fpu_state().fsw == 0);
    machine.cpu->set_fpu_state(state);
    const FpuState again = machine.cpu->fpu_state();
    CHECK(std::memcmp(&again, &state, sizeof state) == 0);
}

TEST_CASE("RDTSC reads the machine's clock, not the host's") {
    TestMachine machine;
    machine.run(code, Bytes{0x0f, 0x31} + syscall_bytes);
    CHECK(machine.registers.rax == 2);
    CHECK(machine.registers.rdx == 1);
}

TEST_CASE("instructions are counted block by block, and a budget ends the run") {
    TestMachine machine;
    // mov ecx, 1000; loop: dec ecx; jnz loop; syscall
    const Bytes loop = Bytes{0xb9, 0xe8, 0x03, 0, 0, 0xff, 0xc9, 0x75, 0xfc} + syscall_bytes;
    machine.run(code, loop);
    CHECK(machine.cpu->retired_instructions() == 1 + 2 * 1000 + 1);

    TestMachine limited;
    limited.write(limited.map(code, user_code), 0, loop);
    limited.registers.rip = code.value();
    const Exit exit = limited.cpu->run(limited.registers, 100);
    CHECK(exit.reason == Exit::Reason::quantum);
    CHECK(limited.cpu->retired_instructions() >= 100);
    CHECK(limited.cpu->retired_instructions() <= 103);
    CHECK(limited.cpu->run(limited.registers).reason == Exit::Reason::syscall);
    CHECK(limited.cpu->retired_instructions() == 1 + 2 * 1000 + 1);
    CHECK(limited.registers.rcx == 0);
}

TEST_CASE("rewritten code is counted as what it is now") {
    TestMachine machine;
    const VirtAddr jit(0x60'0000);
    const Pfn pfn = machine.map(jit, user_all);
    machine.map(data, user_data);
    machine.registers.rsp = data.value() + 0x800;
    // Eight NOPs and RET; then, in as many bytes, one long NOP and RET.
    machine.write(pfn, 0, Bytes(8, 0x90) + Bytes{0xc3});
    // call rdi; mov rax, imm64; mov [rdi], rax; call rdi; syscall
    machine.run(code, mov_rdi(jit.value()) +
                          Bytes{0xff, 0xd7, 0x48, 0xb8, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x48, 0x89, 0x07, 0xff, 0xd7} +
                          syscall_bytes);
    CHECK(machine.cpu->retired_instructions() == 2 + 9 + 3 + 2 + 1);
}

TEST_CASE("without counting nothing is counted") {
    TestMachine machine(Counting::none);
    machine.run(code, syscall_bytes);
    CHECK(machine.cpu->retired_instructions() == 0);
}

TEST_CASE("a stop asked for by the fault handler ends the run") {
    TestMachine machine;
    machine.on_fault = [&](const PageFault& fault) {
        machine.map(fault.address.page_floor(), user_data);
        machine.cpu->request_stop();
        return FaultOutcome::retry;
    };
    // mov rdi, data; mov [rdi], eax; jmp $
    CHECK(machine.run(code, mov_rdi(data.value()) + Bytes{0x89, 0x07, 0xeb, 0xfe}).reason == Exit::Reason::halt);
}

TEST_CASE("an interrupt from outside ends a run that would not end by itself") {
    TestMachine machine;
    // Armed while the program runs: the timer's signal arrives on this thread, as a terminal's would.
    static Cpu* running = nullptr;
    running = machine.cpu.get();
    struct sigaction act {};
    act.sa_handler = [](int) { running->interrupt(); };
    struct sigaction previous {};
    REQUIRE(sigaction(SIGALRM, &act, &previous) == 0);
    const itimerval soon{.it_interval = {.tv_sec = 0, .tv_usec = 20'000}, .it_value = {.tv_sec = 0, .tv_usec = 20'000}};
    REQUIRE(setitimer(ITIMER_REAL, &soon, nullptr) == 0);
    CHECK(machine.run(code, {0xeb, 0xfe}).reason == Exit::Reason::halt);  // jmp $
    const itimerval never{};
    setitimer(ITIMER_REAL, &never, nullptr);
    sigaction(SIGALRM, &previous, nullptr);
    CHECK(machine.registers.rip == code.value());

    machine.cpu->interrupt();
    CHECK(machine.cpu->run(machine.registers).reason == Exit::Reason::halt);
}

TEST_CASE("a TLB entry does not outlive its PTE once the TLB is flushed") {
    TestMachine machine;
    const Pfn first = machine.map(data, user_data);
    machine.ram.frame(first)[0] = std::byte{1};
    machine.run(code, mov_rdi(data.value()) + Bytes{0x8a, 0x07} + syscall_bytes);  // mov al, [rdi]
    CHECK((machine.registers.rax & 0xff) == 1);
    const Pfn second = machine.map(data, user_data);
    machine.ram.frame(second)[0] = std::byte{2};
    machine.cpu->flush_tlb();
    machine.registers.rip = code.value();
    machine.cpu->run(machine.registers);
    CHECK((machine.registers.rax & 0xff) == 2);
}

TEST_CASE("cleared A and D bits are set again by the next access after a flush") {
    TestMachine machine;
    machine.map(data, user_data);
    const Bytes store = mov_rdi(data.value()) + Bytes{0x88, 0x07} + syscall_bytes;
    machine.run(code, store);
    REQUIRE(machine.slot(data).dirty());
    machine.slot(data) = machine.slot(data).without_accessed().without_dirty();
    machine.cpu->flush_tlb();
    machine.registers.rip = code.value();
    machine.cpu->run(machine.registers);
    CHECK(machine.slot(data).accessed());
    CHECK(machine.slot(data).dirty());
}

TEST_CASE("a page whose code runs on through a flush counts as held by the TLB, and is fetched anew once it is gone") {
    TestMachine machine;
    machine.on_fault = [&](const PageFault& fault) {
        if (fault.access == Access::execute) return FaultOutcome::fatal;
        machine.map(fault.address.page_floor(), user_data);
        if (machine.faults.size() == 1) return FaultOutcome::retry_tlb_stale;
        if (machine.faults.size() > 4) return FaultOutcome::fatal;
        const Pfn gone = machine.slot(code).pfn();
        machine.slot(code) = Pte::none();
        return machine.ram.cached_translations().may_hold(gone) ? FaultOutcome::retry_tlb_stale : FaultOutcome::retry;
    };
    // mov rdi, data; again: mov [rdi], eax; add rdi, 0x1000; jmp again
    const Bytes loop{0x89, 0x07, 0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, 0xeb, 0xf5};
    const Exit exit = machine.run(code, mov_rdi(data.value()) + loop);
    CHECK(exit.reason == Exit::Reason::fault);
    REQUIRE(machine.faults.size() == 3);
    CHECK(machine.faults[2].access == Access::execute);
}

TEST_CASE("a frame that the kernel refilled runs its new bytes, not the old translation") {
    TestMachine machine;
    const Pfn pfn = machine.map(code, user_code);
    const auto refill = [&](std::uint8_t value) {
        machine.write(pfn, 0, Bytes{0xb8, value, 0, 0, 0} + syscall_bytes);  // mov eax, value; syscall
        machine.ram.code_frames().note_rewritten(pfn);
    };
    const auto run = [&] {
        machine.registers.rip = code.value();
        REQUIRE(machine.cpu->run(machine.registers).reason == Exit::Reason::syscall);
        return machine.registers.rax;
    };
    refill(1);
    CHECK(run() == 1);
    SUBCASE("while it stays mapped") {
        refill(2);
        CHECK(run() == 2);
    }
    SUBCASE("from within the fault handler, when it was evicted and comes back") {
        machine.slot(code) = Pte::none();
        machine.cpu->flush_tlb();
        machine.on_fault = [&](const PageFault&) {
            refill(3);
            machine.slot(code) = Pte::present(pfn, user_code);
            return FaultOutcome::retry;
        };
        CHECK(run() == 3);
    }
}

TEST_CASE("a program that rewrites its own code runs what it wrote") {
    TestMachine machine;
    const VirtAddr jit(0x60'0000);
    machine.write(machine.map(jit, user_all), 0, Bytes{0xb8, 1, 0, 0, 0, 0xc3});  // mov eax, 1; ret
    machine.map(data, user_data);
    machine.registers.rsp = data.value() + 0x800;
    // mov rdi, jit; call rdi; mov ebx, eax; mov byte [rdi + 1], 2; call rdi; syscall
    machine.run(
        code, mov_rdi(jit.value()) + Bytes{0xff, 0xd7, 0x89, 0xc3, 0xc6, 0x47, 0x01, 0x02, 0xff, 0xd7} + syscall_bytes);
    CHECK(machine.registers.rbx == 1);
    CHECK(machine.registers.rax == 2);
}

TEST_CASE("an instruction that reads and writes faults once, for the write") {
    TestMachine machine;
    machine.on_fault = [&](const PageFault& fault) {
        machine.map(fault.address.page_floor(), user_data);
        return FaultOutcome::retry;
    };
    machine.run(code, mov_rdi(data.value()) + Bytes{0xf0, 0xff, 0x07} + syscall_bytes);  // lock inc dword [rdi]
    REQUIRE(machine.faults.size() == 1);
    CHECK(machine.faults[0].access == Access::write);
    CHECK(machine.faults[0].error_code == (PageFaultCode::write | PageFaultCode::user));
}

TEST_CASE("stores anywhere on a page of code are noticed, also after the TLB lost it") {
    TestMachine machine;
    const VirtAddr jit(0x60'0000);
    const Pfn pfn = machine.map(jit, user_all);
    const auto call = [&] {
        machine.registers.rip = code.value();
        REQUIRE(machine.cpu->run(machine.registers).reason == Exit::Reason::syscall);
        return machine.registers.rax;
    };
    machine.write(pfn, 0x10, Bytes{0xb8, 1, 0, 0, 0, 0xc3});  // mov eax, 1; ret
    machine.map(data, user_data);
    machine.registers.rsp = data.value() + 0x800;
    // mov rdi, jit; mov byte [rdi + 0x100], 7; mov [rdi + 0x11], bl; add rdi, 0x10; call rdi; syscall
    machine.write(machine.map(code, user_code), 0,
                  mov_rdi(jit.value()) + Bytes{0xc6, 0x87, 0, 1, 0, 0, 7, 0x88, 0x5f, 0x11, 0x48, 0x83, 0xc7, 0x10} +
                      Bytes{0xff, 0xd7} + syscall_bytes);
    SUBCASE("writable and executable at once") {
        for (std::uint64_t value = 2; value < 10; ++value) {
            machine.registers.rbx = value;
            machine.cpu->flush_tlb();
            CHECK(call() == value);
        }
    }
    SUBCASE("writable or executable, never both") {
        machine.slot(jit) = Pte::present(pfn, user_code);
        machine.on_fault = [&](const PageFault& fault) {
            machine.slot(jit) = Pte::present(pfn, fault.access == Access::write ? user_data : user_code);
            return FaultOutcome::retry_tlb_stale;
        };
        for (std::uint64_t value = 2; value < 10; ++value) {
            machine.registers.rbx = value;
            CHECK(call() == value);
        }
        CHECK(machine.faults.size() == 16);
    }
}

TEST_CASE("code whose page was replaced by a copy runs the copy") {
    TestMachine machine;
    const VirtAddr jit(0x60'0000);
    const Bytes function = {0xb8, 1, 0, 0, 0, 0xc3};
    machine.write(machine.map(jit, PteAccess{.writable = false, .user = true, .executable = true}), 0, function);
    machine.map(data, user_data);
    machine.registers.rsp = data.value() + 0x800;
    machine.on_fault = [&](const PageFault& fault) {
        REQUIRE(fault.address.page_floor() == jit);
        machine.write(machine.map(jit, user_all), 0, function);
        return FaultOutcome::retry_tlb_stale;
    };
    machine.run(
        code, mov_rdi(jit.value()) + Bytes{0xff, 0xd7, 0x89, 0xc3, 0xc6, 0x47, 0x01, 0x02, 0xff, 0xd7} + syscall_bytes);
    CHECK(machine.faults.size() == 1);
    CHECK(machine.registers.rbx == 1);
    CHECK(machine.registers.rax == 2);
}

TEST_CASE("the TLB grows with the working set") {
    TestMachine machine;
    // 1024 pages, four times what the TLB starts with, all on one frame: swept in order, each access would miss if the
    // TLB did not grow.
    constexpr std::uint64_t pages = 1024, sweeps = 200;
    const Pfn pfn = machine.map(data, user_data);
    for (std::uint64_t i = 1; i < pages; ++i) machine.slot(data + i * page_size) = Pte::present(pfn, user_data);
    // mov rdi, data; mov edx, sweeps; again: mov ecx, pages; mov rsi, rdi;
    // page: inc dword [rsi]; add rsi, 4096; dec ecx; jnz page; dec edx; jnz again; syscall
    machine.run(code, mov_rdi(data.value()) +
                          Bytes{0xba, 0xc8, 0,    0, 0,    0xb9, 0, 4,    0,    0,    0x48, 0x89, 0xfe, 0xff, 0x06,
                                0x48, 0x81, 0xc6, 0, 0x10, 0,    0, 0xff, 0xc9, 0x75, 0xf3, 0xff, 0xca, 0x75, 0xe7} +
                          syscall_bytes);
    std::uint32_t count = 0;
    std::memcpy(&count, machine.ram.frame(pfn).data(), 4);
    CHECK(count == pages * sweeps);
    CHECK(machine.cpu->tlb_stats().fills < pages * sweeps / 10);
}
