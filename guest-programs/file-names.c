// Names, rights, owners and times of files, locks and copies: what the kernel answers, error by error.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "answer.h"

static void put(const char* name, const char* text) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void show_status(const char* name) {
    struct stat s;
    if (lstat(name, &s) != 0) {
        say("%s: %s", name, strerror(errno));
        return;
    }
    // How large a directory is depends on its file system.
    say("%s: mode %o, %lu links, %ld bytes", name, (unsigned)s.st_mode, (unsigned long)s.st_nlink,
        S_ISDIR(s.st_mode) ? 0 : (long)s.st_size);
}

static void show_times(const char* name) {
    struct stat s;
    CHECK(stat(name, &s) == 0);
    say("%s: read %ld.%09ld, written %ld.%09ld", name, (long)s.st_atim.tv_sec, s.st_atim.tv_nsec,
        (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

static void show_links(void) {
    put("a", "of a");
    SHOW(mkdir("d", 0700));
    SHOW(symlink("a", "to-a"));
    SHOW(link("a", "b"));
    SHOW(link("a", "b"));
    SHOW(link("none", "c"));
    SHOW(link("d", "c"));
    SHOW(link("a", "c/"));
    SHOW(link("a", "none/c"));
    SHOW(link("/dev/null", "c"));
    SHOW(link("/proc/self/comm", "c"));
    SHOW(link("to-a", "d/link"));
    SHOW(linkat(AT_FDCWD, "to-a", AT_FDCWD, "d/file", AT_SYMLINK_FOLLOW));
    SHOW(linkat(AT_FDCWD, "a", AT_FDCWD, "c", AT_REMOVEDIR));
    show_status("a");
    show_status("b");
    show_status("d/link");
    show_status("d/file");
    put("b", "written through b");
    show_status("a");
    SHOW(unlink("a"));
    show_status("b");
    SHOW(rename("b", "d/file"));
    show_status("b");
    SHOW(link("b", "a"));
    SHOW(unlink("b"));
    SHOW(unlink("d/file"));
    SHOW(unlink("d/link"));
    SHOW(unlink("to-a"));
    show_status("a");
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    SHOW(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
    show_status("named");
    SHOW(close(fd));
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    SHOW(linkat(fd, "", AT_FDCWD, "second", AT_EMPTY_PATH));
    SHOW(close(fd));
    SHOW(unlink("named"));
}

static void show_nodes(void) {
    SHOW(mknod("fifo", S_IFIFO | 0640, 0));
    show_status("fifo");
    SHOW(mknod("fifo", S_IFIFO | 0640, 0));
    SHOW(mknod("plain", 0666, 0));
    show_status("plain");
    SHOW(mknod("socket", S_IFSOCK | 0600, 0));
    show_status("socket");
    SHOW(open("socket", O_RDONLY));
    SHOW(open("fifo", O_WRONLY | O_NONBLOCK));
    SHOW(mknod("x", S_IFDIR | 0600, 0));
    SHOW(mknod("x", S_IFLNK | 0600, 0));
    SHOW(mknod("x/", S_IFREG | 0600, 0));
    SHOW(mknod("none/x", S_IFREG | 0600, 0));
    SHOW(unlink("fifo"));
    SHOW(unlink("plain"));
    SHOW(unlink("socket"));
}

// Of a descriptor that O_PATH made the C library asks by its name in /proc: here it is the kernel that is asked.
static void show_rights(void) {
    SHOW(chmod("a", 06754));
    show_status("a");
    SHOW(chmod("none", 0600));
    SHOW(chmod("a/b", 0600));
    SHOW(chmod("", 0600));
    int fd = open("a", O_RDONLY), place = open("a", O_PATH);
    SHOW(fchmod(fd, 04711));
    SHOW(syscall(SYS_fchmod, place, 0600));
    SHOW(fchmod(99, 0600));
    show_status("a");
    SHOW(chown("a", (uid_t)-1, (gid_t)-1));
    show_status("a");
    SHOW(lchown("none", (uid_t)-1, (gid_t)-1));
    SHOW(fchown(fd, (uid_t)-1, (gid_t)-1));
    SHOW(syscall(SYS_fchown, place, -1, -1));
    SHOW(fchownat(place, "", (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH));
    SHOW(fchownat(AT_FDCWD, "a", (uid_t)-1, (gid_t)-1, 1));
    SHOW(syscall(SYS_fchmodat, AT_FDCWD, "d", 01777));
    show_status("d");
    SHOW(close(fd));
    SHOW(close(place));
}

static void show_setting_times(void) {
    const struct timespec both[2] = {{1000, 1}, {2000, 999999999}}, wrong[2] = {{0, 1000000000}, {0, 0}},
                          omit[2] = {{5, UTIME_OMIT}, {5, UTIME_OMIT}}, one[2] = {{7, 7}, {0, UTIME_OMIT}};
    const struct timeval us[2] = {{3, 4}, {5, 6}}, wrong_us[2] = {{0, 1000000}, {0, 0}};
    const struct utimbuf seconds = {11, 12};
    SHOW(utimensat(AT_FDCWD, "a", both, 0));
    show_times("a");
    SHOW(utimensat(AT_FDCWD, "a", wrong, 0));
    SHOW(utimensat(AT_FDCWD, "none", wrong, 0));
    SHOW(utimensat(AT_FDCWD, "none", omit, 99));
    SHOW(utimensat(AT_FDCWD, "a", both, 99));
    SHOW(utimensat(AT_FDCWD, "a", one, AT_SYMLINK_NOFOLLOW));
    show_times("a");
    SHOW(syscall(SYS_utimes, "a", us));
    show_times("a");
    SHOW(syscall(SYS_utimes, "none", wrong_us));
    SHOW(syscall(SYS_utime, "a", &seconds));
    show_times("a");
    int fd = open("a", O_RDONLY);
    SHOW(syscall(SYS_futimesat, fd, NULL, us));
    show_times("a");
    SHOW(syscall(SYS_utimensat, fd, NULL, both, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_utimensat, 99, NULL, both, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, NULL, both, 0));
    SHOW(close(fd));
    struct stat s;
    SHOW(utimensat(AT_FDCWD, "a", NULL, 0));
    CHECK(stat("a", &s) == 0 && s.st_mtim.tv_sec > 1000000000 && s.st_atim.tv_sec == s.st_mtim.tv_sec);
}

static void show_locks(void) {
    int one = open("a", O_RDONLY), other = open("a", O_RDONLY), twin = dup(one), place = open("a", O_PATH);
    SHOW(flock(one, LOCK_SH));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(twin, LOCK_UN));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    SHOW(flock(one, LOCK_SH | LOCK_NB));
    SHOW(close(other));
    SHOW(flock(one, LOCK_EX | LOCK_NB));
    SHOW(flock(one, 3));
    SHOW(flock(99, LOCK_UN));
    SHOW(flock(place, LOCK_SH));
    SHOW(close(one));
    other = open("a", O_RDONLY);
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(close(twin));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(close(other));
    SHOW(close(place));
}

static void show_copies(void) {
    put("from", "0123456789");
    put("to", "abcdefghijklmnop");
    int from = open("from", O_RDONLY), to = open("to", O_RDWR), both = open("to", O_RDWR), folder = open(".", O_RDONLY);
    loff_t at = 2, out = 14;
    off_t place = 8;
    char text[64] = "";
    SHOW(syscall(SYS_copy_file_range, from, &at, to, &out, 4L, 0));
    say("from %ld to %ld", (long)at, (long)out);
    SHOW(syscall(SYS_copy_file_range, from, NULL, to, NULL, 3L, 0));
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(lseek(to, 0, SEEK_CUR));
    SHOW(syscall(SYS_copy_file_range, from, NULL, to, NULL, 100L, 0));
    SHOW(syscall(SYS_copy_file_range, from, NULL, to, NULL, 100L, 0));
    SHOW(syscall(SYS_copy_file_range, from, NULL, to, NULL, 1L, 1));
    SHOW(syscall(SYS_copy_file_range, to, NULL, from, NULL, 1L, 0));
    SHOW(syscall(SYS_copy_file_range, folder, NULL, to, NULL, 1L, 0));
    SHOW(syscall(SYS_copy_file_range, 99, NULL, to, NULL, 1L, 0));
    at = 0, out = 2;
    SHOW(syscall(SYS_copy_file_range, to, &at, both, &out, 4L, 0));
    SHOW(sendfile(to, from, &place, 10));
    say("from %ld", (long)place);
    SHOW(sendfile(to, from, NULL, 10));
    SHOW(lseek(from, 5, SEEK_SET));
    SHOW(sendfile(to, from, NULL, 3));
    SHOW(lseek(from, 0, SEEK_CUR));
    SHOW(sendfile(from, to, NULL, 3));
    SHOW(sendfile(to, folder, NULL, 3));
    SHOW(fcntl(to, F_SETFL, O_APPEND));
    SHOW(sendfile(to, from, NULL, 3));
    SHOW(syscall(SYS_copy_file_range, from, NULL, to, NULL, 1L, 0));
    SHOW(pread(both, text, sizeof text, 0));
    say("to: %s", text);
    SHOW(posix_fadvise(from, 0, 10, POSIX_FADV_WILLNEED));
    SHOW(syscall(SYS_fadvise64, from, 0L, -1L, POSIX_FADV_NORMAL));
    SHOW(syscall(SYS_fadvise64, from, 0L, 1L, 9));
    SHOW(readahead(from, 0, 10));
    SHOW(readahead(folder, 0, 10));
    SHOW(sync_file_range(to, 0, 4, SYNC_FILE_RANGE_WRITE));
    SHOW(sync_file_range(to, -1, 4, SYNC_FILE_RANGE_WRITE));
    SHOW(sync_file_range(to, 0, 4, 8));
    SHOW(close(folder));
    SHOW(syscall(SYS_close_range, from, both, 4));
    SHOW(fcntl(to, F_GETFD));
    SHOW(syscall(SYS_close_range, from, both, 2));
    SHOW(fcntl(to, F_GETFD));
    SHOW(syscall(SYS_close_range, both, from, 0));
    SHOW(syscall(SYS_close_range, 1000, 2000, 8));
    SHOW(unlink("from"));
    SHOW(unlink("to"));
}

// The old call: the type is the last byte of a record.
static void show_directory(void) {
    struct entry {
        unsigned long inode, next;
        unsigned short bytes;
        char name[];
    };
    _Alignas(8) char bytes[1024];
    int fd = open(".", O_RDONLY | O_DIRECTORY), file = open("a", O_RDONLY);
    long size = syscall(SYS_getdents, fd, bytes, sizeof bytes);
    CHECK(size > 0);
    int count = 0, folders = 0;
    for (long at = 0; at < size; ++count) {
        const struct entry* entry = (const struct entry*)(bytes + at);
        at += entry->bytes;
        folders += bytes[at - 1] == 4;
    }
    say("%d names, %d of them directories", count, folders);
    SHOW(syscall(SYS_getdents, fd, bytes, sizeof bytes));
    SHOW(syscall(SYS_getdents, file, bytes, sizeof bytes));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    SHOW(syscall(SYS_getdents, fd, bytes, 10));
    SHOW(close(fd));
    SHOW(close(file));
}

static void show_file_systems(void) {
    static char too_much[65537];
    struct statfs s;
    char value[8];
    SHOW(statfs("/proc", &s));
    say("/proc: type %lx, block of %ld, names of %ld", (unsigned long)s.f_type, (long)s.f_bsize, (long)s.f_namelen);
    SHOW(statfs("/dev/shm", &s));
    say("/dev/shm: type %lx, block of %ld", (unsigned long)s.f_type, (long)s.f_bsize);
    SHOW(statfs("none", &s));
    SHOW(fstatfs(99, &s));
    SHOW(getxattr("none", "user.x", value, sizeof value));
    SHOW(getxattr("a", "", value, sizeof value));
    SHOW(setxattr("a", "user.x", "y", 1, 8));
    SHOW(setxattr("a", "user.x", too_much, sizeof too_much, 0));
    SHOW(fremovexattr(99, "user.x"));
    SHOW(listxattr("none", value, sizeof value));
}

int main(void) {
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/faultline-guest-file-names-%d", (int)getpid());
    CHECK(mkdir(folder, 0700) == 0 && chdir(folder) == 0);
    umask(022);
    show_links();
    show_nodes();
    show_rights();
    show_setting_times();
    show_locks();
    show_copies();
    show_directory();
    show_file_systems();
    SHOW(unlink("a"));
    SHOW(rmdir("d"));
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
    return 0;
}
