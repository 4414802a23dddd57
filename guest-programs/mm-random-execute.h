// How mm-random makes a call and says what came of it.
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mm-random-views.h"

static sigjmp_buf after_signal;
static volatile int probing;
static volatile int signal_number, signal_code;
static volatile uintptr_t signal_address;

static unsigned char transfer_buffer[32 * page_size];

static void on_signal(int number, siginfo_t* info, void* context) {
    (void)context;
    if (!probing) {
        say("unexpected signal %d, code %d, address %p", number, info->si_code, info->si_addr);
        _exit(3);
    }
    signal_number = number;
    signal_code = info->si_code;
    signal_address = (uintptr_t)info->si_addr;
    siglongjmp(after_signal, 1);
}

static void catch_signals(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO;
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0 && sigaction(SIGBUS, &action, NULL) == 0);
}

// Evaluates the access; is 1 where a signal came instead.
#define PROBE(access)                              \
    ({                                             \
        int refused_ = sigsetjmp(after_signal, 1); \
        if (!refused_) {                           \
            probing = 1;                           \
            access;                                \
        }                                          \
        probing = 0;                               \
        refused_;                                  \
    })

static const char* error_name(int error) {
    static const struct {
        int error;
        const char* name;
    } errors[] = {
        {EINVAL, "EINVAL"}, {ENOMEM, "ENOMEM"},   {EACCES, "EACCES"}, {EEXIST, "EEXIST"},         {EBADF, "EBADF"},
        {EFAULT, "EFAULT"}, {EAGAIN, "EAGAIN"},   {EPERM, "EPERM"},   {EOVERFLOW, "EOVERFLOW"},   {ENODEV, "ENODEV"},
        {EBUSY, "EBUSY"},   {EIO, "EIO"},         {ENOSYS, "ENOSYS"}, {EOPNOTSUPP, "EOPNOTSUPP"}, {ENOSPC, "ENOSPC"},
        {EFBIG, "EFBIG"},   {ETXTBSY, "ETXTBSY"}, {EROFS, "EROFS"},   {ESPIPE, "ESPIPE"},         {ESRCH, "ESRCH"},
        {EISDIR, "EISDIR"}, {E2BIG, "E2BIG"},
    };
    for (unsigned i = 0; i < sizeof errors / sizeof *errors; ++i) {
        if (errors[i].error == error) return errors[i].name;
    }
    return NULL;
}

static const char* signal_text(char text[96]) {
    char where[48];
    const char* name = signal_number == SIGBUS ? "SIGBUS" : "SIGSEGV";
    const char* code = signal_number == SIGBUS && signal_code == BUS_ADRERR     ? "BUS_ADRERR"
                       : signal_number == SIGSEGV && signal_code == SEGV_MAPERR ? "SEGV_MAPERR"
                       : signal_number == SIGSEGV && signal_code == SEGV_ACCERR ? "SEGV_ACCERR"
                                                                                : "another code";
    snprintf(text, 96, "%s %s at %s", name, code, place(signal_address, where));
    return text;
}

// --- touches ---------------------------------------------------------------------------------------------------------

// With --no-faults only what is read is said, not how many page faults it took.
static int count_faults = 1;

static void describe_access(char* text, size_t size, int refused, unsigned value, long faults) {
    char signal[96];
    if (refused) {
        snprintf(text, size, "%s", signal_text(signal));
    } else if (count_faults) {
        snprintf(text, size, "%#x, %ld faults", value, faults);
    } else {
        snprintf(text, size, "%#x", value);
    }
}

static void execute_load(uintptr_t address, char* text, size_t size) {
    volatile unsigned value = 0;
    volatile long faults = 0;
    int refused = PROBE(faults = FAULTS_OF(value = *(volatile unsigned char*)address));
    describe_access(text, size, refused, value, faults);
}

static void execute_store(uintptr_t address, unsigned char value, char* text, size_t size) {
    volatile long faults = 0;
    int refused = PROBE(faults = FAULTS_OF(*(volatile unsigned char*)address = value));
    describe_access(text, size, refused, value, faults);
}

