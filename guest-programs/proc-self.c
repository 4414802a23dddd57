// proc-self: what /proc/self says of the program's memory: maps, statm, the memory lines of status, smaps and pagemap
// of pages whose state it knows, stat's bounds, and mem, through which it reads and writes itself.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "guest.h"
#include "read-text.h"

static const uintptr_t mmap_base = 0x7ffff7fff000;
static char text[1 << 16];

// The whole file as a string in `text`.
static size_t slurp(const char* path) { return read_text(path, text, sizeof text); }

static void print_maps(void) {
    slurp("/proc/self/maps");
    CHECK(write(STDOUT_FILENO, text, strlen(text)) == (ssize_t)strlen(text));
}

// How many pages the mapping of this name has.
static uintptr_t pages_of(const char* name) {
    slurp("/proc/self/maps");
    char* end = strstr(text, name);
    if (end == NULL) return 0;
    char* line = end;
    while (line > text && line[-1] != '\n') --line;
    uintptr_t start = strtoul(line, &line, 16);
    return (strtoul(line + 1, NULL, 16) - start) / page_size;
}

// Whether this kernel's own ranges are those of Linux 6.18: then all others lie alike.
static int has_usual_layout(void) {
    uintptr_t heap = (uintptr_t)syscall(SYS_brk, NULL);
    return pages_of("[vvar]") == 4 && pages_of("[vvar_vclock]") == 2 && pages_of("[vdso]") == 2 &&
           heap < mmap_base - (1ul << 30);
}

// The lines of a file that begin with one of the prefixes.
static void print_lines(const char* path, const char* const* prefixes) {
    slurp(path);
    for (char* line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        for (const char* const* prefix = prefixes; *prefix != NULL; ++prefix) {
            if (strncmp(line, *prefix, strlen(*prefix)) == 0) say("%s", line);
        }
    }
}

static void print_status(void) {
    static const char* const prefixes[] = {"Name",    "Umask",    "State",   "VmPeak", "VmSize", "VmLck", "VmPin",
                                           "RssAnon", "RssShmem", "VmData",  "VmStk",  "VmExe",  "VmLib", "VmSwap",
                                           "Threads", "SigBlk",   "Hugetlb", "untag",  NULL};
    print_lines("/proc/self/status", prefixes);
}

// One entry of smaps without its first line, which has an inode number for shared memory, and without ProtectionKey,
// which only some processors have.
static void print_smaps(const char* what, const void* start) {
    slurp("/proc/self/smaps");
    char head[32];
    snprintf(head, sizeof head, "%" PRIxPTR "-", (uintptr_t)start);
    char* entry = strstr(text, head);
    CHECK(entry != NULL);
    char* flags = strstr(entry, "VmFlags");
    CHECK(flags != NULL);
    *strchr(flags, '\n') = 0;
    say("smaps of %s", what);
    strtok(entry, "\n");
    for (char* line = strtok(NULL, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "ProtectionKey:", strlen("ProtectionKey:")) != 0) say("  %s", line);
    }
}

static void print_pagemap(const char* what, const char* page) {
    int file = open("/proc/self/pagemap", O_RDONLY);
    CHECK(file >= 0);
    uint64_t word = 0;
    CHECK(pread(file, &word, sizeof word, (off_t)((uintptr_t)page / page_size * sizeof word)) == sizeof word);
    say("pagemap %-24s present %d swapped %d file %d exclusive %d", what, (int)(word >> 63), (int)(word >> 62 & 1),
        (int)(word >> 61 & 1), (int)(word >> 56 & 1));
    errno = 0;
    CHECK(pread(file, &word, 7, 0) == -1 && errno == EINVAL);
    CHECK(pread(file, &word, sizeof word, 0x7ffffffff000 / page_size * sizeof word) == 0);
    close(file);
}

