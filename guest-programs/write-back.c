// write-back: a page of a file, written to through a shared mapping, that the kernel may bring back to the file
// meanwhile. It maps the page read-only for that, so that the next write to it is one page fault more: for each pause
// the program says whether there was one.
//
// Usage: write-back [FILE MILLISECONDS...]; without arguments a file of its own and a pause that is too short.
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "guest.h"

static void sleep_for(long milliseconds) {
    struct timespec left = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    CHECK(nanosleep(&left, NULL) == 0);
}

// Of both kinds: some file systems read a page for its first write.
static long faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt + usage.ru_majflt;
}

static long faults_of_write(volatile char* page, char byte) {
    (void)faults();
    long before = faults();
    *page = byte;
    return faults() - before;
}

static char own_file[64];

int main(int argc, char** argv) {
    snprintf(own_file, sizeof own_file, "/tmp/faultline-guest-write-back-%d", (int)getpid());
    const char* path = argc > 1 ? argv[1] : own_file;
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && ftruncate(fd, page_size) == 0);
    volatile char* page = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(page != MAP_FAILED);
    say("first write: %ld page fault", faults_of_write(page, 'a'));
    say("another: %ld page faults", faults_of_write(page, 'b'));
    for (int i = 2; i < argc || i == 2; ++i) {
        long pause = argc > 2 ? atol(argv[i]) : 1;
        sleep_for(pause);
        say("after %ld ms: %ld page faults", pause, faults_of_write(page, 'c'));
    }
    if (argc < 2) CHECK(unlink(own_file) == 0);
    return 0;
}
