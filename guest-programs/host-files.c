// Does to files what its arguments say, one after another, and prints what came of it: for the tests of --bind and
// --root, which show a program files of the host.
//
//   host-files read:/in/a write:/in/b:text list:/in move:/in/a:/in/c
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"

static void read_file(const char* path, const char* unused) {
    (void)unused;
    char text[128];
    int fd = open(path, O_RDONLY);
    ssize_t size = fd < 0 ? fd : read(fd, text, sizeof text);
    say("read %s: %.*s", path, size < 0 ? 64 : (int)size, size < 0 ? strerror(errno) : text);
    close(fd);
}

static void write_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    say("write %s: %s", path, answer(fd < 0 ? fd : write(fd, text, strlen(text))));
    close(fd);
}

static void append_file(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_APPEND);
    say("append %s: %s", path, answer(fd < 0 ? fd : write(fd, text, strlen(text))));
    close(fd);
}

// Through a shared mapping, and without msync(2) or fsync(2).
static void map_file(const char* path, const char* text) {
    int fd = open(path, O_RDWR);
    char* mapped = fd < 0 ? MAP_FAILED : mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    say("map %s: %s", path, mapped == MAP_FAILED ? strerror(errno) : "written");
    close(fd);
    if (mapped != MAP_FAILED) memcpy(mapped, text, strlen(text));
}

static int by_name(const void* a, const void* b) { return strcmp(*(char* const*)a, *(char* const*)b); }

static void list_folder(const char* path, const char* unused) {
    (void)unused;
    char* names[64];
    int count = 0;
    DIR* folder = opendir(path);
    if (folder == NULL) {
        say("list %s: %s", path, strerror(errno));
        return;
    }
    for (struct dirent* entry = readdir(folder); entry != NULL && count < 64; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') names[count++] = strdup(entry->d_name);
    }
    closedir(folder);
    qsort(names, (size_t)count, sizeof *names, by_name);
    char line[400] = "";
    for (int i = 0; i < count; ++i) snprintf(line + strlen(line), sizeof line - strlen(line), " %.30s", names[i]);
    say("list %s:%s", path, line);
}

static void show_status(const char* path, const char* unused) {
    (void)unused;
    struct stat s;
    int result = lstat(path, &s);
    if (result < 0) {
        say("status %s: %s", path, strerror(errno));
        return;
    }
    say("status %s: %o %lu %ld %ld %lu", path, (unsigned)s.st_mode, (unsigned long)s.st_nlink, (long)s.st_size,
        (long)s.st_mtime, (unsigned long)s.st_ino);
}

static void say_answer(const char* what, const char* path, int result) { say("%s %s: %s", what, path, answer(result)); }
static void move(const char* path, const char* to) { say_answer("move", path, rename(path, to)); }
static void link_hard(const char* path, const char* to) { say_answer("link", path, link(path, to)); }
static void link_soft(const char* path, const char* to) { say_answer("symlink", path, symlink(to, path)); }
static void make_folder(const char* path, const char* mode) {
    say_answer("mkdir", path, mkdir(path, (mode_t)strtoul(mode, NULL, 8)));
}
static void set_mode(const char* path, const char* mode) {
    say_answer("chmod", path, chmod(path, (mode_t)strtoul(mode, NULL, 8)));
}
static void cut(const char* path, const char* size) { say_answer("cut", path, truncate(path, atol(size))); }
static void make_node(const char* path, const char* mode) {
    say_answer("mknod", path, mknod(path, (mode_t)strtoul(mode, NULL, 8), 0));
}
static void remove_name(const char* path, const char* unused) {
    (void)unused;
    say_answer("remove", path, remove(path));
}
static void touch(const char* path, const char* seconds) {
    const struct timespec times[2] = {{atol(seconds), 0}, {atol(seconds), 0}};
    say_answer("touch", path, utimensat(AT_FDCWD, path, times, 0));
}
static void go(const char* path, const char* unused) {
    (void)unused;
    say_answer("go", path, chdir(path));
}
static void may(const char* path, const char* mode) { say_answer("may", path, access(path, atoi(mode))); }

static const struct {
    const char* name;
    void (*act)(const char* path, const char* second);
} actions[] = {{"read", read_file},
               {"write", write_file},
               {"append", append_file},
               {"map", map_file},
               {"list", list_folder},
               {"status", show_status},
               {"move", move},
               {"link", link_hard},
               {"symlink", link_soft},
               {"mkdir", make_folder},
               {"chmod", set_mode},
               {"cut", cut},
               {"mknod", make_node},
               {"remove", remove_name},
               {"touch", touch},
               {"go", go},
               {"may", may}};

int main(int count, char** words) {
    if (count < 2) say("nothing to do");
    umask(022);
    for (int i = 1; i < count; ++i) {
        char* path = strchr(words[i], ':');
        CHECK(path != NULL);
        *path++ = 0;
        char* second = strchr(path, ':');
        if (second != NULL) *second++ = 0;
        for (size_t action = 0; action < sizeof actions / sizeof *actions; ++action) {
            if (strcmp(actions[action].name, words[i]) == 0) actions[action].act(path, second != NULL ? second : "");
        }
    }
    return 0;
}
