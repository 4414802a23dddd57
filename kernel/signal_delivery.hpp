// Signals on the way back to user mode: handlers are entered, or the program ends.
#pragma once

#include "kernel/system.hpp"

#include <functional>

namespace fl::kernel {

// Told about each signal as it takes effect, for --strace.
using SignalObserver = std::function<void(const Task&, const SignalInfo&)>;

// Delivers all signals that are due. Afterwards task.exit is set, or the registers lead to the innermost handler.
void deliver_signals(System& system, const SignalObserver& observer);

}  // namespace fl::kernel
