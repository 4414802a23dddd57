// fork-cow: a process fills eight pages and forks. The child reads all of them and writes to three; when it has ended,
// the parent writes to all.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page_size = 4096, page_count = 8, written_by_child = 3 };

static volatile char* pages;

static long page_faults(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt + usage.ru_majflt;
}

static long faults_of_writes(int first, int end) {
    long before = page_faults();
    for (int page = first; page < end; ++page) pages[page * page_size] += 1;
    return page_faults() - before;
}

static long faults_of_reads(void) {
    long before = page_faults();
    int sum = 0;
    for (int page = 0; page < page_count; ++page) sum += pages[page * page_size];
    if (sum == 0) exit(1);
    return page_faults() - before;
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    pages = mmap(NULL, page_count * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 1;
    printf("parent fills %d pages: %ld page faults\n", page_count, faults_of_writes(0, page_count));

    if (fork() == 0) {
        printf("child reads them all: %ld\n", faults_of_reads());
        printf("child writes to %d: %ld\n", written_by_child, faults_of_writes(0, written_by_child));
        printf("child writes to them again: %ld\n", faults_of_writes(0, written_by_child));
        return 0;
    }
    wait(NULL);
    printf("parent writes to the %d that the child wrote to: %ld\n", written_by_child,
           faults_of_writes(0, written_by_child));
    printf("parent writes to the other %d: %ld\n", page_count - written_by_child,
           faults_of_writes(written_by_child, page_count));
    return 0;
}
