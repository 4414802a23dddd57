// signal-flags: what the flags of sigaction mean, one by one, in processes and threads; the x87 and SSE state across
// handlers; a pager in a handler; jumps out of handlers.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

static volatile sig_atomic_t depth, deepest, count, on_alternate;
static char stack[65536];

static void install(int number, void (*handler)(int, siginfo_t*, void*), int flags) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void again(int number, siginfo_t* info, void* context) {
    (void)info, (void)context;
    if (++depth > deepest) deepest = depth;
    if (++count < 3) raise(number);
    --depth;
}

static void nested(int flags, const char* name) {
    depth = deepest = count = 0;
    install(SIGUSR1, again, flags);
    raise(SIGUSR1);
    say("%s: %d calls, %d deep", name, (int)count, (int)deepest);
}

static void once(int number, siginfo_t* info, void* context) { (void)number, (void)info, (void)context, ++count; }

static void reset_hand(void) {
    count = 0;
    install(SIGUSR1, once, SA_RESETHAND);
    struct sigaction now;
    raise(SIGUSR1);
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0);
    say("SA_RESETHAND: %d call, default again: %d", (int)count, now.sa_handler == SIG_DFL);
    pid_t child = fork();
    if (child == 0) {
        install(SIGUSR1, once, SA_RESETHAND);
        raise(SIGUSR1);
        raise(SIGUSR1);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("the second ends it: %d", WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

static int is_inside(const void* address) {
    return (const char*)address >= stack && (const char*)address < stack + sizeof stack;
}

static void where(int number, siginfo_t* info, void* context) {
    (void)number, (void)info;
    char here;
    stack_t now;
    CHECK(sigaltstack(NULL, &now) == 0);
    const ucontext_t* frame = context;
    on_alternate = is_inside(&here);
    say("  on the signal stack: %d, ss_flags %x, the frame's %x, its size: %d", (int)on_alternate,
        (unsigned)now.ss_flags, (unsigned)frame->uc_stack.ss_flags, frame->uc_stack.ss_size == sizeof stack);
}

static void signal_stacks(const char* name) {
    say("%s:", name);
    stack_t wanted = {.ss_sp = stack, .ss_size = sizeof stack};
    CHECK(sigaltstack(&wanted, NULL) == 0);
    install(SIGUSR1, where, 0);
    raise(SIGUSR1);
    install(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    wanted.ss_flags = (int)(1U << 31);  // SS_AUTODISARM
    CHECK(sigaltstack(&wanted, NULL) == 0);
    raise(SIGUSR1);
    stack_t now;
    CHECK(sigaltstack(NULL, &now) == 0);
    say("  armed again afterwards: %d", now.ss_sp == stack && now.ss_size == sizeof stack);
    wanted.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&wanted, NULL) == 0);
}

static void* stacks_of_a_thread(void* argument) {
    stack_t now;
    CHECK(sigaltstack(NULL, &now) == 0);
    say("a thread has no signal stack: %d", now.ss_flags == SS_DISABLE);
    signal_stacks(argument);
    return NULL;
}

// A child that ends while the parent does something else.
static void children(int flags, int ignored, const char* name) {
    count = 0;
    if (ignored) {
        signal(SIGCHLD, SIG_IGN);
    } else {
        install(SIGCHLD, once, SA_RESTART | flags);
    }
    pid_t child = fork();
    if (child == 0) {
        raise(SIGSTOP);
        _exit(3);
    }
    struct timespec time = {0, 1000000};
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT) != 0) {
    }
    // It can be seen to have stopped before its parent is told.
    struct timespec moment = {0, 5000000};
    if (ignored || flags & SA_NOCLDSTOP) {
        nanosleep(&moment, NULL);
    } else {
        while (count == 0) nanosleep(&time, NULL);
    }
    int stops = count;
    CHECK(kill(child, SIGCONT) == 0);
    int waited = waitpid(child, NULL, 0);
    int reaped = waited == -1 && errno == ECHILD;
    if (flags & SA_NOCLDWAIT) {
        while (count == 0) nanosleep(&time, NULL);
    }
    say("%s: told of the stop: %d, no zombie: %d, told of the end: %d", name, stops, reaped, count > stops);
    signal(SIGCHLD, SIG_DFL);
}

