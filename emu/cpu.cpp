#include "emu/cpu.hpp"

#include "emu/block_lengths.hpp"
#include "emu/cpu_model.hpp"
#include "emu/current_instruction.hpp"
#include "emu/reference_reporter.hpp"
#include "emu/tlb_fill.hpp"
#include "emu/unicorn_error.hpp"
#include "emu/unicorn_registers.hpp"
#include "emu/user_mode.hpp"

#include <unicorn/unicorn.h>

#include <atomic>
#include <optional>

namespace fl::emu {

namespace {

class UnicornCpu final : public Cpu {
public:
    UnicornCpu(Mmu& mmu, PageFaultHandler& handler, TimestampSource& timestamps, Counting counting)
        : mmu_(mmu), timestamps_(timestamps), counting_(counting), tlb_(mmu, handler, exit_) {}
    UnicornCpu(const UnicornCpu&) = delete;
    UnicornCpu& operator=(const UnicornCpu&) = delete;
    ~UnicornCpu() override {
        if (user_mode_ != nullptr) uc_context_free(user_mode_);
        if (engine_ != nullptr) uc_close(engine_);
    }

    tl::expected<void, std::string> start();

    Exit run(Registers& registers, std::uint64_t instruction_budget) override;
    void set_root(Pfn root) override { tlb_.set_root(root); }
    void flush_tlb() override { tlb_.note_stale(); }
    void request_stop_soon() override { stops_soon_ = true; }
    void request_stop() override { end_run(Exit{Exit::Reason::halt}); }
    void interrupt() override;
    VirtAddr instruction_pointer() const override;
    std::uint64_t retired_instructions() const override { return retired_; }
    TlbStats tlb_stats() const override { return tlb_.stats(); }
    void log_cpuid(std::vector<VirtAddr>& log) override;
    void report_references(ReferenceObserver* observer) override;
    FpuState fpu_state() const override { return load_fpu_state(engine_); }
    void set_fpu_state(const FpuState& state) override { store_fpu_state(engine_, state); }

private:
    void install_hooks();
    template <class Callback>
    void add_hook(int type, Callback* callback, int instruction = 0);

    void end_run(Exit exit);
    void refuse_instruction(const Registers& registers);
    void flush_translations_now();
    void clear_exception_state();

    static UnicornCpu& self(void* user_data) { return *static_cast<UnicornCpu*>(user_data); }
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
    TimestampSource& timestamps_;
    Counting counting_;
    uc_engine* engine_ = nullptr;
    uc_context* user_mode_ = nullptr;  // the state right after entering ring 3, no exception pending

    std::optional<Exit> exit_;
    TlbFill tlb_;
    // Registers as an exit's hook saw them, where Unicorn would go on changing them before it stops.
    std::optional<Registers> exit_registers_;
    bool in_run_ = false;
    bool stops_soon_ = false;
    std::atomic<bool> interrupted_{false};  // set by a signal handler
    Registers loaded_{};                    // what the engine's registers hold between runs

