/* The vDSO's code: the time without a system call (Linux: lib/vdso/gettimeofday.c and arch/x86/entry/vdso).

   It runs in the guest, so it has no library, no data of its own and no relocations. Clocks that it does not know are
   the kernel's business, and so is every error but a bad pointer, which is the caller's own fault and faults. */
#include "time_page.h"

#include <stddef.h>

struct timespec64 {
    int64_t seconds;
    int64_t nanoseconds;
};
struct timeval64 {
    int64_t seconds;
    int64_t microseconds;
};
struct time_zone {
    int32_t minutes_west;
    int32_t dst;
};

enum {
    clock_realtime = 0,
    clock_monotonic = 1,
    clock_monotonic_raw = 4,
    clock_realtime_coarse = 5,
    clock_monotonic_coarse = 6,
    clock_boottime = 7,
    clock_tai = 11,
};
enum { sys_clock_gettime = 228, sys_clock_getres = 229 };

static const uint64_t ns_per_s = 1000000000;
static const uint64_t ns_per_us = 1000;

/* Where exec maps it; the linker script knows how far that is. */
extern const volatile struct fl_time_page vvar_time_page __attribute__((visibility("hidden")));

static long system_call(long number, long a, void* b) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static uint64_t cycles(void) {
    uint32_t low, high;
    /* Not before what stands before it. */
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

enum time_base { base_monotonic, base_realtime };

/* Inlined, so that every address belongs to one of the names that the vDSO is known for. */
static inline __attribute__((always_inline)) uint64_t now_ns(enum time_base which) {
    const volatile struct fl_time_page* page = &vvar_time_page;
    uint32_t sequence;
    uint64_t ns;
    do {
        sequence = page->sequence & ~1U;
        const uint64_t elapsed = (cycles() - page->base_cycles) * page->multiplier >> page->shift;
        ns = elapsed + (which == base_realtime ? page->realtime_base_ns : page->monotonic_base_ns);
    } while (page->sequence != sequence);
    return ns > INT64_MAX ? INT64_MAX : ns;
}

static inline __attribute__((always_inline)) uint64_t coarse_ns(enum time_base which) {
    const uint64_t tick_ns = vvar_time_page.tick_ns;
    return now_ns(which) / tick_ns * tick_ns;
}

int __vdso_clock_gettime(int clock, struct timespec64* into) {
    uint64_t ns;
    switch (clock) {
        case clock_realtime:
        case clock_tai: ns = now_ns(base_realtime); break;
        case clock_monotonic:
        case clock_monotonic_raw:
        case clock_boottime: ns = now_ns(base_monotonic); break;
        case clock_realtime_coarse: ns = coarse_ns(base_realtime); break;
        case clock_monotonic_coarse: ns = coarse_ns(base_monotonic); break;
        default: return (int)system_call(sys_clock_gettime, clock, into);
    }
    into->seconds = (int64_t)(ns / ns_per_s);
    into->nanoseconds = (int64_t)(ns % ns_per_s);
    return 0;
}

int __vdso_clock_getres(int clock, struct timespec64* into) {
    uint64_t ns;
    switch (clock) {
        case clock_realtime:
        case clock_tai:
        case clock_monotonic:
        case clock_monotonic_raw:
        case clock_boottime: ns = vvar_time_page.resolution_ns; break;
        case clock_realtime_coarse:
        case clock_monotonic_coarse: ns = vvar_time_page.tick_ns; break;
        default: return (int)system_call(sys_clock_getres, clock, into);
    }
    if (into != NULL) {
        into->seconds = 0;
        into->nanoseconds = (int64_t)ns;
    }
    return 0;
}

int __vdso_gettimeofday(struct timeval64* into, struct time_zone* zone) {
    if (into != NULL) {
        const uint64_t ns = now_ns(base_realtime);
        into->seconds = (int64_t)(ns / ns_per_s);
        into->microseconds = (int64_t)(ns % ns_per_s / ns_per_us);
    }
    if (zone != NULL) {
        zone->minutes_west = 0;
        zone->dst = 0;
    }
    return 0;
}

int64_t __vdso_time(int64_t* into) {
    const int64_t seconds = (int64_t)(now_ns(base_realtime) / ns_per_s);
    if (into != NULL) *into = seconds;
    return seconds;
}

/* The machine has one processor and one node, as for a kernel built without SMP. */
long __vdso_getcpu(uint32_t* cpu, uint32_t* node, void* unused) {
    (void)unused;
    if (cpu != NULL) *cpu = 0;
    if (node != NULL) *node = 0;
    return 0;
}

int clock_gettime(int, struct timespec64*) __attribute__((weak, alias("__vdso_clock_gettime")));
int clock_getres(int, struct timespec64*) __attribute__((weak, alias("__vdso_clock_getres")));
int gettimeofday(struct timeval64*, struct time_zone*) __attribute__((weak, alias("__vdso_gettimeofday")));
int64_t time(int64_t*) __attribute__((weak, alias("__vdso_time")));
long getcpu(uint32_t*, uint32_t*, void*) __attribute__((weak, alias("__vdso_getcpu")));
