// The random steps of mm-random. A step depends on the seed and its number alone, so that any of them can be left out.
//
// What could hurt the machine is left out: no memory is poisoned, no mapping that succeeds is larger than 32 MiB, and
// lengths that reach far begin where nothing of the program itself follows.
#pragma once

#include <sys/mman.h>
#include <sys/resource.h>

#include "mm-random-step.h"

#define ANY_OF(list) ((list)[below(sizeof(list) / sizeof(list)[0])])

static uint64_t random_state;

// splitmix64, by Sebastiano Vigna (https://prng.di.unimi.it/splitmix64.c).
static uint64_t next_random(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t bound) { return next_random() % bound; }
static int one_in(uint64_t count) { return below(count) == 0; }

static struct operand number(uint64_t value) { return (struct operand){.region = region_number, .value = value}; }

static struct operand window_page(long page) { return (struct operand){.region = region_window, .page = page}; }

static struct operand any_slot(void) {
    return (struct operand){.region = region_slot, .slot = (int)below(slot_count), .page = (long)below(10)};
}

static struct operand aligned_address(void) {
    if (one_in(12)) return any_slot();
    if (one_in(16)) return (struct operand){.region = region_heap, .page = (long)below(12)};
    if (one_in(24)) return window_page(-(long)below(8));
    return window_page((long)below(one_in(3) ? window_pages : 20));
}

static struct operand any_address(void) {
    struct operand address = aligned_address();
    if (one_in(20)) address.value = 1 + below(page_size - 1);
    return address;
}

static struct operand any_file(void) {
    static const int choices[] = {0, 0, 0, 1, 1, 2, 3};
    return (struct operand){.region = region_file, .slot = one_in(40) ? -1 : ANY_OF(choices)};
}

static uint64_t small_length(void) {
    uint64_t length = (1 + below(one_in(4) ? 24 : 7)) * page_size;
    if (one_in(12)) length -= below(page_size);
    if (one_in(40)) length = 0;
    return length;
}

// Lengths that no address space holds.
static uint64_t impossible_length(void) {
    static const uint64_t lengths[] = {
        (1ul << 47) - page_size, 1ul << 47, 1ul << 63,       SIZE_MAX - 2 * page_size + 1,
        SIZE_MAX - page_size,    SIZE_MAX,  SIZE_MAX - 4094, SIZE_MAX - 4095};
    return ANY_OF(lengths);
}

// A length for calls on what is mapped already. From the mmap area even half of it would reach the stack.
static uint64_t length_from(const struct operand* address) {
    static const uint64_t far[] = {1ul << 21, 1ul << 30, 1ul << 40};
    if (address->region == region_window && one_in(30)) return ANY_OF(far);
    // Up to the last page and back around to zero: refused everywhere.
    if (one_in(60)) return SIZE_MAX - below(2 * page_size);
    return small_length();
}

static uint64_t any_protection(void) {
    static const uint64_t usual[] = {
        PROT_NONE,
        PROT_READ,
        PROT_READ,
        PROT_READ | PROT_WRITE,
        PROT_READ | PROT_WRITE,
        PROT_READ | PROT_WRITE,
        PROT_WRITE,
        PROT_READ | PROT_EXEC,
        PROT_READ | PROT_WRITE | PROT_EXEC,
    };
    // Execution alone would depend on the processor's protection keys.
    static const uint64_t odd[] = {8 /* PROT_SEM */, 0x10,         0x80,
                                   PROT_GROWSDOWN,   PROT_GROWSUP, PROT_GROWSDOWN | PROT_GROWSUP,
                                   0x100000000,      1ul << 63};
    return ANY_OF(usual) | (one_in(25) ? ANY_OF(odd) : 0);
}

static uint64_t any_map_flags(int of_file, int* placed) {
    static const uint64_t odd_types[] = {0, MAP_SHARED_VALIDATE, MAP_SHARED_VALIDATE, 4, 8, 15};
    static const uint64_t extras[] = {MAP_GROWSDOWN, MAP_GROWSDOWN, MAP_NORESERVE, MAP_NORESERVE,
                                      MAP_POPULATE,  MAP_POPULATE,  MAP_LOCKED,    MAP_STACK,
                                      MAP_NONBLOCK,  MAP_DENYWRITE, MAP_EXECUTABLE};
    uint64_t flags = one_in(of_file ? 2 : 5) ? MAP_SHARED : MAP_PRIVATE;
    if (one_in(40)) flags = ANY_OF(odd_types);
    if (!of_file) flags |= MAP_ANONYMOUS;
    while (one_in(4)) flags |= ANY_OF(extras);
    *placed = !one_in(5);
    if (*placed && !one_in(5)) flags |= one_in(8) ? 0x100000 /* MAP_FIXED_NOREPLACE */ : MAP_FIXED;
    if (!(flags & MAP_FIXED) && one_in(6)) flags |= MAP_32BIT;
    return flags;
}

