// exec: a process becomes another program (Linux: fs/exec.c, fs/binfmt_script.c).
#pragma once

#include "kernel/system.hpp"
#include "loader/elf_image.hpp"
#include "loader/stack_image.hpp"

#include <string>
#include <vector>

namespace fl::kernel {

struct ExecRequest {
    DentryPointer file;  // resolved, a regular file that may be executed
    std::string path;    // as the program is told it (AT_EXECFN)
    std::vector<std::string> argv, environment;
    loader::ProgramRights rights{};
};

// The address space, the registers and the name of `system.task` for a program; the error is one clear line, and the
// task is as it was.
tl::expected<void, std::string> load_into_task(System& system, const ExecRequest& request,
                                               const std::shared_ptr<mm::File>& file, const loader::ElfImage& image);

// execve(2) behind its arguments. ENOEXEC, EACCES, ENOMEM, ELOOP, ETXTBSY...
Result<void> execute(System& system, ExecRequest request);

}  // namespace fl::kernel
