// Paths, names and devices: what the kernel answers, error by error. Works below one folder of its own in /tmp.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "answer.h"

static char folder[64];

// What may be printed of a path: its name differs from run to run.
static const char* below_folder(const char* path) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 ? path + length : path;
}

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
    say("at %s", below_folder(text));
    SHOW(chdir("/dev/null"));
    SHOW(rmdir("../b"));
    say("getcwd: %s", getcwd(text, sizeof text) == NULL ? strerror(errno) : text);
    SHOW(mkdir("x", 0700));
    ssize_t size = readlink("/proc/self/cwd", text, sizeof text);
    CHECK(size > 0 && size < (ssize_t)sizeof text);
    text[size] = 0;
    say("cwd leads to %s", below_folder(text));
    SHOW(chdir(folder));
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
    need_root();
    // The process's number, as the same program may run more than once at a time.
    snprintf(folder, sizeof folder, "/tmp/faultline-guest-paths-%d", (int)getpid());
    CHECK(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
    umask(022);
    show_names();
    show_place();
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
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
