// Accesses that may fail: a probe answers with the si_code of the SIGSEGV that it raised, that of a SIGBUS above
// probe_bus, or 0.
#pragma once

#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "guest.h"

enum { probe_bus = 100 };

static sigjmp_buf probe_return;
static volatile int probe_code;

static void probe_handler(int number, siginfo_t* info, void* context) {
    (void)context;
    probe_code = number == SIGBUS ? probe_bus + info->si_code : info->si_code;
    siglongjmp(probe_return, 1);
}

static inline void probe_install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = probe_handler;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(sigaction(SIGBUS, &action, NULL) == 0);
}

static inline int probe_read(const volatile void* address) {
    probe_code = 0;
    if (sigsetjmp(probe_return, 1) == 0) (void)*(const volatile char*)address;
    return probe_code;
}

static inline int probe_write(volatile void* address, char value) {
    probe_code = 0;
    if (sigsetjmp(probe_return, 1) == 0) *(volatile char*)address = value;
    return probe_code;
}

// Calls the code at an address, which is expected to return.
static inline int probe_call(const void* address) {
    probe_code = 0;
    if (sigsetjmp(probe_return, 1) == 0) ((void (*)(void))(uintptr_t)address)();
    return probe_code;
}

static inline const char* code_name(int code) {
    if (code == probe_bus + BUS_ADRERR) return "BUS_ADRERR";
    return code == 0 ? "works" : code == SEGV_MAPERR ? "SEGV_MAPERR" : code == SEGV_ACCERR ? "SEGV_ACCERR" : "SIGSEGV";
}
