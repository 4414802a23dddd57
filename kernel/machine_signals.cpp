// MachineImplementation: traps of the program, signals from the host, and their delivery.
#include "kernel/fault_log.hpp"
#include "kernel/host_signals.hpp"
#include "kernel/machine_implementation.hpp"
#include "kernel/traps.hpp"
#include "kernel/vfs/devices.hpp"
#include "kernel/vfs/host_stream.hpp"

#include <algorithm>
#include <csignal>

namespace fl::kernel {

namespace {

void raise(Task& task, const Trap& trap, bool resume_flag) {
    task.trap = trap.state;
    if (resume_flag) task.registers.rflags |= rflags_resume;
    task.signals.force(trap.signal);
}

}  // namespace

// The first standard stream that is a terminal controls the program's session.
void MachineImplementation::take_terminal(Task& task) {
    for (const std::uint32_t fd : task.files->numbers()) {
        const auto file = task.files->find(fd);
        const auto* stream = file ? dynamic_cast<const HostStream*>(file->get()) : nullptr;
        if (stream == nullptr || stream->terminal() == nullptr) continue;
        terminal_ = stream->terminal();
        terminal_->session = task.process->session;
        terminal_->foreground = task.process->group;
        task.process->terminal = terminal_;
        name_terminal(stream->path());
        return;
    }
}

// Only where the host has it below /dev: "/dev/pts/3".
void MachineImplementation::name_terminal(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (!path.starts_with("/dev/") || path.size() > max_path_bytes) return;
    const DentryPointer folder = vfs_->make_directories(path.substr(0, slash));
    if (folder == nullptr || !folder->inode->directory()->is_writable()) return;
    std::string name = path.substr(slash + 1);
    if (folder->inode->directory()->find(*first_, folder, name) != nullptr) return;
    auto inode = make_terminal(folder->inode->file_system(), clock_.realtime_ns(), terminal_);
    folder->inode->directory()->add(std::make_shared<Dentry>(std::move(name), folder, std::move(inode)));
}

// Whether ^Z is for the emulator itself: nobody in the machine would let the group go on again.
bool MachineImplementation::stops_with_host(std::uint32_t group) const {
    if (!processes_.is_orphaned(group)) return false;
    return std::ranges::none_of(processes_.all(), [group](const auto& entry) {
        const Process& process = *entry.second;
        if (process.group != group || process.threads.empty()) return false;
        return process.threads.front()->signals.action(SIGTSTP).handler != SignalAction::default_action;
    });
}

void MachineImplementation::stop_with_host() {
    if (terminal_ != nullptr) terminal_->put_host_settings();
    (void)::raise(SIGSTOP);
    if (terminal_ != nullptr) terminal_->put_own_settings();
}

// What a terminal sends goes to everybody in its foreground, or in the program's group; the rest to the program.
void MachineImplementation::take_host_signals() {
    while (const auto number = HostSignals::take()) {
        const SignalInfo info{.number = *number, .code = si_code_kernel};
        const bool has_foreground = terminal_ != nullptr && terminal_->foreground != 0;
        const std::uint32_t group = has_foreground ? terminal_->foreground : processes_.first_program();
        const bool of_terminal = *number == SIGINT || *number == SIGQUIT || *number == SIGTSTP || *number == SIGWINCH;
        if (*number == SIGTSTP && stops_with_host(group)) {
            stop_with_host();
        } else if (of_terminal && processes_.group_exists(group)) {
            processes_.send_to_group(group, info);
        } else if (!of_terminal || *number == SIGINT) {
            // Who ends the emulator means all that runs in it.
            for (const auto& [pid, process] : processes_.all()) (void)processes_.send_to_process(*process, info);
        }
    }
}

std::optional<CrashTrap> MachineImplementation::handle_fault(System& system, const emu::PageFault& fault) {
    const mm::FaultKind kind = faults_.last_fatal();
    // Out of frames is dealt with by settle(), wherever it happened.
    if (kind == mm::FaultKind::oom) return std::nullopt;
    // A signal is dealt with first; then the access comes again.
    if (kind == mm::FaultKind::userfault) {
        (void)faults_.wait_for_userfault();
        return std::nullopt;
    }
    const Trap trap = trap_of_fault(fault, kind);
    log_segfault(system, trap, fault.address);
    raise(system.task, trap, true);
    return CrashTrap{trap.signal, system.task.registers, fault.address, fault.access, kind};
}

std::optional<CrashTrap> MachineImplementation::handle_exception(System& system, const emu::Exit& exit) {
    Task& task = system.task;
    InstructionStart instruction{};
    peek(VirtAddr(task.registers.rip), std::as_writable_bytes(std::span(instruction)));
    const auto trap = trap_of_exception(exit.vector, task.registers, cpu_->fpu_state(), instruction, task.trap.address);
    if (!trap) return std::nullopt;
    log_exception(system, *trap);
    raise(task, *trap, sets_resume_flag(exit.vector));
    return CrashTrap{trap->signal, task.registers, exit.fault.address, exit.fault.access, std::nullopt};
}

// The same as deliver(); where the trap's signal ends the program that was asked for, it is kept what it died of.
void MachineImplementation::deliver_after_trap(System& system, const CrashTrap& trap) {
    Task& task = system.task;
    SignalInfo last, before_last;
    const SignalObserver observer = [&](const Task& who, const SignalInfo& info) {
        before_last = std::exchange(last, info);
        if (signal_observer_) signal_observer_(who, info);
    };
    kernel_entry_ = VirtAddr(task.registers.rip);
    deliver_signals(system, observer);
    const bool handler_failed = is_failed_handler(trap, before_last, last);
    if (task.exit && task.pid == processes_.first_program() && (handler_failed || is_death_by(trap, last))) {
        crash_ = examine_crash(*task.mm, trap);
        crash_->handler_failed = handler_failed;
        const CallSite* site = crash_->change ? mapping_callers_.find(*crash_->change) : nullptr;
        if (site != nullptr) crash_->call_site = *site;
    }
    settle(system);
}

void MachineImplementation::deliver(System& system) {
    Task& task = system.task;
    if (task.exit) return;
    const Signals& signals = task.signals;
    const bool nothing = signals.pending().empty() && !task.restart_call && !signals.restores_mask();
    if (nothing && !signals.has_unnoticed()) return;
    kernel_entry_ = VirtAddr(task.registers.rip);
    deliver_signals(system, signal_observer_);
    settle(system);
}

}  // namespace fl::kernel
