#include "emu/cpu.hpp"

#include "emu/block_lengths.hpp"
#include "emu/cpu_model.hpp"
#include "emu/operand_decoder.hpp"
#include "emu/unicorn_error.hpp"

#include <unicorn/unicorn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <optional>

namespace fl::emu {

namespace {

// Order matches `register_pointers`.
constexpr std::array<int, 20> register_ids = {
    UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RCX,    UC_X86_REG_RDX,     UC_X86_REG_RSI,
    UC_X86_REG_RDI, UC_X86_REG_RBP, UC_X86_REG_RSP,    UC_X86_REG_R8,      UC_X86_REG_R9,
    UC_X86_REG_R10, UC_X86_REG_R11, UC_X86_REG_R12,    UC_X86_REG_R13,     UC_X86_REG_R14,
    UC_X86_REG_R15, UC_X86_REG_RIP, UC_X86_REG_RFLAGS, UC_X86_REG_FS_BASE, UC_X86_REG_GS_BASE};

std::array<std::uint64_t*, register_ids.size()> register_pointers(Registers& r) {
    return {&r.rax, &r.rbx, &r.rcx, &r.rdx, &r.rsi, &r.rdi, &r.rbp, &r.rsp,    &r.r8,      &r.r9,
            &r.r10, &r.r11, &r.r12, &r.r13, &r.r14, &r.r15, &r.rip, &r.rflags, &r.fs_base, &r.gs_base};
}

constexpr std::uint32_t msr_efer = 0xc000'0080;
constexpr std::uint32_t msr_star = 0xc000'0081;
constexpr std::uint64_t efer_syscall_enable = 1;
// SYSRET loads CS = STAR[63:48] + 16 with RPL 3 and SS = STAR[63:48] + 8: 0x33 and 0x2b.
constexpr std::uint64_t star_linux = 0x0023'0008'0000'0000;
constexpr std::uint64_t cr4_osfxsr_osxmmexcpt = 0x600;

// The TLB of Unicorn starts at 256 entries and changes its size only at a flush, doubling where most entries were in
// use. After twice as many random fills as there are entries 86 % of them are, so flushing at these distances, each
// twice the last, lets it follow the working set at a cost that vanishes.
constexpr std::uint64_t first_growth_distance = 512;

constexpr std::uint64_t trampoline_address = 0x1000;

class UnicornCpu final : public Cpu, private FaultLocator {
public:
    UnicornCpu(Mmu& mmu, PageFaultHandler& handler, TimestampSource& timestamps, Counting counting)
        : mmu_(mmu), handler_(handler), timestamps_(timestamps), counting_(counting) {}
    UnicornCpu(const UnicornCpu&) = delete;
    UnicornCpu& operator=(const UnicornCpu&) = delete;
    ~UnicornCpu() override {
        if (user_mode_ != nullptr) uc_context_free(user_mode_);
        if (engine_ != nullptr) uc_close(engine_);
    }

    tl::expected<void, std::string> start();

    Exit run(Registers& registers, std::uint64_t instruction_budget) override;
    void set_root(Pfn root) override;
    void flush_tlb() override { tlb_stale_ = true; }
    void request_stop() override { end_run(Exit{Exit::Reason::halt}); }
    void interrupt() override;
    VirtAddr instruction_pointer() const override;
    std::uint64_t retired_instructions() const override { return retired_; }
    TlbStats tlb_stats() const override { return tlb_stats_; }
    void log_cpuid(std::vector<VirtAddr>& log) override;
    FpuState fpu_state() const override;
    void set_fpu_state(const FpuState& state) override;

private:
    tl::expected<void, std::string> enter_user_mode();
    void install_hooks();
    template <class Callback>
    void add_hook(int type, Callback* callback, int instruction = 0);

    bool fill_tlb(VirtAddr page, Access access, uc_tlb_entry& entry);
    VirtAddr locate(const PageFault& fault) const override;
    bool instruction_writes(VirtAddr page) const;
    std::span<const MemoryOperand> operands_of(const Registers& registers) const;
    Vector non_canonical_vector(VirtAddr page, Access access) const;
    bool is_software_interrupt(std::uint32_t vector, const Registers& registers) const;
    std::size_t read_code(VirtAddr address, std::span<std::byte> into) const;
    void end_run(Exit exit);
    void refuse_instruction(const Registers& registers);
    void flush_tlb_now();
    void flush_translations_now();
    void load_registers(Registers& registers) const;
    void store_registers(const Registers& registers);
    void clear_exception_state();

