// A mapped file that gets shorter and longer: what is cut off is gone from every mapping, and comes back as zeros.
#define _GNU_SOURCE
#include <sys/resource.h>

#include "file-map.h"

enum { file_size = 4 * page_size };

static char *shared, *private_map;

static void show_pages(const char* when) {
    say("%s", when);
    for (int page = 0; page < 4; ++page) {
        int by_shared = probe_read(shared + page * page_size), by_private = probe_read(private_map + page * page_size);
        say("  page %d: shared %s, private %s", page, code_name(by_shared), code_name(by_private));
        if (by_shared == 0) say("    %c", printable(shared[page * page_size + 5]));
        if (by_private == 0) say("    %c", printable(private_map[page * page_size + 5]));
    }
}

static void show_cuts(int fd) {
    struct stat status;
    show_pages("whole");
    private_map[3 * page_size + 5] = 'P';
    private_map[page_size + 5] = 'Q';
    SHOW(ftruncate(fd, page_size + 50));
    show_pages("cut off in the second page");
    say("around the end: %c %c %c", shared[page_size + 49], printable(shared[page_size + 50]),
        printable(shared[2 * page_size - 1]));
    say("of the private copy: %c %c", private_map[page_size + 49], private_map[page_size + 50]);
    SHOW(pwrite(fd, shared + 2 * page_size, 10, 0));
    SHOW(ftruncate(fd, file_size));
    show_pages("grown again");
    CHECK(fstat(fd, &status) == 0);
    say("size %ld, behind the cut: %c", (long)status.st_size, printable(byte_by_read(fd, page_size + 60)));
    shared[3 * page_size + 5] = 'S';
    SHOW(ftruncate(fd, 0));
    show_pages("empty");
    SHOW(pwrite(fd, "again", 5, 2 * page_size));
    show_pages("written to behind a hole");
    int cut = open(file_name, O_WRONLY | O_TRUNC);
    CHECK(cut >= 0 && fstat(cut, &status) == 0);
    say("opened with O_TRUNC: size %ld, read %s", (long)status.st_size, code_name(probe_read(shared)));
    CHECK(close(cut) == 0);
}

static void show_errors(int fd) {
    int read_only = open(file_name, O_RDONLY), folder = open("/tmp", O_RDONLY);
    CHECK(read_only >= 0 && folder >= 0);
    char below[80];
    snprintf(below, sizeof below, "%s/x", file_name);
    SHOW(ftruncate(fd, -1));
    SHOW(ftruncate(read_only, 0));
    SHOW(ftruncate(folder, 0));
    SHOW(ftruncate(99, 0));
    SHOW(truncate("/tmp", 0));
    SHOW(truncate(file_name, -1));
    SHOW(truncate(below, 0));
    SHOW(truncate("/dev/null", 0));
    SHOW(truncate(file_name, 77));
    SHOW(lseek(fd, 0, SEEK_END));
    CHECK(close(read_only) == 0 && close(folder) == 0);
}

static volatile sig_atomic_t size_signals;
static void count_signal(int number) {
    (void)number;
    ++size_signals;
}

static void show_limit(int fd) {
    const long limit = 1 << 20;  // more than the transcript, which may be a file
    struct rlimit old, low;
    CHECK(signal(SIGXFSZ, count_signal) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &old) == 0);
    low = old;
    low.rlim_cur = (rlim_t)limit;
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
    SHOW(ftruncate(fd, limit));
    SHOW(ftruncate(fd, limit + 1));
    say("signals: %d", (int)size_signals);
    SHOW(pwrite(fd, "0123456789", 10, limit - 4));
    say("signals: %d", (int)size_signals);
    SHOW(pwrite(fd, "0123456789", 10, limit));
    say("signals: %d", (int)size_signals);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    SHOW(pwrite(fd, "0123456789", 10, limit));
}

int main(void) {
    probe_install();
    name_file("file-truncate");
    int fd = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    fill_file(fd, file_size);
    shared = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    private_map = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(shared != MAP_FAILED && private_map != MAP_FAILED);
    show_cuts(fd);
    show_errors(fd);
    show_limit(fd);
    SHOW(unlink(file_name));
    return 0;
}
