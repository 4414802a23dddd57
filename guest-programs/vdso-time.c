// The vDSO: found by hand through AT_SYSINFO_EHDR, and its clocks against the system calls'.
#define _GNU_SOURCE
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_function)(clockid_t, struct timespec*);
typedef int (*timeofday_function)(struct timeval*, void*);
typedef time_t (*time_function)(time_t*);
typedef long (*getcpu_function)(unsigned*, unsigned*, void*);

struct image {
    const char* base;
    const Elf64_Sym* symbols;
    const char* strings;
    const uint16_t* versions;
    const uint32_t* hash;
    const char* name;
    uint16_t linux_2_6;
};

static uint16_t version_index(const char* base, const Elf64_Dyn* entry, const char* strings, const char* wanted) {
    const Elf64_Verdef* version = (const void*)(base + entry->d_un.d_ptr);
    for (;;) {
        const Elf64_Verdaux* name = (const void*)((const char*)version + version->vd_aux);
        if (strcmp(strings + name->vda_name, wanted) == 0) return version->vd_ndx;
        if (version->vd_next == 0) return 0;
        version = (const void*)((const char*)version + version->vd_next);
    }
}

static int parse(struct image* image, const char* base) {
    const Elf64_Ehdr* header = (const void*)base;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_DYN) return 0;
    const Elf64_Phdr* table = (const void*)(base + header->e_phoff);
    const Elf64_Dyn* dynamic = NULL;
    const Elf64_Dyn* definitions = NULL;
    for (int i = 0; i < header->e_phnum; ++i) {
        if (table[i].p_type == PT_DYNAMIC) dynamic = (const void*)(base + table[i].p_offset);
        if (table[i].p_type == PT_LOAD && table[i].p_vaddr != 0) return 0;
    }
    if (dynamic == NULL) return 0;
    uint64_t soname = 0;
    image->base = base;
    for (; dynamic->d_tag != DT_NULL; ++dynamic) {
        const void* there = base + dynamic->d_un.d_ptr;
        switch (dynamic->d_tag) {
            case DT_SYMTAB: image->symbols = there; break;
            case DT_STRTAB: image->strings = there; break;
            case DT_VERSYM: image->versions = there; break;
            case DT_HASH: image->hash = there; break;
            case DT_VERDEF: definitions = dynamic; break;
            case DT_SONAME: soname = dynamic->d_un.d_val; break;
        }
    }
    if (!image->symbols || !image->strings || !image->versions || !image->hash || !definitions) return 0;
    image->name = image->strings + soname;
    image->linux_2_6 = version_index(base, definitions, image->strings, "LINUX_2.6");
    return image->linux_2_6 != 0;
}

static const Elf64_Sym* find(const struct image* image, const char* name) {
    for (uint32_t i = 1; i < image->hash[1]; ++i) {
        const Elf64_Sym* symbol = &image->symbols[i];
        if (symbol->st_shndx == SHN_UNDEF || strcmp(image->strings + symbol->st_name, name) != 0) continue;
        if ((image->versions[i] & 0x7fff) == image->linux_2_6) return symbol;
    }
    return NULL;
}

static const void* code_of(const struct image* image, const char* name) {
    const Elf64_Sym* symbol = find(image, name);
    return symbol != NULL ? image->base + symbol->st_value : NULL;
}

static int64_t ns_of(struct timespec t) { return t.tv_sec * 1000000000LL + t.tv_nsec; }

// Between two answers of the system call, and a coarse one at most a tick behind.
static void compare_clock(clock_function vdso, const char* name, clockid_t clock) {
    struct timespec before, between, after, resolution, resolution_there;
    int monotone = 1, within = 1;
    clock_getres(clock, &resolution);
    syscall(SYS_clock_getres, clock, &resolution_there);
    int64_t last = 0;
    for (int i = 0; i < 100; ++i) {
        syscall(SYS_clock_gettime, clock, &before);
        if (vdso(clock, &between) != 0) within = 0;
        syscall(SYS_clock_gettime, clock, &after);
        if (ns_of(between) < ns_of(before) || ns_of(between) > ns_of(after)) within = 0;
        if (ns_of(between) < last || between.tv_nsec < 0 || between.tv_nsec > 999999999) monotone = 0;
        last = ns_of(between);
    }
    printf("%s: %s, %s, resolution %s\n", name, monotone ? "monotone" : "goes backwards",
           within ? "equal to the system call's" : "differs from the system call's",
           ns_of(resolution) == ns_of(resolution_there) ? "equal" : "differs");
}

