// Arguments of calls on signals, and signals themselves.
#pragma once

#include "kernel/signals.hpp"
#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_signal_set(const Argument&);
std::string print_signal_action(const Argument&);
std::string print_signal_stack(const Argument&);
std::string print_signal_frame(const Argument&);  // rt_sigreturn takes no argument: the mask that the frame holds
std::string print_siginfo(const Argument&);
std::string print_wait_siginfo(const Argument&);  // waitid's: filled where there is a child to tell of

std::string signal_result(const Call&);  // the signal that was waited for

// "[USR1 CHLD]", "~[KILL STOP]".
std::string signal_set_text(std::uint64_t bits);
// "{si_signo=SIGCHLD, si_code=CLD_EXITED, ...}".
std::string siginfo_text(const SignalInfo& info);

extern const Names signal_how_names;
extern const Names signalfd_flag_names;

}  // namespace fl::kernel::strace