static void clobber(int number, siginfo_t* info, void* context) {
    (void)number, (void)info, (void)context;
    volatile double x = 1.0;
    for (int i = 1; i < 20; ++i) x = x * 1.5 + i;
    __asm__ volatile("fninit\n\tfldpi\n\tpcmpeqd %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm7\n\tmovdqa %%xmm0, %%xmm15" ::
                         : "xmm0", "xmm7", "xmm15");
    ++count;
}

static void floating_point(void) {
    install(SIGUSR1, clobber, 0);
    const uint64_t pattern = 0x0123456789abcdef;
    uint64_t low = 0, high = 0, pid = (uint64_t)getpid();
    double x87 = 0;
    uint32_t mxcsr_before = 0x3f80, mxcsr = 0;
    __asm__ volatile(
        "ldmxcsr %[before]\n\t"
        "fninit\n\tfldl2e\n\t"
        "movq %[pattern], %%xmm7\n\tmovq %[pattern], %%xmm15\n\t"
        "mov $62, %%eax\n\tmov %[pid], %%rdi\n\tmov $10, %%esi\n\tsyscall\n\t"
        "movq %%xmm7, %[low]\n\tmovq %%xmm15, %[high]\n\t"
        "fstpl %[x87]\n\tstmxcsr %[mxcsr]"
        : [low] "=&r"(low), [high] "=&r"(high), [x87] "=m"(x87), [mxcsr] "=m"(mxcsr)
        : [pattern] "r"(pattern), [pid] "r"(pid), [before] "m"(mxcsr_before)
        : "rax", "rcx", "r11", "rdi", "rsi", "xmm7", "xmm15", "memory", "cc");
    say("registers across a handler: %d %d %d, control %x", low == pattern, high == pattern, x87 == 1.4426950408889634,
        mxcsr);
    mxcsr_before = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(mxcsr_before));
}

static char* region;
static const size_t region_pages = 16;

static void pager(int number, siginfo_t* info, void* context) {
    (void)number, (void)context;
    char* page = (char*)((uintptr_t)info->si_addr & ~(uintptr_t)(page_size - 1));
    if (page < region || page >= region + region_pages * page_size) _exit(9);
    CHECK(mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page);
    memset(page, 'a' + (int)((page - region) / page_size), page_size);
    ++count;
}

static void* use_pages(void* argument) {
    (void)argument;
    count = 0;
    region = mmap(NULL, region_pages * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(region != MAP_FAILED);
    long sum = 0;
    for (size_t i = 0; i < region_pages; ++i) sum += region[i * page_size + i];
    region[3 * page_size] = 1;
    say("  %d pages brought by the handler, sum %ld", (int)count, sum);
    CHECK(munmap(region, region_pages * page_size) == 0);
    return NULL;
}

static sigjmp_buf back;

static void jump(int number, siginfo_t* info, void* context) {
    (void)number, (void)info, (void)context;
    siglongjmp(back, 1);
}

static void* jumps(void* argument) {
    (void)argument;
    volatile int times = 0;
    sigset_t now;
    install(SIGSEGV, jump, 0);
    while (times < 3) {
        if (sigsetjmp(back, 1) == 0) {
            *(volatile int*)8 = 1;
            say("  not reached");
        }
        ++times;
    }
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &now) == 0);
    say("  %d jumps, blocked: %d", (int)times, sigismember(&now, SIGSEGV));
    return NULL;
}

static void everywhere(void* (*work)(void*), const char* name) {
    say("%s:", name);
    work(NULL);
    say("%s in a thread:", name);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    say("%s after fork:", name);
    pid_t child = fork();
    if (child == 0) {
        work(NULL);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
    nested(0, "blocked in its handler");
    nested(SA_NODEFER, "SA_NODEFER");
    reset_hand();
    signal_stacks("signal stack");
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, stacks_of_a_thread, "signal stack of a thread") == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    children(0, 0, "SIGCHLD");
    children(SA_NOCLDSTOP, 0, "SA_NOCLDSTOP");
    children(SA_NOCLDWAIT, 0, "SA_NOCLDWAIT");
    children(SA_NOCLDWAIT | SA_NOCLDSTOP, 0, "both");
    children(0, 1, "ignored");
    floating_point();
    install(SIGSEGV, pager, 0);
    everywhere(use_pages, "pager");
    everywhere(jumps, "jumps");
    return 0;
}
