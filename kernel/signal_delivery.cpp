#include "kernel/signal_delivery.hpp"

#include "kernel/signal_frame.hpp"

namespace fl::kernel {

namespace {

// handle_signal() and signal_delivered().
void run_handler(System& system, const Delivery& delivery) {
    Task& task = system.task;
    const int number = delivery.info.number;
    if (!push_signal_frame(task, delivery, system.cpu.fpu_state())) {
        task.signals.frame_failed(number);
        return;
    }
    system.cpu.set_fpu_state(emu::FpuState{});
    SignalSet blocked = task.signals.blocked() | SignalSet(delivery.action.mask);
    if ((delivery.action.flags & SignalAction::flag_nodefer) == 0) blocked = blocked | SignalSet::of(number);
    task.signals.set_blocked(blocked);
}

}  // namespace

void deliver_signals(System& system, const SignalObserver& observer) {
    Task& task = system.task;
    while (!task.exit) {
        const auto delivery = task.signals.next();
        if (!delivery) return;
        if (observer) observer(delivery->info);
        if (delivery->effect == Delivery::Effect::terminate) {
            task.die_of(delivery->info.number);
        } else {
            run_handler(system, *delivery);
        }
    }
}

}  // namespace fl::kernel