static void own_pages(void) {
    char* memory = mmap(NULL, 8 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* shared = mmap(NULL, 4 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED && shared != MAP_FAILED);
    memory[0] = memory[page_size] = 1;
    CHECK(*(volatile char*)(memory + 2 * page_size) == 0);
    memory[7 * page_size] = 1;
    CHECK(mprotect(memory + 7 * page_size, page_size, PROT_NONE) == 0);
    shared[page_size] = 1;
    print_smaps("7 private pages, 2 written, 1 read", memory);
    print_smaps("a written page under PROT_NONE", memory + 7 * page_size);
    print_smaps("4 shared pages, 1 written", shared);
    print_pagemap("written", memory);
    print_pagemap("read, so the zero page", memory + 2 * page_size);
    print_pagemap("not touched", memory + 3 * page_size);
    print_pagemap("written, then PROT_NONE", memory + 7 * page_size);
    print_pagemap("shared, written", shared + page_size);
    print_pagemap("shared, not touched", shared);
    print_pagemap("code", (const char*)(uintptr_t)own_pages);
    print_status();
    CHECK(munmap(memory, 8 * page_size) == 0 && munmap(shared, 4 * page_size) == 0);
}

static void say_result(const char* what, ssize_t result) {
    if (result < 0) {
        say("mem: %s: %s", what, strerror(errno));
    } else {
        say("mem: %s: %zd", what, result);
    }
}

static void own_memory(void) {
    static char variable[] = "before";
    static const char constant[] = "a constant";
    int file = open("/proc/self/mem", O_RDWR);
    CHECK(file >= 0);
    char copy[16] = "";
    say_result("read a constant", pread(file, copy, sizeof constant, (off_t)(uintptr_t)constant));
    CHECK(strcmp(copy, constant) == 0);
    say_result("write a variable", pwrite(file, "after", 6, (off_t)(uintptr_t)variable));
    CHECK(strcmp(variable, "after") == 0);
    say_result("write a constant", pwrite(file, "changed", 8, (off_t)(uintptr_t)constant));
    CHECK(strcmp(*(const char* volatile[]){constant}, "changed") == 0);
    print_pagemap("the constant's page", constant);
    say_result("read at 0", pread(file, copy, 1, 0));

    char* memory = mmap(NULL, 3 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* shared = mmap(NULL, page_size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED && shared != MAP_FAILED);
    CHECK(munmap(memory + 2 * page_size, page_size) == 0);
    say_result("read under PROT_NONE", pread(file, copy, 4, (off_t)(uintptr_t)memory));
    say_result("write under PROT_NONE", pwrite(file, "abcd", 4, (off_t)(uintptr_t)memory));
    CHECK(mprotect(memory, page_size, PROT_READ) == 0 && memcmp(memory, "abcd", 4) == 0);
    say_result("write shared read-only memory", pwrite(file, "x", 1, (off_t)(uintptr_t)shared));
    static char large[3 * page_size];
    say_result("read over the end of a mapping", pread(file, large, sizeof large, (off_t)(uintptr_t)memory));
    CHECK(memcmp(large, "abcd", 4) == 0);
    say_result("seek to the end", lseek(file, 0, SEEK_END));
    say_result("seek", lseek(file, (off_t)(uintptr_t)memory, SEEK_SET) == (off_t)(uintptr_t)memory);
    say_result("read where it was left", read(file, copy, 4));
    close(file);
    CHECK(munmap(memory, 2 * page_size) == 0 && munmap(shared, page_size) == 0);
}

static void print_bounds(char** arguments) {
    slurp("/proc/self/stat");
    uint64_t field[53] = {0};
    char* rest = strrchr(text, ')') + 1;
    rest = strchr(rest + 1, ' ');
    for (int i = 4; i <= 52; ++i) field[i] = strtoull(rest, &rest, 10);
    say("stat: vsize %" PRIu64 " start_code %#" PRIx64 " end_code %#" PRIx64, field[23], field[26], field[27]);
    say("stat: start_data %#" PRIx64 " end_data %#" PRIx64 " start_brk %#" PRIx64, field[45], field[46], field[47]);
    say("stat: threads %" PRIu64 " exit signal %" PRIu64 " policy %" PRIu64, field[20], field[38], field[41]);
    CHECK(field[48] == (uintptr_t)arguments[0]);
    CHECK(field[49] == (uintptr_t)arguments[0] + strlen(arguments[0]) + 1);
    CHECK(field[50] == field[49] && field[51] == field[49]);
}

static void print_start(char** arguments) {
    size_t size = slurp("/proc/self/cmdline");
    say("cmdline: %s", text);
    CHECK(size == strlen(arguments[0]) + 1);
    say("environ: %zu bytes", slurp("/proc/self/environ"));
    slurp("/proc/self/comm");
    say("comm: %s", strtok(text, "\n"));
    size = slurp("/proc/self/auxv");
    const unsigned long* auxv = (const unsigned long*)(const void*)text;
    for (size_t i = 0; i < size / sizeof *auxv && auxv[i] != AT_NULL; i += 2) {
        if (auxv[i] == AT_ENTRY) say("auxv: entry %#lx", auxv[i + 1]);
        // glibc answers with what it found out itself for some of the others.
        int plain = auxv[i] == AT_PAGESZ || auxv[i] == AT_PHDR || auxv[i] == AT_RANDOM || auxv[i] == AT_EXECFN;
        CHECK(!plain || getauxval(auxv[i]) == auxv[i + 1]);
    }
    CHECK(size % (2 * sizeof *auxv) == 0 && auxv[size / sizeof *auxv - 2] == AT_NULL);
    ssize_t length = readlink("/proc/self/exe", text, sizeof text - 1);
    CHECK(length > 0);
    say("exe: %.*s", (int)length, text);
    slurp("/proc/self/oom_score_adj");
    say("oom_score_adj: %s", strtok(text, "\n"));
}

int main(int count, char** arguments) {
    CHECK(count == 1);
    if (!has_usual_layout()) {
        say("this kernel lays out its own ranges in another way than Linux 6.18");
        return exit_unsupported;
    }
    // Resident from the start, as how long the texts are differs from processor to processor.
    memset(text, 1, sizeof text);
    print_maps();
    slurp("/proc/self/statm");
    unsigned long size, resident, shared, code, lib, data;
    CHECK(sscanf(text, "%lu %lu %lu %lu %lu %lu", &size, &resident, &shared, &code, &lib, &data) == 6);
    say("statm: size %lu text %lu lib %lu data %lu", size, code, lib, data);
    CHECK(resident > shared && shared > 0 && resident < size);
    print_start(arguments);
    print_bounds(arguments);
    print_status();
    own_pages();
    own_memory();
    return 0;
}
