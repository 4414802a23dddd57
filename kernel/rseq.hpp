// Restartable sequences (Linux: kernel/rseq.c): where a thread finds its processor's number without a system call, and
// short sections that start over when the thread is interrupted in them.
//
// There is one processor, number 0, so what the area says never changes; a section is interrupted by signals alone.
#pragma once

#include "kernel/task.hpp"

namespace fl::kernel {

// rseq(2) without flags. EINVAL for a bad size, alignment or a second area, EPERM, EBUSY, EFAULT.
Result<void> register_rseq(Task& task, const RseqArea& area);
// rseq(2) with RSEQ_FLAG_UNREGISTER.
Result<void> unregister_rseq(Task& task, const RseqArea& area);

// Before a signal's frame is written: a thread inside of a section goes to the section's abort handler. EFAULT, EINVAL
// where the area or the section is damaged; the program is to get SIGSEGV then.
Result<void> abort_rseq_section(Task& task);

}  // namespace fl::kernel