// Runs what lies there if it is a return instruction.
static void execute_call(uintptr_t address, char* text, size_t size) {
    volatile unsigned value = 0;
    char signal[96];
    if (PROBE(value = *(volatile unsigned char*)address)) {
        snprintf(text, size, "not read: %s", signal_text(signal));
    } else if (value != 0xc3) {
        snprintf(text, size, "not code: %#x", value);
    } else if (PROBE(((void (*)(void))address)())) {
        snprintf(text, size, "%s", signal_text(signal));
    } else {
        snprintf(text, size, "returned");
    }
}

// Reads all of the window: for each page its hash, or why it has none.
static void execute_sweep(char* text, size_t size) {
    CHECK(size > window_pages * 2);
    for (int i = 0; i < window_pages; ++i) {
        volatile uint64_t hash = 0;
        const volatile unsigned char* page = (const volatile unsigned char*)(window_start + (uintptr_t)i * page_size);
        char letters[3] = "..";
        if (!PROBE(hash = hash_bytes(page, page_size))) {
            snprintf(letters, sizeof letters, "%02x", (unsigned)(hash >> 56));
        } else if (signal_number == SIGBUS) {
            memcpy(letters, "bb", 2);
        } else if (signal_code == SEGV_ACCERR) {
            memcpy(letters, "--", 2);
        }
        memcpy(text + i * 2, letters, 2);
    }
    text[window_pages * 2] = 0;
}

// --- calls -----------------------------------------------------------------------------------------------------------

static long transfer(long call, uintptr_t remote_address, size_t length, unsigned long flags) {
    struct iovec local = {transfer_buffer, sizeof transfer_buffer};
    struct iovec remote = {(void*)remote_address, length};
    if (local.iov_len > length) local.iov_len = length;
    return syscall(call, getpid(), &local, 1ul, &remote, 1ul, flags);
}

static long open_memory_file(int slot, uint64_t flags) {
    char name[] = "random0";
    name[6] = (char)('0' + slot);
    long file = syscall(SYS_memfd_create, name, flags);
    if (file < 0) return file;
    if (files[slot] >= 0) close(files[slot]);
    // Which number it gets depends on the streams that the program was started with.
    files[slot] = (int)file;
    return 0;
}

static long limit_call(uint64_t kind, const struct rlimit* new_limit, struct rlimit* old_limit) {
    return syscall(SYS_prlimit64, 0l, kind, new_limit, old_limit);
}

static long make_call(const struct step* step, const uint64_t a[max_operands]) {
    struct rlimit limit;
    switch (step->operation) {
        case op_mmap: return syscall(SYS_mmap, a[0], a[1], a[2], a[3], a[4], a[5]);
        case op_munmap: return syscall(SYS_munmap, a[0], a[1]);
        case op_mprotect: return syscall(SYS_mprotect, a[0], a[1], a[2]);
        case op_brk: return syscall(SYS_brk, a[0]);
        case op_madvise: gave_up_pages |= a[2] == MADV_FREE; return syscall(SYS_madvise, a[0], a[1], a[2]);
        case op_mremap: return syscall(SYS_mremap, a[0], a[1], a[2], a[3], a[4]);
        case op_mlock: return syscall(SYS_mlock, a[0], a[1]);
        case op_mlock2: return syscall(SYS_mlock2, a[0], a[1], a[2]);
        case op_munlock: return syscall(SYS_munlock, a[0], a[1]);
        case op_mlockall: return syscall(SYS_mlockall, a[0]);
        case op_munlockall: return syscall(SYS_munlockall);
        case op_mincore: return syscall(SYS_mincore, a[0], a[1], a[2] != 0 ? (void*)a[2] : transfer_buffer);
        case op_msync: return syscall(SYS_msync, a[0], a[1], a[2]);
        case op_memfd_create: return open_memory_file((int)a[0], a[1]);
        case op_ftruncate: return syscall(SYS_ftruncate, a[0], a[1]);
        case op_pwrite:
            memset(transfer_buffer, (int)a[2], 2 * page_size);
            return syscall(SYS_pwrite64, a[0], transfer_buffer, (size_t)page_size + a[2] % 7, a[1]);
        case op_pread: return syscall(SYS_pread64, a[0], transfer_buffer, (size_t)page_size, a[1]);
        case op_fallocate: return syscall(SYS_fallocate, a[0], a[1], a[2], a[3]);
        case op_close: return syscall(SYS_close, a[0]);
        case op_remap_file_pages: return syscall(SYS_remap_file_pages, a[0], a[1], a[2], a[3], a[4]);
        case op_process_vm_readv: return transfer(SYS_process_vm_readv, a[0], a[1], a[2]);
        case op_process_vm_writev:
            for (size_t i = 0; i < sizeof transfer_buffer; ++i) transfer_buffer[i] = (unsigned char)(i * 31 + a[1]);
            return transfer(SYS_process_vm_writev, a[0], a[1], a[2]);
        case op_getrlimit: return limit_call(a[0], NULL, (struct rlimit*)transfer_buffer);
        case op_setrlimit: limit = (struct rlimit){a[1], a[2]}; return limit_call(a[0], &limit, NULL);
        case op_personality: return syscall(SYS_personality, a[0]);
        // Calls that do no more than read or write eight bytes.
        case op_kernel_load: return syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, a[0], NULL, 8ul);
        case op_kernel_store: return syscall(SYS_rt_sigpending, a[0], 8ul);
        default: CHECK(!"a step that is no call");
    }
    return -1;
}