int main(void) {
    const char* base = (const char*)getauxval(AT_SYSINFO_EHDR);
    struct image image = {0};
    if (base == NULL || !parse(&image, base)) {
        printf("no vDSO\n");
        return 1;
    }
    printf("vDSO: %s, page aligned: %s\n", image.name, ((uintptr_t)base & 4095) == 0 ? "yes" : "no");
    static const char* const names[] = {"clock_gettime", "gettimeofday", "time", "clock_getres", "getcpu"};
    for (int i = 0; i < 5; ++i) {
        char internal[32] = "__vdso_";
        strcat(internal, names[i]);
        const Elf64_Sym* global = find(&image, internal);
        const Elf64_Sym* weak = find(&image, names[i]);
        printf("%s: %s, %s\n", names[i],
               global && ELF64_ST_BIND(global->st_info) == STB_GLOBAL ? "global as __vdso_" : "missing",
               weak && global && ELF64_ST_BIND(weak->st_info) == STB_WEAK && weak->st_value == global->st_value
                   ? "weak under its own name"
                   : "no weak name");
    }

    clock_function vdso_gettime = (clock_function)code_of(&image, "__vdso_clock_gettime");
    clock_function vdso_getres = (clock_function)code_of(&image, "__vdso_clock_getres");
    timeofday_function vdso_timeofday = (timeofday_function)code_of(&image, "__vdso_gettimeofday");
    time_function vdso_time = (time_function)code_of(&image, "__vdso_time");
    getcpu_function vdso_getcpu = (getcpu_function)code_of(&image, "__vdso_getcpu");
    if (!vdso_gettime || !vdso_getres || !vdso_timeofday || !vdso_time || !vdso_getcpu) return 1;

    compare_clock(vdso_gettime, "realtime", CLOCK_REALTIME);
    compare_clock(vdso_gettime, "monotonic", CLOCK_MONOTONIC);
    compare_clock(vdso_gettime, "monotonic raw", CLOCK_MONOTONIC_RAW);
    compare_clock(vdso_gettime, "realtime coarse", CLOCK_REALTIME_COARSE);
    compare_clock(vdso_gettime, "monotonic coarse", CLOCK_MONOTONIC_COARSE);
    compare_clock(vdso_gettime, "boottime", CLOCK_BOOTTIME);
    compare_clock(vdso_gettime, "tai", CLOCK_TAI);
    compare_clock(vdso_gettime, "process", CLOCK_PROCESS_CPUTIME_ID);
    compare_clock(vdso_gettime, "thread", CLOCK_THREAD_CPUTIME_ID);

    struct timespec t;
    printf("unknown clock: %d %d\n", vdso_gettime(99, &t), vdso_getres(99, &t));
    printf("getres without a place: %d\n", vdso_getres(CLOCK_REALTIME, NULL));

    struct timeval day;
    struct timezone zone = {1, 1};
    struct timespec before, after;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &before);
    const int answer = vdso_timeofday(&day, &zone);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &after);
    const int64_t ns = day.tv_sec * 1000000000LL + day.tv_usec * 1000LL;
    printf("gettimeofday: %d, %s, zone %d %d\n", answer,
           ns + 999 >= ns_of(before) && ns <= ns_of(after) ? "now" : "another time", zone.tz_minuteswest,
           zone.tz_dsttime);
    printf("gettimeofday of nothing: %d\n", vdso_timeofday(NULL, NULL));

    time_t stored = 0;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &before);
    const time_t seconds = vdso_time(&stored);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &after);
    printf("time: %s, %s\n", seconds == stored ? "stored as returned" : "stored otherwise",
           seconds + 1 >= before.tv_sec && seconds <= after.tv_sec ? "now" : "another time");

    unsigned cpu = 12345, node = 12345, cpu_there = 0, node_there = 0;
    int same = 0;
    // The scheduler may move the program between the two.
    for (int i = 0; i < 100 && !same; ++i) {
        vdso_getcpu(&cpu, &node, NULL);
        syscall(SYS_getcpu, &cpu_there, &node_there, NULL);
        same = cpu == cpu_there && node == node_there;
    }
    printf("getcpu: %s\n", same ? "equal to the system call's" : "differs from the system call's");

    struct timespec library;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &before);
    clock_gettime(CLOCK_MONOTONIC, &library);
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &after);
    printf("the library's clock_gettime: %s\n",
           ns_of(library) >= ns_of(before) && ns_of(library) <= ns_of(after) ? "now" : "another time");
    return 0;
}