    static UnicornCpu& self(void* user_data) { return *static_cast<UnicornCpu*>(user_data); }
    static bool on_tlb_fill(uc_engine*, std::uint64_t address, uc_mem_type type, uc_tlb_entry* entry,
                            void* user_data) noexcept;
    // Nothing may be thrown through Unicorn's frames; out of host memory ends the process here.
    static void on_translated(uc_engine*, uc_tb* block, uc_tb* previous, void* user_data) noexcept;
    static void on_block(uc_engine*, std::uint64_t address, std::uint32_t size_bytes, void* user_data) noexcept;
    static void on_syscall(uc_engine*, void* user_data) noexcept;
    static void on_refused_instruction(uc_engine*, void* user_data) noexcept;
    static void on_interrupt(uc_engine*, std::uint32_t vector, void* user_data) noexcept;
    static bool on_invalid_instruction(uc_engine*, void* user_data) noexcept;
    static std::uint32_t on_port_in(uc_engine*, std::uint32_t port, int size_bytes, void* user_data) noexcept;
    static void on_port_out(uc_engine*, std::uint32_t port, int size_bytes, std::uint32_t value,
                            void* user_data) noexcept;
    static int on_rdtsc(uc_engine*, void* user_data) noexcept;
    static int on_cpuid(uc_engine*, void* user_data) noexcept;

    Mmu& mmu_;
    PageFaultHandler& handler_;
    TimestampSource& timestamps_;
    Counting counting_;
    uc_engine* engine_ = nullptr;
    uc_context* user_mode_ = nullptr;  // the state right after entering ring 3, no exception pending

    Pfn root_{};
    std::optional<Exit> exit_;
    // Registers as an exit's hook saw them, where Unicorn would go on changing them before it stops.
    std::optional<Registers> exit_registers_;
    bool retranslate_ = false;  // a fetch hit a stale frame: throw the translations away and run again
    bool tlb_stale_ = false;
    bool in_run_ = false;
    std::atomic<bool> interrupted_{false};  // set by a signal handler
    Registers loaded_{};                    // what the engine's registers hold between runs

