// demand ASKED TOUCHED: maps ASKED pages of memory, and writes to the first TOUCHED of them.
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { page_size = 4096 };

static long page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

// In pages: what the program may use, and what it has.
static void print_size(const char* when) {
    long size = 0, resident = 0;
    FILE* file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) exit(1);
    fclose(file);
    printf("%s: %ld pages of address space, %ld of them in memory\n", when, size, resident);
}

int main(int count, char** arguments) {
    long asked = count > 1 ? atol(arguments[1]) : 1000;
    long touched = count > 2 ? atol(arguments[2]) : 100;
    print_size("at first");

    char* pages = mmap(NULL, (size_t)asked * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || touched > asked) return 1;
    print_size("mapped");

    long before = page_faults();
    for (long page = 0; page < touched; ++page) pages[page * page_size] = 1;
    long faults = page_faults() - before;
    print_size("touched");
    printf("%ld pages touched: %ld page faults\n", touched, faults);
    return 0;
}
