// A hostile guest: tries everything it can think of to read or write a file of the host that lies outside the folder
// it was given (tests/command/bind.sh). bind-escape FOLDER SECRET: SECRET is the host's path of a file that holds the
// words "host secret"; status 1 and a line for each way that worked.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "answer.h"

static const char *inside, *secret;
static int escapes;

// Whether what can be read there is the secret.
static void try_descriptor(const char* how, const char* path, int fd) {
    char text[64] = "";
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "host secret") != NULL) {
        say("escaped by %s: %s", how, path);
        ++escapes;
    }
    if (fd >= 0) close(fd);
}
static void try_path(const char* how, const char* path) {
    try_descriptor(how, path, open(path, O_RDONLY | O_NONBLOCK));
    try_descriptor(how, path, open(path, O_RDWR | O_NONBLOCK));
    char text[512];
    ssize_t size = readlink(path, text, sizeof text - 1);
    if (size > 0 && strlen(path) < 300) {
        text[size] = 0;
        try_descriptor(how, path, open(text, O_RDONLY));
    }
}

__attribute__((format(printf, 2, 3))) static void try(const char* how, const char* format, ...) {
    char path[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    try_path(how, path);
}

static void try_dots(void) {
    char up[512] = "";
    for (int i = 0; i < 24; ++i) {
        try("dots", "%s/%s%s", inside, up, secret);
        try("dots", "%s/%soutside/secret", inside, up);
        try("dots", "%s/sub/%soutside/secret", inside, up);
        try("dots behind a link", "%s/folder-link/%soutside/secret", inside, up);
        strcat(up, "../");
    }
    CHECK(chdir(inside) == 0);
    try_path("dots from the folder itself", "../outside/secret");
    int here = open(".", O_RDONLY | O_DIRECTORY), place = open("..", O_PATH);
    try_descriptor("openat", "../outside/secret", openat(here, "../outside/secret", O_RDONLY));
    try_descriptor("openat", "outside/secret", openat(place, "outside/secret", O_RDONLY));
    try_descriptor("openat", secret, openat(here, secret, O_RDONLY));
    if (fchdir(place) == 0) try_path("fchdir", "outside/secret");
    close(here);
    close(place);
}

// Links that the host has there, and links of one's own.
static void try_links(void) {
    static const char* const names[] = {"link-up", "link-absolute", "folder-link/secret", "sub/link-up", "link-proc"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) try("a link", "%s/%s", inside, names[i]);
    const char* const targets[] = {secret,
                                   "../outside/secret",
                                   "../../outside/secret",
                                   "/proc/self/root/outside/secret",
                                   "/proc/1/root",
                                   "/proc/self/cwd/../outside/secret",
                                   "/../../../outside/secret"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i) {
        char name[512];
        snprintf(name, sizeof name, "%s/own-link", inside);
        if (symlink(targets[i], name) != 0) continue;
        try_path("a link of its own", name);
        char hard[520];
        snprintf(hard, sizeof hard, "%s/hard", inside);
        if (linkat(AT_FDCWD, name, AT_FDCWD, hard, AT_SYMLINK_FOLLOW) == 0) try_path("a hard link through it", hard);
        unlink(hard);
        if (link(name, hard) == 0) try_path("a hard link to it", hard);
        unlink(hard);
        unlink(name);
    }
    char hard[512];
    snprintf(hard, sizeof hard, "%s/hard", inside);
    if (link(secret, hard) == 0) try_path("a hard link", hard);
    if (rename(secret, hard) == 0) try_path("a rename", hard);
}

static void try_proc(void) {
    static const char* const names[] = {"/proc/self/root", "/proc/1/root",           "/proc/self/cwd",
                                        "/proc/self/exe",  "/proc/thread-self/root", "/proc/self/task/1/root",
                                        "/proc/2/root"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        try("/proc", "%s%s", names[i], secret);
        try("/proc", "%s/../outside/secret", names[i]);
    }
    for (int fd = 0; fd < 40; ++fd) {
        try("/proc/self/fd", "/proc/self/fd/%d", fd);
        try("/proc/self/fd", "/proc/self/fd/%d/../outside/secret", fd);
        try("/proc/1/fd", "/proc/1/fd/%d/outside/secret", fd);
        try_descriptor("a descriptor nobody gave it", "", fd < 3 ? -1 : dup(fd));
    }
}

// Open files and mappings, as /proc shows them: they lead where they lead, with the rights they were opened with.
static void try_opened(void) {
    char name[512], opened[64];
    snprintf(name, sizeof name, "%s/a", inside);
    const int modes[] = {O_RDONLY, O_PATH};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i) {
        int file = open(name, modes[i]), folder = open(inside, modes[i] | O_DIRECTORY);
        snprintf(opened, sizeof opened, "/proc/self/fd/%d", file);
        int writable = open(opened, O_RDWR);
        if (writable >= 0 && access(name, W_OK) != 0) {
            say("escaped by opening for writing: %s", opened);
            ++escapes;
        }
        if (writable >= 0) close(writable);
        char up[256] = "";
        for (int level = 0; level < 20; ++level) {
            try("the folder's descriptor", "/proc/self/fd/%d/%soutside/secret", folder, up);
            try("the folder's descriptor", "/proc/self/fd/%d/%s%s", folder, up, secret);
            try("the file's descriptor", "/proc/self/fd/%d/%s%s", file, up, secret);
            strcat(up, "../");
        }
        try("the folder's descriptor", "/proc/self/fd/%d/link-up", folder);
        try("fdinfo", "/proc/self/fdinfo/%d/../../root%s", folder, secret);
        if (file >= 0) close(file);
        if (folder >= 0) close(folder);
    }
    DIR* mappings = opendir("/proc/self/map_files");
    for (struct dirent* entry; mappings != NULL && (entry = readdir(mappings)) != NULL;) {
        try("map_files", "/proc/self/map_files/%s/../../../..%s", entry->d_name, secret);
        try("map_files", "/proc/self/map_files/%s", entry->d_name);
    }
    if (mappings != NULL) closedir(mappings);
    // The emulator's own process is nobody here.
    for (int pid = 1; pid < 4; ++pid) {
        int process = (int)syscall(SYS_pidfd_open, pid, 0);
        for (int fd = 3; fd < 20 && process >= 0; ++fd) {
            int taken = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
            if (taken >= 0 && taken != process)
                try_descriptor("pidfd_getfd", secret, openat(taken, secret + 1, O_RDONLY));
            try_descriptor("pidfd_getfd", "", taken);
        }
        if (process >= 0) close(process);
    }
}

