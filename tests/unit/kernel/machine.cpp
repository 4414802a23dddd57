// Whole programs, assembled by hand, from exec to their end.
#include "kernel/machine.hpp"
#include "kernel/processes.hpp"
#include "kernel/vfs/file_description.hpp"
#include "mm/kernel_space.hpp"

#include <doctest/doctest.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

using namespace fl;
using kernel::ClockMode;
using kernel::ExitStatus;
using kernel::Machine;
using kernel::MachineOptions;
using kernel::Paranoia;

namespace {

using Code = std::vector<std::uint8_t>;

constexpr std::uint64_t image_start = 0x40'0000;
constexpr std::uint64_t code_offset = 0x1000;
constexpr std::uint64_t code_start = image_start + code_offset;

Code operator+(Code a, const Code& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Code imm32(std::uint64_t value) {
    return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
            static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 24)};
}

// mov of 32 bits into eax, edi, esi, edx; r10d, r8d.
Code mov_eax(std::uint64_t value) { return Code{0xb8} + imm32(value); }
Code mov_edi(std::uint64_t value) { return Code{0xbf} + imm32(value); }
Code mov_esi(std::uint64_t value) { return Code{0xbe} + imm32(value); }
Code mov_edx(std::uint64_t value) { return Code{0xba} + imm32(value); }
Code mov_r10d(std::uint64_t value) { return Code{0x41, 0xba} + imm32(value); }

const Code syscall_code = {0x0f, 0x05};
const Code edi_from_eax = {0x89, 0xc7};
const Code ud2 = {0x0f, 0x0b};
const Code null_read = {0x8b, 0x04, 0x25, 0, 0, 0, 0};  // mov eax, [0]

Code exit_with_edi() { return mov_eax(SYS_exit_group) + syscall_code; }
Code exit_with(std::uint64_t status) { return mov_edi(status) + exit_with_edi(); }

// A program file, with its code at code_start and 64 KiB of writable memory behind it.
class Program {
public:
    static constexpr std::uint64_t bss = 0x60'0000;

