// What the guest programs share: a transcript on stdout and checks that end the program.
//
// Each line of the transcript is one write(2), so that all of it is out when a program dies, and no C library decides
// when. A program prints only what is the same in every run under `env -i setarch -R`, on any Linux kernel.
#pragma once

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { page_size = 4096 };

// Exit status of a program that cannot show its point on this kernel; the twin tests then say so and skip it.
enum { exit_unsupported = 77 };

__attribute__((format(printf, 1, 2))) static inline void say(const char* format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (length < 0) length = 0;
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length++] = '\n';
    for (int done = 0; done < length;) {
        ssize_t written = write(STDOUT_FILENO, line + done, (size_t)(length - done));
        if (written <= 0) _exit(2);
        done += (int)written;
    }
}

// For programs about what others than root are refused; the emulated ones are root's.
static inline void need_root(void) {
    if (geteuid() == 0) return;
    say("only root can show what this is about");
    exit(exit_unsupported);
}

// A self-check: says what did not hold and ends the program with status 1.
#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            say("CHECK failed, %s:%d: %s", __FILE__, __LINE__, #condition); \
            _exit(1);                                                       \
        }                                                                   \
    } while (0)

// Page faults of this process that needed no I/O, as the kernel counts them.
static inline long minor_faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt;
}

// Faults taken by one volatile access. The two getrusage calls themselves are made warm first, so that neither their
// code nor the stack they use is among what is counted.
#define FAULTS_OF(access)              \
    ({                                 \
        (void)minor_faults();          \
        long before_ = minor_faults(); \
        (void)(access);                \
        minor_faults() - before_;      \
    })

static inline uintptr_t page_of(const void* address) { return (uintptr_t)address & ~(uintptr_t)(page_size - 1); }
