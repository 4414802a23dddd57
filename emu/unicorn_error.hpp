// What Unicorn answers where only a bug of ours could make it refuse.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdio>
#include <cstdlib>

namespace fl::emu {

[[noreturn]] inline void unicorn_refused(const char* what, uc_err error) {
    std::fprintf(stderr, "faultline: internal error: Unicorn refused %s: %s\n", what, uc_strerror(error));
    std::abort();
}

inline void must(uc_err error, const char* what) {
    if (error != UC_ERR_OK) unicorn_refused(what, error);
}

}  // namespace fl::emu
