// swap-views: what the kernel says of pages that left memory, view against view. Without an argument it prints what
// holds with and without swap, of pagemap, lseek, fstat and cachestat. With "swapped" everything must have left, and
// smaps, its rollup, status, mincore and what is said of the whole machine must agree: that takes swap, a machine where
// nobody else runs, and frames for the program itself.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include "guest.h"
#include "read-text.h"

enum { anonymous_pages = 256, file_pages = 4, sys_cachestat = 451 };

static const uint64_t pagemap_present = 1ull << 63, pagemap_swapped = 1ull << 62, pagemap_frame = (1ull << 55) - 1;
static char text[1 << 15];

static void slurp(const char* path) { (void)read_text(path, text, sizeof text); }

// The sum of the numbers behind a label that begins a line.
static unsigned long sum_of(const char* path, const char* label) {
    slurp(path);
    unsigned long sum = 0;
    for (char* line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, label, strlen(label)) == 0) sum += strtoul(line + strlen(label), NULL, 10);
    }
    return sum;
}

static uint64_t word_of(const char* path, uint64_t index) {
    int file = open(path, O_RDONLY);
    CHECK(file >= 0);
    uint64_t word;
    CHECK(pread(file, &word, sizeof word, (off_t)(index * sizeof word)) == sizeof word);
    close(file);
    return word;
}

struct pages {
    int present, swapped;
};

// Of one mapping; every page in swap has a place of its own there.
static struct pages pages_of(const char* start, int count) {
    int file = open("/proc/self/pagemap", O_RDONLY);
    CHECK(file >= 0);
    struct pages pages = {0, 0};
    uint64_t last_place = 0;
    for (int i = 0; i < count; ++i) {
        uint64_t word;
        off_t at = (off_t)(((uintptr_t)start / page_size + (unsigned)i) * sizeof word);
        CHECK(pread(file, &word, sizeof word, at) == sizeof word);
        if (word & pagemap_present) ++pages.present;
        if ((word & pagemap_swapped) == 0) continue;
        uint64_t place = (word & pagemap_frame) + 1;
        CHECK(pages.swapped++ == 0 || place != last_place);
        last_place = place;
    }
    close(file);
    return pages;
}

// Pages in swap of all mappings.
static int swapped_pages(void) {
    slurp("/proc/self/maps");
    int swapped = 0;
    for (char* line = text; *line != 0; line = strchr(line, '\n') + 1) {
        char* end;
        uintptr_t start = strtoul(line, &end, 16);
        uintptr_t stop = strtoul(end + 1, NULL, 16);
        if (stop > UINTPTR_MAX / 2) break;  // [vsyscall] is the kernel's
        swapped += pages_of((const char*)start, (int)((stop - start) / page_size)).swapped;
    }
    return swapped;
}

static int resident(char* start, int count) {
    static unsigned char found[anonymous_pages];
    CHECK(mincore(start, (size_t)count * page_size, found) == 0);
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += found[i] & 1;
    return sum;
}

static void fill(char* start, int count) {
    for (int i = 0; i < count; ++i) *(int*)(start + (long)i * page_size) = i ^ 0x5a5a;
}

static void expect_filled(const char* start, int count) {
    for (int i = 0; i < count; ++i) CHECK(*(const int*)(start + (long)i * page_size) == (i ^ 0x5a5a));
}

static void show_file(int fd) {
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    say("memfd: data %ld, hole %ld, %ld blocks", (long)lseek(fd, 0, SEEK_DATA), (long)lseek(fd, 0, SEEK_HOLE),
        (long)status.st_blocks);
    uint64_t range[2] = {0, 0}, statistics[5] = {0};
    if (syscall(sys_cachestat, fd, range, statistics, 0) == 0) {
        CHECK(statistics[0] + statistics[3] == file_pages && statistics[4] <= statistics[3]);
    } else {
        CHECK(errno == ENOSYS);
    }
    say("cachestat: each page is cached or evicted");
}

static void show_pages(const char* anonymous) {
    struct pages pages = pages_of(anonymous, anonymous_pages);
    CHECK(pages.present + pages.swapped == anonymous_pages);
    say("pagemap: each page is in memory or in swap");
}

static unsigned long swaps_used(void) {
    slurp("/proc/swaps");
    char* line = strchr(text, '\n') + 1;
    CHECK(line[0] == '/');
    char* end = line + strcspn(line, " ");
    CHECK(strncmp(end + strspn(end, " "), "file\t\t", 6) == 0);
    strtoul(end + strspn(end, " ") + 6, &end, 10);
    unsigned long used = strtoul(end, &end, 10);
    CHECK(strcmp(end, "\t\t-2\n") == 0);
    return used;
}