static void generate_mmap(struct operand* o, int with_files) {
    static const uint64_t large[] = {2ul << 20, 2ul << 20, 4ul << 20, 32ul << 20, (2ul << 20) + page_size, 3ul << 20};
    static const uint64_t odd_offsets[] = {1, page_size - 1, 1ul << 62, 1ul << 63, SIZE_MAX - page_size + 1};
    const int of_file = with_files && one_in(4);
    int placed;
    o[3] = number(any_map_flags(of_file, &placed));
    o[0] = placed ? any_address() : number(0);
    o[1] = number(small_length());
    if (!placed && one_in(5)) {
        o[1] = number(ANY_OF(large));
        o[3].value &= ~(uint64_t)(MAP_POPULATE | MAP_LOCKED);
    }
    if (one_in(50)) o[1] = number(impossible_length());
    o[2] = number(any_protection());
    o[4] = of_file ? any_file() : (struct operand){.region = region_file, .slot = -1};
    o[5] = number((of_file || one_in(10) ? below(6) : 0) * page_size);
    if (one_in(60)) o[5] = number(ANY_OF(odd_offsets));
    o[6] = number(below(slot_count));
}

static void generate_madvise(struct operand* o) {
    // MADV_HWPOISON and MADV_SOFT_OFFLINE (100, 101) would take real memory from the machine.
    static const uint64_t advice[] = {MADV_NORMAL,
                                      MADV_RANDOM,
                                      MADV_SEQUENTIAL,
                                      MADV_WILLNEED,
                                      MADV_DONTNEED,
                                      MADV_DONTNEED,
                                      MADV_DONTNEED,
                                      MADV_FREE,
                                      MADV_FREE,
                                      MADV_REMOVE,
                                      MADV_DONTFORK,
                                      MADV_DOFORK,
                                      MADV_MERGEABLE,
                                      MADV_UNMERGEABLE,
                                      MADV_HUGEPAGE,
                                      MADV_NOHUGEPAGE,
                                      MADV_DONTDUMP,
                                      MADV_DODUMP,
                                      MADV_WIPEONFORK,
                                      MADV_KEEPONFORK,
                                      20 /* COLD */,
                                      21 /* PAGEOUT */,
                                      22 /* POPULATE_READ */,
                                      23 /* POPULATE_WRITE */,
                                      24 /* DONTNEED_LOCKED */,
                                      102 /* GUARD_INSTALL */,
                                      103 /* GUARD_REMOVE */};
    static const uint64_t unknown[] = {5, 6, 7, 26, 99, 104, SIZE_MAX, 1ul << 32 | MADV_DONTNEED};
    o[0] = any_address();
    o[1] = number(length_from(&o[0]));
    o[2] = number(one_in(30) ? ANY_OF(unknown) : ANY_OF(advice));
    if (o[2].value == MADV_HUGEPAGE || o[2].value == 22 || o[2].value == 23) {
        // Inside the window there is no room for a huge page, nor for much memory.
        if (o[0].region != region_window) o[0] = window_page(0);
        if (o[1].value < SIZE_MAX / 2 && o[1].value > window_pages * page_size) o[1].value = page_size;
    }
}

static void generate_mremap(struct operand* o) {
    static const uint64_t flags[] = {0, 0, 0, 1, 1, 1, 1, 3, 3, 3, 3, 5, 5, 7, 7, 2, 4, 6, 8, 9};
    o[0] = any_address();
    o[1] = number(small_length());
    o[2] = number(one_in(3) ? o[1].value : small_length());
    if (one_in(50)) o[1] = number(impossible_length());
    if (one_in(50)) o[2] = number(impossible_length());
    o[3] = number(ANY_OF(flags));
    o[4] = any_address();
    if (one_in(40)) o[4] = number(one_in(2) ? 1ul << 47 : 1ul << 63);
    o[5] = number(below(slot_count));
}

static void generate_setrlimit(struct operand* o) {
    static const uint64_t kinds[] = {RLIMIT_DATA, RLIMIT_STACK, RLIMIT_AS, RLIMIT_MEMLOCK, RLIMIT_RSS};
    static const uint64_t sizes[] = {0, 16384, 65536, 1ul << 20, 8ul << 20, 16ul << 20, 40ul << 20, 12345};
    o[0] = number(ANY_OF(kinds));
    o[1] = number(one_in(2) ? RLIM_INFINITY : ANY_OF(sizes));
    o[2] = number(RLIM_INFINITY);
    if (o[0].value == RLIMIT_MEMLOCK || o[0].value == RLIMIT_STACK) {
        o[2] = number(one_in(8) ? RLIM_INFINITY : 8ul << 20);
        if (o[1].value == RLIM_INFINITY && !one_in(8)) o[1] = number(8ul << 20);
    }
    if (one_in(40)) o[2] = number(ANY_OF(sizes));
}

