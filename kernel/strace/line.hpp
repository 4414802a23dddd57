// The text of a call, in its two parts, of its answer, and of what else happens to a task, as strace(1) prints them.
#pragma once

#include "kernel/strace/argument.hpp"
#include "kernel/task.hpp"

namespace fl::kernel::strace {

// "read(3, ": up to the first argument that the call fills; remembers what the answer is compared with.
std::string entering_text(Call& call, const ArgumentFormats& formats);
// "\"abc\", 100)": the rest.
std::string exiting_text(const Call& call, const ArgumentFormats& formats);
// "0", "0x7ffff7ff5000", "-1 ENOMEM (Cannot allocate memory)", "? ERESTARTSYS (To be restarted ...)".
std::string result_text(const Call& call, ResultPrinter print);

// How a call that a signal ended goes on, as the kernel has it inside.
Restart restart_of(std::uint64_t syscall_number, const Arguments& arguments, const RestartCall& call);
// "restart_syscall(<... resuming interrupted nanosleep ...>".
std::string resuming_text(const char* name);

// "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---".
std::string signal_line(const SignalInfo& info);
// "+++ exited with 0 +++", "+++ killed by SIGSEGV +++".
std::string end_line(const ExitStatus& status);

}  // namespace fl::kernel::strace