    explicit Program(const Code& code) : path_(std::filesystem::temp_directory_path() / "faultline-guest-XXXXXX") {
        const int fd = ::mkstemp(path_.data());
        REQUIRE(fd >= 0);
        Elf64_Ehdr header{};
        std::memcpy(header.e_ident, ELFMAG, SELFMAG);
        header.e_ident[EI_CLASS] = ELFCLASS64;
        header.e_ident[EI_DATA] = ELFDATA2LSB;
        header.e_ident[EI_VERSION] = EV_CURRENT;
        header.e_type = ET_EXEC;
        header.e_machine = EM_X86_64;
        header.e_version = EV_CURRENT;
        header.e_entry = code_start;
        header.e_phoff = sizeof header;
        header.e_ehsize = sizeof header;
        header.e_phentsize = sizeof(Elf64_Phdr);
        header.e_phnum = 3;
        const std::uint64_t file_bytes = code_offset + code.size();
        const Elf64_Phdr headers[3] = {
            {PT_LOAD, PF_R | PF_X, 0, image_start, image_start, file_bytes, file_bytes, page_size},
            {PT_LOAD, PF_R | PF_W, 0, bss, bss, 0, 1 << 16, page_size},
            {PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16}};
        std::vector<std::byte> bytes(file_bytes);
        std::memcpy(bytes.data(), &header, sizeof header);
        std::memcpy(bytes.data() + sizeof header, headers, sizeof headers);
        std::memcpy(bytes.data() + code_offset, code.data(), code.size());
        REQUIRE(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        ::close(fd);
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program() { ::unlink(path_.c_str()); }

    const std::string& path() const { return path_; }

private:
    std::string path_;
};

MachineOptions small(Paranoia paranoia = Paranoia::every_step) {
    MachineOptions options;
    options.memory = PageCount(64);
    options.paranoia = paranoia;
    return options;
}

struct Ran {
    ExitStatus exit;
    kernel::MachineStatistics statistics;
};

Ran run(const Code& code, const MachineOptions& options = small()) {
    const Program program(code);
    auto machine = Machine::create(options);
    REQUIRE_MESSAGE(machine.has_value(), machine.error());
    const auto started = (*machine)->exec({program.path(), {"guest"}, {}});
    REQUIRE_MESSAGE(started.has_value(), started.error());
    Ran ran{(*machine)->run(), {}};
    CHECK((*machine)->broken_invariants() == std::vector<std::string>{});
    ran.statistics = (*machine)->statistics();
    return ran;
}

// Installs code at `offset` of the code as the handler of a signal, and returns the code that does so. Uses bss.
Code install_handler(int number, std::uint64_t handler, std::uint64_t flags, std::uint64_t restorer) {
    const auto store = [](std::uint64_t offset, std::uint64_t value) {  // mov dword [bss + offset], value
        return Code{0xc7, 0x04, 0x25} + imm32(Program::bss + offset) + imm32(value);
    };
    return store(0, handler) + store(8, flags) + store(16, restorer) + mov_edi(static_cast<std::uint64_t>(number)) +
           mov_esi(Program::bss) + mov_edx(0) + mov_r10d(8) + mov_eax(SYS_rt_sigaction) + syscall_code;
}

constexpr std::uint64_t siginfo_restorer = 0x0400'0004;

}  // namespace

TEST_CASE("a program that exits") {
    const Ran ran = run(exit_with(42));
    CHECK(ran.exit.status == 42);
    CHECK(ran.exit.signal == 0);
    CHECK(ran.statistics.system_calls == 1);
    CHECK(ran.statistics.instructions == 3);
    CHECK(ran.statistics.faults.total() > 0);
    CHECK(ran.statistics.total_frames == PageCount(64));
    CHECK(ran.statistics.peak_used_frames >= ran.statistics.used_frames);
    CHECK(ran.statistics.page_table_pages >= PageCount(4));
    CHECK(ran.statistics.virtual_time_ns > 3);
    CHECK(ran.statistics.map_count >= 3);
}

TEST_CASE("an open file that nobody closes is noticed at the end") {
    std::shared_ptr<kernel::FileDescription> forgotten;
    MachineOptions options = small();
    options.at_end = [&forgotten] { forgotten = std::make_shared<kernel::PathDescription>(nullptr, O_PATH); };
    const Program program(exit_with(0));
    auto machine = Machine::create(options);
    REQUIRE(machine.has_value());
    REQUIRE((*machine)->exec({program.path(), {"guest"}, {}}).has_value());
    (void)(*machine)->run();
    const auto& broken = (*machine)->broken_invariants();
    REQUIRE(broken.size() == 1);
    CHECK(broken[0].starts_with("open files after the last process's end: "));
}

TEST_CASE("instructions that end a program, and how") {
    struct Death {
        Code code;
        int signal;
    };
    for (const Death& death :
         {Death{ud2, SIGILL}, Death{{0xcc}, SIGTRAP}, Death{{0xf4}, SIGSEGV}, Death{null_read, SIGSEGV},
          Death{{0x31, 0xc9, 0xf7, 0xf1}, SIGFPE}, Death{{0xcd, 0x80}, SIGSEGV}}) {
        const Ran ran = run(death.code);
        CHECK(ran.exit.signal == death.signal);
        CHECK(ran.exit.status == 128 + death.signal);
    }
}

// The handler exits with its first argument: the signal.
TEST_CASE("a handler runs, with the signal in edi") {
    constexpr std::uint64_t handler = code_start + 0x100;
    Code code = install_handler(SIGILL, handler, siginfo_restorer, handler) + ud2;
    code.resize(0x100, 0x90);
    CHECK(run(code + exit_with_edi()).exit.status == SIGILL);
}

// The handler moves the saved rip past the two bytes of ud2 and returns through its restorer.
TEST_CASE("sigreturn goes on where the handler said") {
    constexpr std::uint64_t handler = code_start + 0x100, restorer = code_start + 0x120;
    Code code = install_handler(SIGILL, handler, siginfo_restorer, restorer) + ud2 + exit_with(7);
    code.resize(0x100, 0x90);
    // add qword [rdx + 40 + 16 * 8], 2 (rip in the ucontext); ret
    code = code + Code{0x48, 0x83, 0x82} + imm32(40 + 16 * 8) + Code{2, 0xc3};
    code.resize(0x120, 0x90);
    CHECK(run(code + mov_eax(SYS_rt_sigreturn) + syscall_code).exit.status == 7);
}

TEST_CASE("sigreturn to an address that cannot be: SIGSEGV") {
    constexpr std::uint64_t handler = code_start + 0x100, restorer = code_start + 0x120;
    Code code = install_handler(SIGILL, handler, siginfo_restorer, restorer) + ud2;
    code.resize(0x100, 0x90);
    // mov byte [rdx + 40 + 16 * 8 + 7], 0x80: rip is not canonical any more; ret
    code = code + Code{0xc6, 0x82} + imm32(40 + 16 * 8 + 7) + Code{0x80, 0xc3};
    code.resize(0x120, 0x90);
    CHECK(run(code + mov_eax(SYS_rt_sigreturn) + syscall_code).exit.signal == SIGSEGV);
}

TEST_CASE("a signal whose handler has no stack to run on") {
    constexpr std::uint64_t handler = code_start + 0x100;
    // xor esp, esp; ud2
    Code code = install_handler(SIGILL, handler, siginfo_restorer, handler) + Code{0x31, 0xe4} + ud2;
    code.resize(0x100, 0x90);
    CHECK(run(code + exit_with(1)).exit.signal == SIGSEGV);
}

TEST_CASE("out of frames in user mode") {
    // mov rbx, rsp; loop: sub rbx, 4096; mov [rbx], al; jmp loop: down the stack, which may grow to 8 MiB
    MachineOptions options = small();
    options.pressure.swap = PageCount(0);
    const Ran ran = run({0x48, 0x89, 0xe3, 0x48, 0x81, 0xeb, 0, 0x10, 0, 0, 0x88, 0x03, 0xeb, 0xf5}, options);
    CHECK(ran.exit.out_of_memory);
    CHECK(ran.exit.signal == SIGKILL);
    CHECK(ran.exit.status == 137);
}

TEST_CASE("out of frames inside a system call") {
    // getrandom(bss, 64 KiB, 0) needs 16 frames, of which there are not so many.
    MachineOptions options = small();
    options.memory = mm::KernelSpace::least_ram() + PageCount(38);
    const Code code =
        mov_edi(Program::bss) + mov_esi(1 << 16) + mov_edx(0) + mov_eax(SYS_getrandom) + syscall_code + exit_with(0);
    // Swap takes what does not fit.
    CHECK(run(code, options).exit.status == 0);
    options.pressure.swap = PageCount(0);
    const Ran ran = run(code, options);
    CHECK(ran.exit.out_of_memory);
    CHECK(ran.exit.status == 137);
}

TEST_CASE("RDTSC and the host's clock") {
    MachineOptions options = small();
    options.clock = ClockMode::host;
    const Ran ran = run(Code{0x0f, 0x31} + exit_with(5), options);
    CHECK(ran.exit.status == 5);
    CHECK(ran.statistics.instructions == 0);
}

TEST_CASE("two runs of one program take the same virtual time") {
    const Code code = Code{0x0f, 0x31} + edi_from_eax + exit_with_edi();  // rdtsc, and exit with its low byte
    const Ran first = run(code), second = run(code);
    CHECK(first.exit.status == second.exit.status);
    CHECK(first.statistics.virtual_time_ns == second.statistics.virtual_time_ns);
    CHECK(first.statistics.faults.by_kind == second.statistics.faults.by_kind);
}

TEST_CASE("the origin of faults: 0 in exec, the instruction in user mode, the call in kernel mode") {
    struct Recorder final : mm::FaultObserver {
        std::vector<mm::FaultEvent> events;
        void on_fault(const mm::FaultEvent& event) override {
            events.push_back(event);
            events.back().vma.reset();  // its file must not outlive the machine
        }
    } recorder;
    MachineOptions options = small();
    options.fault_observer = &recorder;
    const Code uname = mov_edi(Program::bss) + mov_eax(SYS_uname);
    run(uname + syscall_code + null_read, options);
    REQUIRE(recorder.events.size() > 3);
    CHECK(recorder.events.front().origin.instruction == VirtAddr(0));
    const auto origin_of = [&](std::uint64_t address) {
        for (const auto& event : recorder.events) {
            if (event.address == VirtAddr(address)) return event.origin.instruction.value();
        }
        return std::uint64_t{0};
    };
    CHECK(origin_of(code_start) == code_start);
    CHECK(origin_of(Program::bss) == code_start + uname.size());
    CHECK(origin_of(0) == code_start + uname.size() + syscall_code.size());
    CHECK(recorder.events.back().origin.pid == kernel::Processes::first_pid);
    CHECK(recorder.events.back().origin.time_ns > 0);
}

TEST_CASE("programs that cannot be started: one line that names the file") {
    const auto refusal = [](const std::string& path, PageCount memory = PageCount(64)) {
        MachineOptions options;
        options.memory = memory;
        auto machine = Machine::create(options);
        REQUIRE(machine.has_value());
        const auto started = (*machine)->exec({path, {path}, {}});
        REQUIRE_FALSE(started.has_value());
        CHECK(started.error().find('\n') == std::string::npos);
        CHECK(started.error().starts_with(path + ": "));
        return started.error();
    };
    CHECK(refusal("./no-such-file") == "./no-such-file: No such file or directory");
    refusal("/proc");
    refusal("/dev/null");
    const Program program(exit_with(0));
    refusal(program.path(), mm::KernelSpace::least_ram());
}

TEST_CASE("a machine without memory is none") {
    MachineOptions options;
    options.memory = PageCount(4);
    const auto machine = Machine::create(options);
    REQUIRE_FALSE(machine.has_value());
    CHECK(machine.error() == "16 KiB of memory are too few, the least is 68 KiB");
}

TEST_CASE("peek reads what the program would, touched or not") {
    const Program program(exit_with(0));
    auto machine = Machine::create(small());
    REQUIRE(machine.has_value());
    REQUIRE((*machine)->exec({program.path(), {"guest"}, {}}).has_value());
    std::array<std::byte, 4> bytes{};
    CHECK((*machine)->peek(VirtAddr(code_start), bytes) == 4);
    CHECK(bytes[0] == std::byte{0xbf});
    CHECK((*machine)->peek(VirtAddr(Program::bss), bytes) == 4);
    CHECK(bytes[0] == std::byte{0});
    CHECK((*machine)->peek(VirtAddr(Program::bss + (1 << 16) - 2), bytes) == 2);
    CHECK((*machine)->peek(VirtAddr(0), bytes) == 0);
    CHECK((*machine)->peek(VirtAddr(~std::uint64_t{0}), bytes) == 0);
    CHECK((*machine)->current_mm()->bounds().load_bias == 0);
    CHECK((*machine)->run().status == 0);
    CHECK((*machine)->peek(VirtAddr(code_start), bytes) == 0);
}