// A directory that leaves the tree it was opened in.
static void try_moving(void) {
    char deep[512], moved[512];
    snprintf(deep, sizeof deep, "%s/a/b", inside);
    snprintf(moved, sizeof moved, "%s/moved", inside);
    char above[512];
    snprintf(above, sizeof above, "%s/a", inside);
    if (mkdir(above, 0700) != 0 || mkdir(deep, 0700) != 0 || chdir(deep) != 0) return;
    CHECK(rename(deep, moved) == 0);
    try_path("moving", "../../outside/secret");
    try_path("moving", "../outside/secret");
    CHECK(rmdir(moved) == 0);
    try_path("a directory that is gone", "../outside/secret");
    try_path("a directory that is gone", "../../outside/secret");
    CHECK(rmdir(above) == 0 && chdir("/") == 0);
}

static void try_calls(void) {
    struct {
        unsigned handle_bytes;
        int type;
        unsigned char handle[128];
    } handle = {128, 0, {0}};
    int mount_id = 0;
    if (syscall(SYS_name_to_handle_at, AT_FDCWD, inside, &handle, &mount_id, 0) == 0) {
        try_descriptor("a file handle", inside, (int)syscall(SYS_open_by_handle_at, AT_FDCWD, &handle, O_RDONLY));
    }
    if (mount("/", inside, NULL, MS_BIND, NULL) == 0) try("mount", "%s%s", inside, secret);
    if (chroot(inside) == 0) try_path("chroot", "../../../outside/secret");
    try("a FIFO", "%s/fifo", inside);
    try("a device", "%s/device", inside);
}

int main(int count, char** words) {
    if (count != 3) {
        say("bind-escape needs a folder and the host's path of a secret");
        return 0;
    }
    inside = words[1];
    secret = words[2];
    try_path("its own name", secret);
    try_dots();
    try_links();
    try_proc();
    try_opened();
    try_moving();
    try_calls();
    if (escapes == 0) say("no way out");
    return escapes > 0;
}
