// Paths, names and devices: what the kernel answers, error by error. Works below one folder of its own in /tmp.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "answer.h"

#define FOLDER "/tmp/faultline-guest-paths"

static void show_names(void) {
    struct stat status;
    SHOW(mkdir("a", 0777));
    SHOW(mkdir("a", 0777));
    SHOW(mkdir("a/b/c", 0777));
    SHOW(mkdir("a/b/", 0700));
    SHOW(stat("a", &status));
    say("a: mode %o, links %lu", (unsigned)status.st_mode, (unsigned long)status.st_nlink);
    SHOW(rmdir("a"));
    SHOW(rmdir("a/."));
    SHOW(rmdir("a/.."));
    SHOW(rmdir("/"));
    SHOW(rmdir("/proc"));
    SHOW(unlink("a"));
    SHOW(unlink("none"));
    SHOW(unlink("."));
    SHOW(symlink("a/b", "link"));
    SHOW(symlink("a/b", "link"));
    SHOW(symlink("", "empty"));
    SHOW(symlink("round", "round"));
    SHOW(stat("round", &status));
    SHOW(lstat("round", &status));
    say("round: mode %o, %ld bytes", (unsigned)status.st_mode, (long)status.st_size);
    SHOW(open("round", O_RDONLY | O_CREAT | O_EXCL, 0600));
    SHOW(open("link", O_RDONLY | O_NOFOLLOW));
    SHOW(open("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
    SHOW(open("link", O_RDWR));
    SHOW(open("a", O_RDONLY | O_CREAT, 0600));
    SHOW(open("a", O_DIRECTORY | O_CREAT, 0600));
    SHOW(access("link/../b", R_OK | W_OK | X_OK));
    SHOW(access("link", 8));
    SHOW(unlink("link/"));
    SHOW(unlink("link"));
    SHOW(unlink("round"));
}

static void show_place(void) {
    char text[128];
    SHOW(chdir("a/b"));
    CHECK(getcwd(text, sizeof text) != NULL);
    say("at %s", text);
    SHOW(chdir("/dev/null"));
    SHOW(rmdir("../b"));
    say("getcwd: %s", getcwd(text, sizeof text) == NULL ? strerror(errno) : text);
    SHOW(mkdir("x", 0700));
    ssize_t size = readlink("/proc/self/cwd", text, sizeof text);
    say("cwd leads to %.*s", (int)size, text);
    SHOW(chdir(FOLDER));
    SHOW(rmdir("a"));
}

static void show_device(const char* name) {
    struct stat status;
    char bytes[8] = "unread";
    int fd = open(name, O_RDWR);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    say("%s: character device %u, %u", name, major(status.st_rdev), minor(status.st_rdev));
    say("  read %s", answer(read(fd, bytes, 4)));
    say("  write %s", answer(write(fd, bytes, 4)));
    CHECK(close(fd) == 0);
}

int main(void) {
    CHECK(mkdir(FOLDER, 0700) == 0 && chdir(FOLDER) == 0);
    umask(022);
    show_names();
    show_place();
    CHECK(chdir("/") == 0 && rmdir(FOLDER) == 0);
    show_device("/dev/null");
    show_device("/dev/zero");
    show_device("/dev/full");
    int fd = open("/dev/null", O_PATH);
    SHOW(fcntl(fd, F_GETFL));
    SHOW(read(fd, NULL, 0));
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(lseek(open("/dev/zero", O_RDONLY), 5, SEEK_CUR));
    SHOW(openat(fd, "x", O_RDONLY));
    SHOW(openat(99, "x", O_RDONLY));
    return 0;
}
