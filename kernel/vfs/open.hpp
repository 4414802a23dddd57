// open(2) below the system call (Linux: build_open_flags in fs/open.c, path_openat in fs/namei.c).
#pragma once

#include "kernel/file_table.hpp"
#include "kernel/vfs/path.hpp"

namespace fl::kernel {

struct OpenRequest {
    int flags = 0;        // without O_CLOEXEC
    mode_t mode = 0;      // of a new file, before the umask
    unsigned wanted = 0;  // may_ bits that opening asks for
    OnExec on_exec = OnExec::keep;
};

// From the arguments of open(2), of which unknown flags are ignored. EINVAL.
Result<OpenRequest> open_request(std::uint64_t flags, std::uint64_t mode);

// All errors of open(2) but EFAULT, EBADF and EMFILE.
Result<DescriptionPointer> open_path(System& system, DentryPointer start, std::string_view path,
                                     const OpenRequest& request);

}  // namespace fl::kernel
