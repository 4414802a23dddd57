// A program on the host's own kernel, watched: which page faults it takes in user mode, and what its address space
// looks like at its start and at its end. Randomisation is off, the stack's limit is 8 MiB, as on the emulated machine.
//
// The program is traced with ptrace(2), which stops it at execve and at exit and, apart from what CPUID says (see
// cpuid_stand_in.hpp), changes nothing of what it does. Its standard input and output are /dev/null.
#pragma once

#include "trace/user_fault.hpp"

#include <tl/expected.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace fl::trace {

struct NativeProgram {
    std::string path;  // as the user typed it: the program sees it in AT_EXECFN
    std::vector<std::string> argv;
    std::vector<std::string> environment;
    // Where it executes CPUID when it is shown the emulated processor, in order; these are answered so natively as
    // well.
    std::vector<VirtAddr> cpuid_sites;
};

struct NativeRun {
    std::vector<UserFault> faults;  // of its first thread, in order
    std::string maps_at_start;      // /proc/PID/maps before its first instruction
    std::string maps_at_end;        // and before it was taken apart
    int wait_status = 0;            // as waitpid(2) gives it
    std::size_t cpuid_left = 0;     // of cpuid_sites, those that it never came to
};

// The error is one line: the host does not let us record, the program cannot be started, records were lost.
tl::expected<NativeRun, std::string> run_natively(const NativeProgram& program);

}  // namespace fl::trace