static void generate_file_call(enum operation operation, struct operand* o) {
    static const uint64_t memfd_flags[] = {0, 0, 0, 1, 2, 3, 8, 0x40, 0x8000};
    static const uint64_t modes[] = {3, 3, 3, 0, 1, 2, 0x10, 0x40};
    o[0] = any_file();
    switch (operation) {
        case op_memfd_create:
            o[0] = number(below(3));
            o[1] = number(ANY_OF(memfd_flags));
            break;
        case op_ftruncate:
            o[1] = number(below(9) * page_size + (one_in(4) ? below(page_size) : 0));
            if (one_in(40)) o[1] = number(1ul << 63);
            break;
        case op_pwrite:
            o[1] = number(below(8) * page_size + (one_in(3) ? below(page_size) : 0));
            o[2] = number(1 + below(255));
            break;
        case op_pread: o[1] = number(below(8) * page_size + (one_in(3) ? below(page_size) : 0)); break;
        case op_fallocate:
            o[1] = number(ANY_OF(modes));
            o[2] = number(below(8) * page_size + (one_in(3) ? below(page_size) : 0));
            o[3] = number(small_length());
            break;
        default: break;
    }
}

static struct operand touched_address(void) {
    struct operand address = aligned_address();
    // Aligned, so that no access crosses into the next page.
    address.value = below(page_size / 8) * 8;
    return address;
}

static void generate_operands(enum operation operation, struct operand* o, int with_files) {
    static const uint64_t mlockall_flags[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3};
    static const uint64_t limits[] = {RLIMIT_DATA, RLIMIT_STACK, RLIMIT_AS, RLIMIT_MEMLOCK, RLIMIT_RSS, 99};
    static const uint64_t personalities[] = {0xffffffff, 0xffffffff, 0x440000 /* READ_IMPLIES_EXEC */, 0x40000,
                                             0x40000};
    switch (operation) {
        case op_mmap: generate_mmap(o, with_files); return;
        case op_madvise: generate_madvise(o); return;
        case op_mremap: generate_mremap(o); return;
        case op_setrlimit: generate_setrlimit(o); return;
        case op_memfd_create:
        case op_ftruncate:
        case op_pwrite:
        case op_pread:
        case op_fallocate:
        case op_close: generate_file_call(operation, o); return;
        case op_brk:
            o[0] =
                (struct operand){.region = region_heap, .page = (long)below(12), .value = one_in(2) ? below(4096) : 0};
            if (one_in(10)) o[0] = number(one_in(2) ? page_size : impossible_length());
            return;
        case op_mlockall: o[0] = number(ANY_OF(mlockall_flags)); return;
        case op_getrlimit: o[0] = number(ANY_OF(limits)); return;
        case op_personality: o[0] = number(ANY_OF(personalities)); return;
        case op_load:
        case op_store:
        case op_kernel_load:
        case op_kernel_store:
            o[0] = touched_address();
            o[1] = number(one_in(4) ? 0xc3 : 1 + below(255));
            if (o[1].value == 0xc3) o[0].value = 0;
            return;
        case op_call:
            o[0] = touched_address();
            o[0].value = 0;
            return;
        default: break;
    }
    // All others begin with an address and a length.
    o[0] = any_address();
    o[1] = number(length_from(&o[0]));
    switch (operation) {
        case op_mprotect: o[2] = number(any_protection()); break;
        case op_mlock2: o[2] = number(one_in(12) ? 2 : below(2)); break;
        case op_msync: o[2] = number(one_in(12) ? 8 + below(8) : below(8)); break;
        case op_mincore: o[2] = one_in(6) ? aligned_address() : number(0); break;
        case op_remap_file_pages:
            o[2] = number(one_in(12) ? PROT_READ : 0);
            o[3] = number(below(8));
            o[4] = number(one_in(6) ? MAP_NONBLOCK : 0);
            if (one_in(40)) o[3] = number(SIZE_MAX);
            break;
        case op_process_vm_readv:
        case op_process_vm_writev:
            o[0].value = one_in(2) ? below(page_size) : 0;
            o[1] = number(small_length());
            o[2] = number(one_in(20));
            break;
        default: break;
    }
}

static enum operation any_operation(unsigned families) {
    unsigned total = 0;
    for (int i = 0; i < operation_count; ++i) {
        if (families >> operations[i].family & 1) total += operations[i].weight;
    }
    uint64_t ticket = below(total);
    for (int i = 0; i < operation_count; ++i) {
        if (!(families >> operations[i].family & 1)) continue;
        if (ticket < operations[i].weight) return (enum operation)i;
        ticket -= operations[i].weight;
    }
    return op_mmap;
}

// `families` has a bit for each family to choose from. The first steps most often make something to work on.
static void generate_step(uint64_t seed, uint64_t index, unsigned families, struct step* step) {
    const int with_files = families >> family_file & 1;
    random_state = seed * 0x2545f4914f6cdd1d + index;
    random_state = next_random();
    memset(step, 0, sizeof *step);
    step->operation = any_operation(families);
    if (index <= 12 && !one_in(4) && (families >> family_map & 1)) step->operation = op_mmap;
    if (index <= 2 && with_files) step->operation = index == 1 ? op_memfd_create : op_ftruncate;
    generate_operands(step->operation, step->operands, with_files);
}