    std::uint64_t retired_ = 0;
    std::uint64_t budget_end_ = no_budget;
    BlockLengths block_lengths_;
    std::vector<VirtAddr>* cpuid_log_ = nullptr;
    std::optional<ReferenceReporter> reporter_;
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
    if (auto entered = enter_user_mode(engine_, ram); !entered) return entered;
    install_hooks();
    set_fpu_state(FpuState{});  // as after FNINIT and a reset of MXCSR: what exec gives a program
    load_registers(engine_, loaded_);
    must(uc_context_alloc(engine_, &user_mode_), "a context");
    must(uc_context_save(engine_, user_mode_), "to save the context");
    return {};
}

template <class Callback>
void UnicornCpu::add_hook(int type, Callback* callback, int instruction) {
    uc_hook hook = 0;
    must(uc_hook_add(engine_, &hook, type, reinterpret_cast<void*>(callback), this, 1, 0, instruction), "a hook");
}

void UnicornCpu::install_hooks() {
    tlb_.attach(engine_);
    if (counting_ == Counting::instructions) tlb_.count_by(retired_);
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
    stops_soon_ = false;
    store_registers(engine_, loaded_, registers);
    for (;;) {
        if (tlb_.wants_retranslation() || mmu_.ram().code_frames().any_stale()) flush_translations_now();
        if (tlb_.is_stale()) tlb_.flush();
        exit_.reset();
        tlb_.forget_retranslation();
        tlb_.forget_restart();
        if (reporter_.has_value()) reporter_->forget_restart();
        if (interrupted_.exchange(false)) {
            exit_ = Exit{Exit::Reason::halt};
            break;
        }
        const uc_err error = uc_emu_start(engine_, loaded_.rip, 0, 0, 0);
        load_registers(engine_, loaded_);
        if (!exit_.has_value() && interrupted_.exchange(false)) exit_ = Exit{Exit::Reason::halt};
        if (exit_.has_value()) break;
        // The aborted fetch left nothing behind but an address: run the same instruction again.
        if (tlb_.wants_retranslation() || tlb_.wants_restart() || (reporter_.has_value() && reporter_->wants_restart()))
            continue;
        // Nothing asked for a stop, so Unicorn gave up by itself: a translator limit (an instruction longer than 15
        // bytes) or a state it cannot go on from. A processor raises #GP for the former.
        (void)error;
        exit_ = Exit{Exit::Reason::exception, Vector::general_protection};
        break;
    }
    in_run_ = false;
    if (reporter_.has_value()) reporter_->note_run_ended();
    registers = exit_registers_.value_or(loaded_);
    // Only exceptions are told by their hook; after them the engine's registers are loaded again.
    FL_ASSERT(!exit_registers_.has_value() || exit_->reason == Exit::Reason::exception);
    exit_registers_.reset();
    if (exit_->reason == Exit::Reason::exception) clear_exception_state();
    return *exit_;
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

// Unicorn remembers the last contributory exception and turns the next one into a double fault (Intel SDM vol. 3A,
// table 6-5), although our hook has dealt with it. Only a saved context has that memory clean.
void UnicornCpu::clear_exception_state() {
    const FpuState fpu = fpu_state();
    must(uc_context_restore(engine_, user_mode_), "to restore the context");
    set_fpu_state(fpu);
    load_registers(engine_, loaded_);
}

// #GP with the registers as the instruction found them: Unicorn goes on with it before it stops.
void UnicornCpu::refuse_instruction(const Registers& registers) {
    exit_registers_ = registers;
    end_run(Exit{Exit::Reason::exception, Vector::general_protection});
}

void UnicornCpu::flush_translations_now() {
    must(uc_ctl_flush_tb(engine_), "to flush translations");
    mmu_.ram().code_frames().forget_all();
    block_lengths_.forget_all();
    // Frames are noted as fetched when the TLB is filled: fill it anew.
    tlb_.flush();
}

void UnicornCpu::end_run(Exit exit) {
    if (!exit_.has_value()) exit_ = exit;
    must(uc_emu_stop(engine_), "to stop");
}

void UnicornCpu::on_block(uc_engine* engine, std::uint64_t address, std::uint32_t size_bytes,
                          void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    if (cpu.retired_ >= cpu.budget_end_) {
        cpu.end_run(Exit{Exit::Reason::quantum});
        return;
    }
    if (cpu.stops_soon_) {
        cpu.end_run(Exit{Exit::Reason::halt});
        return;
    }
    if (cpu.tlb_.wants_restart()) {
        must(uc_emu_stop(engine), "to stop");
        return;
    }
    if (cpu.reporter_.has_value() && !cpu.reporter_->report_block(cpu.tlb_.root(), VirtAddr(address), size_bytes)) {
        if (cpu.reporter_->wants_stop()) {
            cpu.end_run(Exit{Exit::Reason::halt});
        } else {
            must(uc_emu_stop(engine), "to stop");
        }
        return;
    }
    if (cpu.counting_ == Counting::instructions) {
        cpu.retired_ += cpu.block_lengths_.instructions(engine, address, size_bytes);
    }
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
    load_registers(cpu.engine_, registers);
    cpu.refuse_instruction(registers);
}

void UnicornCpu::on_interrupt(uc_engine*, std::uint32_t vector, void* user_data) noexcept {
    UnicornCpu& cpu = self(user_data);
    Registers registers;
    load_registers(cpu.engine_, registers);
    if (is_software_interrupt(cpu.mmu_, cpu.tlb_.root(), registers, vector)) {
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

void UnicornCpu::report_references(ReferenceObserver* observer) {
    if (observer == nullptr) return;
    FL_ASSERT(!reporter_.has_value());
    tlb_.report_to(reporter_.emplace(engine_, mmu_, *observer));
    if (counting_ == Counting::none) add_hook(UC_HOOK_BLOCK, &on_block);
}

// 0: Unicorn goes on to execute the instruction.
int UnicornCpu::on_cpuid(uc_engine*, void* user_data) noexcept {
    const UnicornCpu& cpu = self(user_data);
    if (cpu.cpuid_log_->size() < max_cpuid_log) cpu.cpuid_log_->push_back(cpu.instruction_pointer());
    return 0;
}

}  // namespace

tl::expected<std::unique_ptr<Cpu>, std::string> Cpu::create(Mmu& mmu, PageFaultHandler& handler,
                                                            TimestampSource& timestamps, Counting counting) {
    auto cpu = std::make_unique<UnicornCpu>(mmu, handler, timestamps, counting);
    if (auto started = cpu->start(); !started) return tl::unexpected(started.error());
    return cpu;
}

}  // namespace fl::emu
