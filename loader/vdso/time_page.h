/* The page of [vvar] that the vDSO reads the time from (Linux: struct vdso_time_data, include/vdso/datapage.h; the
   layout is our own). The kernel writes it, the guest's code in time.c reads it: plain C for both.

   At `tsc` cycles a clock stands at base_ns + ((tsc - base_cycles) * multiplier >> shift), and never above
   INT64_MAX. */
#ifndef FAULTLINE_VDSO_TIME_PAGE_H
#define FAULTLINE_VDSO_TIME_PAGE_H

#include <stdint.h> /* NOLINT(modernize-deprecated-headers): C reads this file too */

struct fl_time_page {
    uint32_t sequence; /* odd while the kernel writes; what was read under two different values is void */
    uint32_t shift;
    uint32_t multiplier;
    uint32_t tick_ns;       /* resolution of the coarse clocks */
    uint32_t resolution_ns; /* and of all others */
    uint32_t unused;
    uint64_t base_cycles;
    uint64_t monotonic_base_ns;
    uint64_t realtime_base_ns;
};

#endif