    std::uint64_t retired_ = 0;
    std::uint64_t budget_end_ = no_budget;
    BlockLengths block_lengths_;
    mutable OperandDecoder decoder_;
    TlbStats tlb_stats_;
    std::vector<VirtAddr>* cpuid_log_ = nullptr;
    std::uint64_t growth_distance_ = first_growth_distance;
    std::uint64_t next_growth_ = first_growth_distance;
};

tl::expected<void, std::string> UnicornCpu::start() {
    if (const uc_err error = uc_open(UC_ARCH_X86, UC_MODE_64, &engine_); error != UC_ERR_OK) {
        return tl::unexpected(std::string("cannot start Unicorn: ") + uc_strerror(error));
    }
    must(uc_ctl_set_cpu_model(engine_, cpu_model), "the CPU model");
    must(uc_ctl_tlb_mode(engine_, UC_TLB_VIRTUAL), "the virtual TLB");
    const Ram& ram = mmu_.ram();
    if (const uc_err error = uc_mem_map_ptr(engine_, 0, ram.page_count().bytes(), UC_PROT_ALL, ram.base());
        error != UC_ERR_OK) {
        return tl::unexpected(std::string("Unicorn cannot map the machine's memory: ") + uc_strerror(error));
    }
    if (auto entered = enter_user_mode(); !entered) return entered;
    install_hooks();
    set_fpu_state(FpuState{});  // as after FNINIT and a reset of MXCSR: what exec gives a program
    load_registers(loaded_);
    must(uc_context_alloc(engine_, &user_mode_), "a context");
    must(uc_context_save(engine_, user_mode_), "to save the context");
    return {};
}

// Ring 3 is reached as a kernel reaches it: by SYSRETQ, run once from a frame that lends itself for the purpose.
tl::expected<void, std::string> UnicornCpu::enter_user_mode() {
    FrameBytes lent = mmu_.ram().frame(Pfn(0));
    constexpr std::array<std::uint8_t, 3> sysretq = {0x48, 0x0f, 0x07};
    std::array<std::byte, sysretq.size()> saved{};
    std::memcpy(saved.data(), lent.data(), saved.size());
    std::memcpy(lent.data(), sysretq.data(), sysretq.size());

    const auto identity = +[](uc_engine*, std::uint64_t, uc_mem_type, uc_tlb_entry* entry, void*) {
        entry->paddr = 0;
        entry->perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
        return true;
    };
    uc_hook boot_hook = 0;
    must(uc_hook_add(engine_, &boot_hook, UC_HOOK_TLB_FILL, reinterpret_cast<void*>(identity), nullptr, 1, 0),
         "a TLB hook");

    std::uint64_t cr4 = 0;
    must(uc_reg_read(engine_, UC_X86_REG_CR4, &cr4), "to read CR4");
    cr4 |= cr4_osfxsr_osxmmexcpt;
    must(uc_reg_write(engine_, UC_X86_REG_CR4, &cr4), "to write CR4");
    uc_x86_msr efer{msr_efer, 0};
    must(uc_reg_read(engine_, UC_X86_REG_MSR, &efer), "to read EFER");
    efer.value |= efer_syscall_enable;
    must(uc_reg_write(engine_, UC_X86_REG_MSR, &efer), "to write EFER");
    const uc_x86_msr star{msr_star, star_linux};
    must(uc_reg_write(engine_, UC_X86_REG_MSR, &star), "to write STAR");

    constexpr std::uint64_t landing = trampoline_address + 16;
    const std::uint64_t flags = rflags_fixed;
    must(uc_reg_write(engine_, UC_X86_REG_RCX, &landing), "to write RCX");
    must(uc_reg_write(engine_, UC_X86_REG_R11, &flags), "to write R11");
    const uc_err error = uc_emu_start(engine_, trampoline_address, landing, 0, 0);
    std::uint16_t cs = 0;
    must(uc_reg_read(engine_, UC_X86_REG_CS, &cs), "to read CS");

    must(uc_hook_del(engine_, boot_hook), "to remove a hook");
    must(uc_ctl_flush_tb(engine_), "to flush translations");
    must(uc_ctl_flush_tlb(engine_), "to flush the TLB");
    std::memcpy(lent.data(), saved.data(), saved.size());
    if (error != UC_ERR_OK || cs != user_cs) {
        return tl::unexpected(std::string("Unicorn does not enter user mode: ") + uc_strerror(error));
    }
    return {};
}

template <class Callback>
void UnicornCpu::add_hook(int type, Callback* callback, int instruction) {
    uc_hook hook = 0;
    must(uc_hook_add(engine_, &hook, type, reinterpret_cast<void*>(callback), this, 1, 0, instruction), "a hook");
}

void UnicornCpu::install_hooks() {
    add_hook(UC_HOOK_TLB_FILL, &on_tlb_fill);
    add_hook(UC_HOOK_INTR, &on_interrupt);
    add_hook(UC_HOOK_INSN_INVALID, &on_invalid_instruction);
    add_hook(UC_HOOK_INSN, &on_syscall, UC_X86_INS_SYSCALL);
    add_hook(UC_HOOK_INSN, &on_refused_instruction, UC_X86_INS_SYSENTER);
    add_hook(UC_HOOK_INSN, &on_port_in, UC_X86_INS_IN);
    add_hook(UC_HOOK_INSN, &on_port_out, UC_X86_INS_OUT);
    add_hook(UC_HOOK_INSN, &on_rdtsc, UC_X86_INS_RDTSC);
    if (counting_ == Counting::instructions) {
        add_hook(UC_HOOK_BLOCK, &on_block);
        add_hook(UC_HOOK_EDGE_GENERATED, &on_translated);
    }
}

Exit UnicornCpu::run(Registers& registers, std::uint64_t instruction_budget) {
    FL_ASSERT(!in_run_);
    FL_ASSERT(instruction_budget == no_budget || counting_ == Counting::instructions);
    budget_end_ = instruction_budget > no_budget - retired_ ? no_budget : retired_ + instruction_budget;
    in_run_ = true;
    store_registers(registers);
    for (;;) {
        if (retranslate_ || mmu_.ram().code_frames().any_stale()) flush_translations_now();
        if (tlb_stale_) flush_tlb_now();
        exit_.reset();
        retranslate_ = false;
        if (interrupted_.exchange(false)) {
            exit_ = Exit{Exit::Reason::halt};
            break;
        }
        const uc_err error = uc_emu_start(engine_, loaded_.rip, 0, 0, 0);
        load_registers(loaded_);
        if (!exit_.has_value() && interrupted_.exchange(false)) exit_ = Exit{Exit::Reason::halt};
        if (exit_.has_value()) break;
        // The aborted fetch left nothing behind but an address: run the same instruction again.
        if (retranslate_) continue;
        // Nothing asked for a stop, so Unicorn gave up by itself: a translator limit (an instruction longer than 15
        // bytes) or a state it cannot go on from. A processor raises #GP for the former.
        (void)error;
        exit_ = Exit{Exit::Reason::exception, Vector::general_protection};
        break;
    }
    in_run_ = false;
    registers = exit_registers_.value_or(loaded_);
    // Only exceptions are told by their hook; after them the engine's registers are loaded again.
    FL_ASSERT(!exit_registers_.has_value() || exit_->reason == Exit::Reason::exception);
    exit_registers_.reset();
    if (exit_->reason == Exit::Reason::exception) clear_exception_state();
    return *exit_;
}

void UnicornCpu::set_root(Pfn root) {
    if (root == root_) return;
    root_ = root;
    tlb_stale_ = true;
}

void UnicornCpu::interrupt() {
    static_assert(std::atomic<bool>::is_always_lock_free);
    interrupted_ = true;
    uc_emu_stop(engine_);  // sets flags that the translated code polls
}

VirtAddr UnicornCpu::instruction_pointer() const {
    std::uint64_t rip = 0;
    must(uc_reg_read(engine_, UC_X86_REG_RIP, &rip), "to read RIP");
    return VirtAddr(rip);
}

void UnicornCpu::load_registers(Registers& registers) const {
    auto pointers = register_pointers(registers);
    std::array<void*, register_ids.size()> targets{};
    for (std::size_t i = 0; i < targets.size(); ++i) targets[i] = pointers[i];
    std::array<int, register_ids.size()> ids = register_ids;
    must(uc_reg_read_batch(engine_, ids.data(), targets.data(), static_cast<int>(ids.size())), "to read registers");
}

// Writes what differs from what the engine already holds.
void UnicornCpu::store_registers(const Registers& registers) {
    Registers wanted = registers;
    wanted.rflags = (wanted.rflags & rflags_user_mask) | rflags_fixed;
    auto new_values = register_pointers(wanted);
    auto old_values = register_pointers(loaded_);
    std::array<int, register_ids.size()> ids{};
    std::array<void*, register_ids.size()> values{};
    int count = 0;
    for (std::size_t i = 0; i < register_ids.size(); ++i) {
        if (*new_values[i] == *old_values[i]) continue;
        ids[static_cast<std::size_t>(count)] = register_ids[i];
        values[static_cast<std::size_t>(count)] = new_values[i];
        ++count;
    }
    if (count > 0) must(uc_reg_write_batch(engine_, ids.data(), values.data(), count), "to write registers");
    loaded_ = wanted;
}

// Unicorn remembers the last contributory exception and turns the next one into a double fault (Intel SDM vol. 3A,
// table 6-5), although our hook has dealt with it. Only a saved context has that memory clean.
void UnicornCpu::clear_exception_state() {
    const FpuState fpu = fpu_state();
    must(uc_context_restore(engine_, user_mode_), "to restore the context");
    set_fpu_state(fpu);
    load_registers(loaded_);
}

// #GP with the registers as the instruction found them: Unicorn goes on with it before it stops.
void UnicornCpu::refuse_instruction(const Registers& registers) {
    exit_registers_ = registers;
    end_run(Exit{Exit::Reason::exception, Vector::general_protection});
}

void UnicornCpu::flush_tlb_now() {
    must(uc_ctl_flush_tlb(engine_), "to flush the TLB");
    tlb_stale_ = false;
    ++tlb_stats_.flushes;
}

void UnicornCpu::flush_translations_now() {
    must(uc_ctl_flush_tb(engine_), "to flush translations");
    mmu_.ram().code_frames().forget_all();
    block_lengths_.forget_all();
    // Frames are noted as fetched when the TLB is filled: fill it anew.
    flush_tlb_now();
}

void UnicornCpu::end_run(Exit exit) {
    if (!exit_.has_value()) exit_ = exit;
    must(uc_emu_stop(engine_), "to stop");
}

bool UnicornCpu::fill_tlb(VirtAddr page, Access access, uc_tlb_entry& entry) {
    ++tlb_stats_.fills;
    if (!page.canonical()) {
        exit_ = Exit{Exit::Reason::exception, non_canonical_vector(page, access)};
        return false;
    }
    auto translation = mmu_.translate(root_, page, access, Mode::user);
    if (!translation && access == Access::read && instruction_writes(page)) {
        // Unicorn reads before it writes; a processor faults once, for the write.
        access = Access::write;
        translation = mmu_.translate(root_, page, access, Mode::user);
    }
    for (unsigned handled = 0; !translation; ++handled) {
        FL_ASSERT(handled < PageFaultHandler::max_faults_per_access);
        PageFault fault{page, access, Mode::user, translation.error(), this};
        const FaultOutcome outcome = handler_.handle_page_fault(fault);
        if (outcome == FaultOutcome::fatal) {
            fault.address = locate(fault);
            fault.locator = nullptr;
            if (!exit_.has_value()) exit_ = Exit{Exit::Reason::fault, Vector::page_fault, fault};
            return false;
        }
        if (outcome == FaultOutcome::retry_tlb_stale) tlb_stale_ = true;
        translation = mmu_.translate(root_, page, access, Mode::user);
    }
    bool writable = translation->writable;
    // EXEC only where a fetch asks for it: an executable TLB entry sends every store through the slow path.
    bool executable = access == Access::execute;
    CodeFrames& code = mmu_.ram().code_frames();
    if (executable) {
        if (code.is_stale(translation->pfn)) {
            retranslate_ = true;
            return false;
        }
        if (code.note_fetched(translation->pfn) == CodeFrames::OtherEntry::may_exist) tlb_stale_ = true;
    } else if (writable && code.was_fetched(translation->pfn)) {
        // Stores to translated code. Through an executable entry Unicorn sees each of them; through another only the
        // first, so that what was translated has to go before the next fetch. A read need not grant the write yet.
        if (translation->executable) {
            executable = true;
        } else if (access == Access::write) {
            if (code.note_writable(translation->pfn) == CodeFrames::OtherEntry::may_exist) tlb_stale_ = true;
        } else {
            writable = false;
        }
    } else if (writable) {
        (void)code.note_writable(translation->pfn);
    }
    if (tlb_stale_) {
        flush_tlb_now();
    } else if (tlb_stats_.fills >= next_growth_) {
        growth_distance_ *= 2;
        next_growth_ = tlb_stats_.fills + growth_distance_;
        flush_tlb_now();
    }
    entry.paddr = translation->pfn.address().value();
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | (writable ? UC_PROT_WRITE : 0) | (executable ? UC_PROT_EXEC : 0));
    return true;
}

// Unicorn tells the page of a miss. A fetch misses at RIP, or at the start of the page that the instruction reaches
// into; a data access misses where one of the instruction's operands meets the page, at its first byte there.
VirtAddr UnicornCpu::locate(const PageFault& fault) const {
    const VirtAddr page = fault.address.page_floor();
    Registers registers;
    load_registers(registers);
    const VirtAddr instruction(registers.rip);
    if (fault.access == Access::execute) return instruction.page_floor() == page ? instruction : page;

    for (const MemoryOperand& operand : operands_of(registers)) {
        const VirtAddr start = operand.resolve(registers);
        if (start.page_floor() == page) return start;
        const auto last = start.checked_add(operand.size_bytes - 1);
        if (last && start < page && page <= *last) return page;
    }
    return page;
}

std::span<const MemoryOperand> UnicornCpu::operands_of(const Registers& registers) const {
    std::array<std::byte, OperandDecoder::max_instruction_bytes> code{};
    const std::size_t code_bytes = read_code(VirtAddr(registers.rip), code);
    return decoder_.operands(std::span(code).first(code_bytes));
}

// Whether the instruction writes, or reads and writes, memory of this page.
bool UnicornCpu::instruction_writes(VirtAddr page) const {
    Registers registers;
    load_registers(registers);
    for (const MemoryOperand& operand : operands_of(registers)) {
        const VirtAddr start = operand.resolve(registers);
        const VirtAddr last = start.checked_add(operand.size_bytes - 1).value_or(start);
        if (operand.is_written && start.page_floor() <= page && page <= last) return true;
    }
    return false;
}

// #SS for an access through the stack segment, else #GP.
Vector UnicornCpu::non_canonical_vector(VirtAddr page, Access access) const {
    if (access == Access::execute) return Vector::general_protection;
    Registers registers;
    load_registers(registers);
    for (const MemoryOperand& operand : operands_of(registers)) {
        if (operand.resolve(registers).page_floor() == page && operand.through_stack_segment()) {
            return Vector::stack_fault;
        }
    }
    return Vector::general_protection;
}

// Unicorn reports INT n as exception n with RIP behind it, a real exception at its instruction.
bool UnicornCpu::is_software_interrupt(std::uint32_t vector, const Registers& registers) const {
    const auto is = [](Vector wanted, std::uint32_t actual) { return static_cast<std::uint32_t>(wanted) == actual; };
    // INT3 and INTO may be used by anyone; what raises #GP by itself is refused at its own address.
    if (is(Vector::breakpoint, vector) || is(Vector::overflow, vector) || is(Vector::general_protection, vector)) {
        return false;
    }
    if (registers.rip < 2) return false;
    std::array<std::byte, 4> code{};
    if (read_code(VirtAddr(registers.rip - 2), code) < 2) return false;
    if (code[0] != std::byte{0xcd} || code[1] != static_cast<std::byte>(vector)) return false;
    // A division that fails may follow bytes that only look like INT 0.
    const bool division =
        (code[2] & std::byte{0xfe}) == std::byte{0xf6} && (code[3] & std::byte{0x30}) == std::byte{0x30};
    return !(is(Vector::divide_error, vector) && division);
}

// What stands at `address` for the processor, as far as it is mapped.
std::size_t UnicornCpu::read_code(VirtAddr address, std::span<std::byte> into) const {
    std::size_t done = 0;
    while (done < into.size()) {
        const auto at = address.checked_add(done);
        if (!at || !at->canonical()) break;
        const Pte pte = mmu_.peek(root_, *at);
        if (!pte.is_present()) break;
        const auto bytes = mmu_.ram().frame(pte.pfn()).subspan(at->page_offset());
        const std::size_t count = std::min(bytes.size(), into.size() - done);
        std::copy_n(bytes.begin(), count, into.begin() + static_cast<std::ptrdiff_t>(done));
        done += count;
    }
    return done;
}

bool UnicornCpu::on_tlb_fill(uc_engine*, std::uint64_t address, uc_mem_type type, uc_tlb_entry* entry,
                             void* user_data) noexcept {
    const Access access = type == UC_MEM_WRITE ? Access::write : type == UC_MEM_FETCH ? Access::execute : Access::read;
    return self(user_data).fill_tlb(VirtAddr(address), access, *entry);
}

void UnicornCpu::on_block(uc_engine* engine, std::uint64_t address, std::uint32_t size_bytes,
                          void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    if (cpu.retired_ >= cpu.budget_end_) {
        cpu.end_run(Exit{Exit::Reason::quantum});
        return;
    }
    cpu.retired_ += cpu.block_lengths_.instructions(engine, address, size_bytes);
}

void UnicornCpu::on_translated(uc_engine*, uc_tb* block, uc_tb*, void* user_data) noexcept {
    self(user_data).block_lengths_.note_translated(*block);
}

void UnicornCpu::on_syscall(uc_engine*, void* user_data) noexcept {
    self(user_data).end_run(Exit{Exit::Reason::syscall});
}

// #GP. SYSENTER is for 32-bit system calls, which this kernel is built without: its MSR is 0. IN and OUT need an I/O
// privilege that no program has.
void UnicornCpu::on_refused_instruction(uc_engine*, void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    Registers registers;
    cpu.load_registers(registers);
    cpu.refuse_instruction(registers);
}

void UnicornCpu::on_interrupt(uc_engine*, std::uint32_t vector, void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    Registers registers;
    cpu.load_registers(registers);
    if (cpu.is_software_interrupt(vector, registers)) {
        // The gate is not for user mode: #GP at the instruction, two bytes back. INT 0x80 is for 32-bit system calls,
        // which this kernel is built without.
        registers.rip -= 2;
        cpu.refuse_instruction(registers);
        return;
    }
    cpu.end_run(Exit{Exit::Reason::exception, static_cast<Vector>(vector)});
}

bool UnicornCpu::on_invalid_instruction(uc_engine*, void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    if (!cpu.exit_.has_value()) cpu.exit_ = Exit{Exit::Reason::exception, Vector::invalid_opcode};
    return false;
}

std::uint32_t UnicornCpu::on_port_in(uc_engine*, std::uint32_t, int, void* user_data) noexcept {
    on_refused_instruction(nullptr, user_data);
    return 0;
}

void UnicornCpu::on_port_out(uc_engine*, std::uint32_t, int, std::uint32_t, void* user_data) noexcept {
    on_refused_instruction(nullptr, user_data);
}

int UnicornCpu::on_rdtsc(uc_engine* engine, void* user_data) noexcept {
    const std::uint64_t cycles = self(user_data).timestamps_.timestamp_cycles();
    const std::uint64_t low = cycles & 0xffff'ffff;
    const std::uint64_t high = cycles >> 32;
    must(uc_reg_write(engine, UC_X86_REG_RAX, &low), "to write RAX");
    must(uc_reg_write(engine, UC_X86_REG_RDX, &high), "to write RDX");
    return 1;
}

void UnicornCpu::log_cpuid(std::vector<VirtAddr>& log) {
    FL_ASSERT(cpuid_log_ == nullptr);
    cpuid_log_ = &log;
    add_hook(UC_HOOK_INSN, &on_cpuid, UC_X86_INS_CPUID);
}

// 0: Unicorn goes on to execute the instruction.
int UnicornCpu::on_cpuid(uc_engine*, void* user_data) noexcept {
    const UnicornCpu& cpu = self(user_data);
    if (cpu.cpuid_log_->size() < max_cpuid_log) cpu.cpuid_log_->push_back(cpu.instruction_pointer());
    return 0;
}

FpuState UnicornCpu::fpu_state() const {
    FpuState state;
    std::uint16_t tags = 0;
    must(uc_reg_read(engine_, UC_X86_REG_FPCW, &state.fcw), "to read FPCW");
    must(uc_reg_read(engine_, UC_X86_REG_FPSW, &state.fsw), "to read FPSW");
    must(uc_reg_read(engine_, UC_X86_REG_FPTAG, &tags), "to read FPTAG");
    must(uc_reg_read(engine_, UC_X86_REG_MXCSR, &state.mxcsr), "to read MXCSR");
    for (int i = 0; i < 8; ++i) {
        must(uc_reg_read(engine_, UC_X86_REG_ST0 + i, state.st[static_cast<std::size_t>(i)].data()), "to read ST");
        // Two tag bits a register, 3 = empty (SDM vol. 1, 8.1.7); FXSAVE keeps one bit, 1 = in use.
        if (((tags >> (2 * i)) & 3) != 3) state.ftw |= static_cast<std::uint8_t>(1U << i);
    }
    for (int i = 0; i < 16; ++i) {
        must(uc_reg_read(engine_, UC_X86_REG_XMM0 + i, state.xmm[static_cast<std::size_t>(i)].data()), "to read XMM");
    }
    return state;
}

void UnicornCpu::set_fpu_state(const FpuState& state) {
    // The status word carries TOP, which decides what ST(i) names: write it first.
    must(uc_reg_write(engine_, UC_X86_REG_FPCW, &state.fcw), "to write FPCW");
    must(uc_reg_write(engine_, UC_X86_REG_FPSW, &state.fsw), "to write FPSW");
    std::uint16_t tags = 0;
    for (int i = 0; i < 8; ++i) {
        must(uc_reg_write(engine_, UC_X86_REG_ST0 + i, state.st[static_cast<std::size_t>(i)].data()), "to write ST");
        if ((state.ftw & (1U << i)) == 0) tags |= static_cast<std::uint16_t>(3U << (2 * i));
    }
    must(uc_reg_write(engine_, UC_X86_REG_FPTAG, &tags), "to write FPTAG");
    must(uc_reg_write(engine_, UC_X86_REG_MXCSR, &state.mxcsr), "to write MXCSR");
    for (int i = 0; i < 16; ++i) {
        must(uc_reg_write(engine_, UC_X86_REG_XMM0 + i, state.xmm[static_cast<std::size_t>(i)].data()), "to write XMM");
    }
}

}  // namespace

tl::expected<std::unique_ptr<Cpu>, std::string> Cpu::create(Mmu& mmu, PageFaultHandler& handler,
                                                            TimestampSource& timestamps, Counting counting) {
    auto cpu = std::make_unique<UnicornCpu>(mmu, handler, timestamps, counting);
    if (auto started = cpu->start(); !started) return tl::unexpected(started.error());
    return cpu;
}

}  // namespace fl::emu