// What a call that worked left in the buffer.
static void describe_output(const struct step* step, const uint64_t a[max_operands], long result, char* text,
                            size_t size) {
    const unsigned long* limit = (const unsigned long*)transfer_buffer;  // soft, hard
    size_t used;
    switch (step->operation) {
        case op_pread:
        case op_process_vm_readv:
            snprintf(text, size, " %016llx", (unsigned long long)hash_bytes(transfer_buffer, (size_t)result));
            return;
        case op_getrlimit: snprintf(text, size, " %#lx %#lx", limit[0], limit[1]); return;
        case op_mincore:
            if (a[2] != 0) return;
            used = 0;
            text[used++] = ' ';
            for (size_t i = 0; i < (a[1] + page_size - 1) / page_size && used < size - 1; ++i) {
                text[used++] = (char)('0' + (transfer_buffer[i] & 7));
            }
            text[used] = 0;
            return;
        default: return;
    }
}

static int answers_with_place(enum operation operation) {
    return operation == op_mmap || operation == op_brk || operation == op_mremap;
}

// The books that later steps rely on.
static void note_result(const struct step* step, const uint64_t a[max_operands], long result) {
    if (step->operation == op_mmap) slots[a[6]] = (uintptr_t)result;
    if (step->operation == op_mremap) slots[a[5]] = (uintptr_t)result;
    if (step->operation == op_close) files[step->operands[0].slot] = -1;
}

static void execute_call_step(const struct step* step, const uint64_t a[max_operands], char* text, size_t size) {
    char where[48];
    long result = make_call(step, a);
    if (result == -1) {
        const char* name = error_name(errno);
        if (name != NULL) {
            snprintf(text, size, "%s", name);
        } else {
            snprintf(text, size, "error %d", errno);
        }
        return;
    }
    note_result(step, a, result);
    int used = answers_with_place(step->operation) ? snprintf(text, size, "%s", place((uintptr_t)result, where))
                                                   : snprintf(text, size, "%#lx", result);
    describe_output(step, a, result, text + used, size - (size_t)used);
}

static void execute_step(const struct step* step, char* text, size_t size) {
    uint64_t a[max_operands] = {0};
    for (int i = 0; i < operations[step->operation].operand_count; ++i) a[i] = evaluate(&step->operands[i]);
    text[0] = 0;
    switch (step->operation) {
        case op_load: execute_load(a[0], text, size); return;
        case op_store: execute_store(a[0], (unsigned char)a[1], text, size); return;
        case op_call: execute_call(a[0], text, size); return;
        case op_sweep: execute_sweep(text, size); return;
        // Their lines follow by themselves.
        case op_pagemap:
        case op_smaps:
        case op_status: return;
        default: execute_call_step(step, a, text, size);
    }
}

static void show_view(enum operation operation) {
    if (operation == op_pagemap) show_pagemap();
    if (operation == op_smaps) show_smaps();
    if (operation == op_status) show_status();
}
