// sparse COUNT DISTANCE: writes to COUNT pages, each DISTANCE pages behind the last.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { page_size = 4096 };

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 8;
    long distance = count > 2 ? atol(arguments[2]) : 1;
    size_t size = (size_t)pages * (size_t)distance * page_size;
    char* base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) return 1;
    for (long page = 0; page < pages; ++page) base[page * distance * page_size] = 1;

    char line[128];
    FILE* file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS", 5) == 0 || strncmp(line, "VmPTE", 5) == 0) fputs(line, stdout);
    }
    return 0;
}
