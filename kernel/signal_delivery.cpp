#include "kernel/signal_delivery.hpp"

#include "kernel/processes.hpp"
#include "kernel/rseq.hpp"
#include "kernel/signal_frame.hpp"

namespace fl::kernel {

namespace {

constexpr std::uint64_t syscall_instruction_bytes = 2;

// Back to the SYSCALL instruction, with the number that it was made with.
void restart_interrupted_call(Task& task) {
    if (!task.restart_call) return;
    task.registers.rip -= syscall_instruction_bytes;
    task.registers.rax = task.restart_call->number;
    task.restarted_deadline_ns = task.restart_call->deadline_ns;
    task.resumed_call = task.restart_call;
    task.restart_call.reset();
}

// handle_signal() and signal_delivered().
void run_handler(System& system, const Delivery& delivery) {
    Task& task = system.task;
    const int number = delivery.info.number;
    const bool goes_on = task.restart_call && task.restart_call->kind == RestartCall::Kind::with_restart;
    if (goes_on && (delivery.action.flags & SignalAction::flag_restart) != 0) restart_interrupted_call(task);
    task.restart_call.reset();
    if (!abort_rseq_section(task)) {
        task.signals.frame_failed(SIGSEGV);
        return;
    }
    if (!push_signal_frame(task, delivery, system.cpu.fpu_state())) {
        task.signals.frame_failed(number);
        return;
    }
    task.signals.forget_saved_mask();
    system.cpu.set_fpu_state(emu::FpuState{});
    SignalSet blocked = task.signals.blocked() | SignalSet(delivery.action.mask);
    if ((delivery.action.flags & SignalAction::flag_nodefer) == 0) blocked = blocked | SignalSet::of(number);
    task.signals.set_blocked(blocked);
}

}  // namespace

void deliver_signals(System& system, const SignalObserver& observer) {
    Task& task = system.task;
    const auto tell_unnoticed = [&] {
        for (const SignalInfo& info : task.signals.take_unnoticed()) {
            if (observer) observer(task, info);
        }
    };
    tell_unnoticed();
    while (!task.exit) {
        const auto delivery = task.signals.next();
        tell_unnoticed();
        if (!delivery) {
            task.signals.restore_mask();
            return restart_interrupted_call(task);
        }
        if (observer) observer(task, delivery->info);
        switch (delivery->effect) {
            case Delivery::Effect::terminate: {
                const int number = delivery->info.number;
                system.processes.end_process(*task.process, ExitStatus{128 + number, number, false});
                break;
            }
            case Delivery::Effect::stop: system.processes.stop_process(*task.process, delivery->info.number); break;
            case Delivery::Effect::run_handler: run_handler(system, *delivery); break;
        }
    }
}

}  // namespace fl::kernel
