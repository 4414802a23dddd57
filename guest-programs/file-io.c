// Files that programs make: opening, writing, positions, and names that change.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "answer.h"

enum { no_replace = 1, exchange = 2 };
static int rename2(const char* from, const char* to, unsigned flags) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void show_file(const char* name) {
    char text[64];
    struct stat status;
    int fd = open(name, O_RDONLY);
    if (fd < 0) {
        say("%s: %s", name, answer(fd));
        return;
    }
    CHECK(fstat(fd, &status) == 0);
    ssize_t size = read(fd, text, sizeof text);
    for (ssize_t i = 0; i < size; ++i) text[i] = text[i] == 0 ? '.' : text[i];
    say("%s: mode %o, %lu links, %ld bytes: %.*s", name, (unsigned)status.st_mode, (unsigned long)status.st_nlink,
        (long)status.st_size, (int)size, text);
    CHECK(close(fd) == 0);
}

static void show_opening(void) {
    SHOW(open("none", O_RDWR));
    SHOW(close(open("a", O_RDWR | O_CREAT | O_EXCL, 0640)));
    SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    SHOW(open("new/", O_RDWR | O_CREAT, 0640));
    SHOW(open("a/", O_RDWR));
    SHOW(open("a/b", O_RDWR | O_CREAT, 0640));
    SHOW(open(".", O_RDWR));
    SHOW(open(".", O_RDONLY | O_CREAT, 0640));
    SHOW(symlink("behind", "link"));
    SHOW(close(open("link", O_WRONLY | O_CREAT, 0604)));
    SHOW(open("link", O_WRONLY | O_CREAT | O_EXCL, 0604));
    show_file("behind");
    SHOW(close(creat("created", 0666)));
    show_file("created");
    int fd = open("a", O_WRONLY);
    char byte;
    SHOW(read(fd, &byte, 1));
    SHOW(close(fd));
    fd = open("a", O_RDONLY);
    SHOW(write(fd, "x", 1));
    SHOW(close(fd));
}

static void show_writing(void) {
    int fd = open("a", O_RDWR);
    const void* volatile nowhere = NULL;
    int twin = dup(fd), other = open("a", O_RDWR | O_APPEND);
    struct iovec parts[2] = {{(void*)"second ", 7}, {(void*)"third", 5}};
    SHOW(write(fd, "first ", 6));
    SHOW(writev(twin, parts, 2));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(write(other, "+end", 4));
    SHOW(pwrite(other, "+more", 5, 0));
    show_file("a");
    SHOW(lseek(other, 0, SEEK_CUR));
    SHOW(lseek(fd, 30, SEEK_SET));
    SHOW(write(fd, "far", 3));
    SHOW(lseek(fd, -3, SEEK_END));
    SHOW(lseek(fd, -50, SEEK_CUR));
    SHOW(lseek(fd, 0, 7));
    SHOW(pwrite(fd, "F", 1, 0));
    SHOW(pwrite(fd, "F", 1, -1));
    SHOW(write(fd, nowhere, 5));
    SHOW(write(fd, nowhere, 0));
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(write(twin, "!", 1));
    show_file("a");
    SHOW(pread(fd, parts, 0, 100));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(syncfs(fd));
    SHOW(close(fd));
    SHOW(close(twin));
    SHOW(close(other));
    SHOW(close(open("a", O_WRONLY | O_TRUNC)));
    show_file("a");
}

static void put(const char* name, const char* text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void show_renaming(void) {
    put("x", "of x");
    put("y", "of y");
    SHOW(mkdir("d", 0700));
    SHOW(mkdir("d/e", 0700));
    SHOW(rename2("x", "y", no_replace));
    SHOW(rename2("x", "y", no_replace | exchange));
    SHOW(rename2("x", "y", 8));
    SHOW(rename2("x", "y", exchange));
    show_file("x");
    show_file("y");
    int fd = open("y", O_RDONLY);
    SHOW(rename("x", "y"));
    show_file("x");
    show_file("y");
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    say("what was there: %lu links", (unsigned long)status.st_nlink);
    SHOW(close(fd));
    SHOW(rename("none", "y"));
    SHOW(rename("y", "d"));
    SHOW(rename("d", "y"));
    SHOW(rename("y", "new/"));
    SHOW(rename("y/", "new"));
    SHOW(rename("d", "d/e/f"));
    SHOW(rename("d/e", "d"));
    SHOW(rename("d", "d"));
    SHOW(rename(".", "z"));
    SHOW(rename("d", ".."));
    SHOW(rename2("y", "none", exchange));
    SHOW(rename2("y", "d/e", exchange));
    show_file("d/e");
    SHOW(rename("d/e", "d/moved"));
    SHOW(mkdir("empty", 0700));
    SHOW(rename("empty", "d"));
    SHOW(rename("d", "empty"));
    show_file("empty/moved");
    SHOW(unlink("empty/moved"));
    SHOW(rmdir("empty"));
    SHOW(rmdir("y"));
}

static void show_nameless(void) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0);
    struct stat status;
    SHOW(write(fd, "temporary", 9));
    CHECK(fstat(fd, &status) == 0);
    say("mode %o, %lu links, %ld bytes", (unsigned)status.st_mode, (unsigned long)status.st_nlink,
        (long)status.st_size);
    SHOW(close(fd));
    SHOW(open(".", O_TMPFILE | O_RDONLY, 0600));
    SHOW(open("a", O_TMPFILE | O_RDWR, 0600));
    SHOW(open("none", O_TMPFILE | O_RDWR, 0600));
    SHOW(open("/proc", O_TMPFILE | O_RDWR, 0600));
}

static void show_shared_memory(void) {
    char name[64];
    snprintf(name, sizeof name, "/dev/shm/faultline-guest-%d", (int)getpid());
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(fd >= 0);
    SHOW(write(fd, "shared", 6));
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(rename(name, "elsewhere"));
    CHECK(unlink(name) == 0);
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 0, SEEK_HOLE));
    SHOW(close(fd));
}

int main(void) {
    need_root();
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/faultline-guest-file-io-%d", (int)getpid());
    CHECK(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
    umask(022);
    show_opening();
    show_writing();
    show_renaming();
    show_nameless();
    show_shared_memory();
    SHOW(unlink("a"));
    SHOW(unlink("behind"));
    SHOW(unlink("link"));
    SHOW(unlink("created"));
    CHECK(rmdir(folder) == 0);
    return 0;
}
