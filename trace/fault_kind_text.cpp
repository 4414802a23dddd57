#include "trace/fault_kind_text.hpp"

namespace fl::trace {

std::string_view explanation(mm::FaultKind kind) {
    switch (kind) {
        case mm::FaultKind::demand_zero:
            return "first write to a page of anonymous memory: it gets a frame full of zeroes";
        case mm::FaultKind::zero_page:
            return "first read of a page of anonymous memory: the shared page of zeroes stands in, read-only";
        case mm::FaultKind::zero_upgrade:
            return "first write where the shared page of zeroes stood in: the page gets a frame of its own";
        case mm::FaultKind::file_minor: return "first touch of a file's page that was in memory already: it is mapped";
        case mm::FaultKind::file_major: return "first touch of a file's page that had to be read from the file";
        case mm::FaultKind::cow:
            return "write to a private page that others, or a file, see as well: it gets a copy of its own";
        case mm::FaultKind::cow_reuse:
            return "write to a private page that nobody else sees any more: it becomes writable in place";
        case mm::FaultKind::write_notify:
            return "first write to a clean page of a shared file: noted for writing back, writable from now on";
        case mm::FaultKind::swap_in: return "the page was in swap and is brought back";
        case mm::FaultKind::stack_grow: return "touch below the stack: the stack is extended down to it";
        case mm::FaultKind::spurious: return "the page table allowed it already: the access is tried again";
        case mm::FaultKind::userfault:
            return "a userfaultfd is told of it: the task waits until the access may be tried again";
        case mm::FaultKind::segv_maperr: return "no mapping holds the address: SIGSEGV (SEGV_MAPERR)";
        case mm::FaultKind::segv_accerr: return "the mapping does not allow the access: SIGSEGV (SEGV_ACCERR)";
        case mm::FaultKind::sigbus: return "the page lies past the end of the mapped file: SIGBUS";
        case mm::FaultKind::poisoned: return "a userfaultfd called the page unreadable: SIGBUS";
        case mm::FaultKind::oom: return "no frame is left: the program is killed";
    }
    return "";
}

}  // namespace fl::trace