static void compare_machine(void) {
    unsigned long used = sum_of("/proc/meminfo", "SwapTotal:") - sum_of("/proc/meminfo", "SwapFree:");
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0);
    CHECK(used == swaps_used());
    CHECK(used == (info.totalswap - info.freeswap) / 1024 * info.mem_unit);
    CHECK(used >= sum_of("/proc/self/status", "VmSwap:"));
    unsigned long written = sum_of("/proc/vmstat", "pswpout ");
    CHECK(written * 4 >= used);
    say("swapped: /proc/swaps, meminfo and sysinfo agree");
}

// Everything is in swap.
static void compare_swapped(char* anonymous, char* shared, int fd) {
    CHECK(pages_of(anonymous, anonymous_pages).swapped == anonymous_pages);
    CHECK(resident(anonymous, anonymous_pages) == 0 && resident(shared, file_pages) == 0);
    // Of shared memory a page table knows nothing, and smaps all the same.
    struct pages pages = pages_of(shared, file_pages);
    CHECK(pages.present == 0 && pages.swapped == 0);
    // What looking needs has come back before it counts.
    (void)swapped_pages();
    (void)sum_of("/proc/self/smaps", "Swap:");
    unsigned long private_kib = sum_of("/proc/self/status", "VmSwap:");
    CHECK(private_kib == (unsigned long)swapped_pages() * 4);
    CHECK(sum_of("/proc/self/smaps", "Swap:") == private_kib + file_pages * 4);
    CHECK(sum_of("/proc/self/smaps_rollup", "Swap:") == private_kib + file_pages * 4);
    CHECK(sum_of("/proc/self/smaps", "SwapPss:") == private_kib);
    CHECK(sum_of("/proc/self/smaps_rollup", "SwapPss:") == private_kib);
    uint64_t range[2] = {0, 0}, statistics[5] = {0};
    CHECK(syscall(sys_cachestat, fd, range, statistics, 0) == 0);
    CHECK(statistics[0] == 0 && statistics[3] == file_pages);
    say("swapped: status, smaps and pagemap agree");
    compare_machine();
}

// Parent and child name the same slots.
static void compare_child(char* anonymous) {
    unsigned long used = swaps_used();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        CHECK(sum_of("/proc/self/status", "VmSwap:") >= anonymous_pages * 4);
        CHECK(pages_of(anonymous, anonymous_pages).swapped == anonymous_pages);
        unsigned long all = sum_of("/proc/self/smaps_rollup", "Swap:");
        unsigned long share = sum_of("/proc/self/smaps_rollup", "SwapPss:");
        CHECK(share >= anonymous_pages * 4 / 2 && share <= (all + file_pages * 4) / 2);
        CHECK(swaps_used() == used);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say("swapped: a child has half of each slot");
}

// A page that was read is in memory and in swap; one that was written to is not in swap any more.
static void compare_swap_cache(char* anonymous) {
    unsigned long used = swaps_used(), cached = sum_of("/proc/meminfo", "SwapCached:");
    unsigned long read_in = sum_of("/proc/vmstat", "pswpin ");
    CHECK(*(volatile int*)anonymous == 0x5a5a);
    *(volatile int*)(anonymous + page_size) += 0;
    CHECK(sum_of("/proc/vmstat", "pswpin ") == read_in + 2);
    CHECK(sum_of("/proc/meminfo", "SwapCached:") == cached + 4);
    CHECK(swaps_used() == used - 4);
    const uint64_t swap_cache = 1 << 13, dirty = 1 << 4;
    uint64_t frames[2];
    for (unsigned i = 0; i < 2; ++i) {
        uint64_t word = word_of("/proc/self/pagemap", (uintptr_t)anonymous / page_size + i);
        CHECK(word & pagemap_present);
        frames[i] = word_of("/proc/kpageflags", word & pagemap_frame);
    }
    CHECK((frames[0] & (swap_cache | dirty)) == swap_cache);
    CHECK((frames[1] & (swap_cache | dirty)) == dirty);
    say("swapped: the swap cache holds what was read");
}

int main(int count, char** arguments) {
    int must_swap = count > 1 && strcmp(arguments[1], "swapped") == 0;
    char* anonymous =
        mmap(NULL, anonymous_pages * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("views", 0);
    CHECK(anonymous != MAP_FAILED && fd >= 0 && ftruncate(fd, file_pages * page_size) == 0);
    char* shared = mmap(NULL, file_pages * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(shared != MAP_FAILED);
    fill(anonymous, anonymous_pages);
    fill(shared, file_pages);
    // Twice: the first access to a file's page after it was read is what keeps it once.
    for (int i = 0; i < 2; ++i) {
        CHECK(madvise(anonymous, anonymous_pages * page_size, MADV_PAGEOUT) == 0);
        CHECK(madvise(shared, file_pages * page_size, MADV_PAGEOUT) == 0);
    }
    show_pages(anonymous);
    show_file(fd);
    if (must_swap) {
        compare_swapped(anonymous, shared, fd);
        compare_child(anonymous);
        compare_swap_cache(anonymous);
    }
    expect_filled(anonymous, anonymous_pages);
    expect_filled(shared, file_pages);
    say("everything came back");
    show_pages(anonymous);
    show_file(fd);
    return 0;
}
