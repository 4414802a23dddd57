// map-file FILE: maps a file and looks at one byte of each of its pages.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { page_size = 4096 };

int main(int count, char** arguments) {
    if (count < 2) return 1;
    int file = open(arguments[1], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return 1;
    volatile char* bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) return 1;

    struct rusage before, after;
    for (int round = 1; round <= 2; ++round) {
        getrusage(RUSAGE_SELF, &before);
        for (long at = 0; at < status.st_size; at += page_size) (void)bytes[at];
        getrusage(RUSAGE_SELF, &after);
        printf("round %d: %ld minor, %ld major\n", round, after.ru_minflt - before.ru_minflt,
               after.ru_majflt - before.ru_majflt);
    }
    return 0;
}
