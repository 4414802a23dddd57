// Files without a name: memfd_create, the same one mapped twice, holes, and seals.
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "file-map.h"

enum { close_on_exec = 1, allow_sealing = 2, noexec_seal = 8, may_execute = 16 };
enum { zero_range = 0x10 };  // FALLOC_FL_ZERO_RANGE
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x10
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif

static int create(const char* name, unsigned flags) { return (int)syscall(SYS_memfd_create, name, flags); }

static void show_creation(void) {
    char name[251];
    memset(name, 'n', sizeof name);
    name[250] = 0;
    SHOW(create(name, 0));
    name[249] = 0;
    CHECK(create(name, 0) >= 0);
    SHOW(create(NULL, 0));
    SHOW(create("x", 0x20));
    SHOW(create("x", noexec_seal | may_execute));
    int fd = create("plain", close_on_exec);
    struct stat status;
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    say("mode %o, links %lu, size %ld, blocks %ld", (unsigned)status.st_mode, (unsigned long)status.st_nlink,
        (long)status.st_size, (long)status.st_blocks);
    say("flags %x, %x", (unsigned)fcntl(fd, F_GETFL), (unsigned)fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    SHOW(read(fd, name, 10));
    CHECK(close(fd) == 0);
    fd = create("noexec", noexec_seal);
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    say("mode %o", (unsigned)status.st_mode);
    SHOW(fcntl(fd, F_GET_SEALS));
    CHECK(close(fd) == 0);
    fd = create("exec", may_execute | allow_sealing);
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
    SHOW(fcntl(fd, F_GET_SEALS));
    CHECK(close(fd) == 0);
}

static void show_sharing(void) {
    int fd = create("a name", 0);
    CHECK(fd >= 0);
    char* early = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(early != MAP_FAILED);
    say("empty: %s", code_name(probe_read(early)));
    SHOW(ftruncate(fd, 3 * page_size));
    char* late = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page_size);
    char* copy = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(late != MAP_FAILED && copy != MAP_FAILED);
    say_maps_line(early);
    say_maps_line(late);
    say_maps_line(copy);
    early[page_size + 3] = 'e';
    late[4] = 'l';
    say("early %c%c, late %c%c, copy %c%c", early[page_size + 3], early[page_size + 4], late[3], late[4],
        copy[page_size + 3], copy[page_size + 4]);
    copy[page_size + 3] = 'c';
    late[4] = 'L';
    say("late %c%c, copy %c%c", late[3], late[4], copy[page_size + 3], copy[page_size + 4]);
    SHOW(pwrite(fd, "written", 7, 2 * page_size - 3));
    say("late %.3s, %.4s", late + page_size - 3, late + page_size);
    char text[8] = "";
    late[page_size] = 'T';
    SHOW(pread(fd, text, 7, 2 * page_size - 3));
    say("read %s", text);
    SHOW(ftruncate(fd, page_size));
    say("cut: early %s, late %s, copy %s", code_name(probe_read(early + page_size)), code_name(probe_read(late)),
        code_name(probe_read(copy + page_size)));
    SHOW(close(fd));
    early[0] = 'x';
    say("closed: %c", copy[0]);
}

static void show_holes(void) {
    int fd = create("holes", 0);
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(pwrite(fd, "x", 1, 3 * page_size));
    SHOW(pwrite(fd, "x", 1, 5 * page_size + 9));
    SHOW(ftruncate(fd, 9 * page_size));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 3 * page_size + 7, SEEK_DATA));
    SHOW(lseek(fd, 4 * page_size, SEEK_DATA));
    SHOW(lseek(fd, 6 * page_size, SEEK_DATA));
    SHOW(lseek(fd, 7, SEEK_HOLE));
    SHOW(lseek(fd, 3 * page_size + 7, SEEK_HOLE));
    SHOW(lseek(fd, 9 * page_size, SEEK_HOLE));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3 * page_size, page_size));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, page_size));
    SHOW(fallocate(fd, zero_range, 0, page_size));
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, -1));
    SHOW(fallocate(fd, FALLOC_FL_KEEP_SIZE, 20 * page_size, 1));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(fallocate(fd, 0, 9 * page_size, 10));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(fsync(fd));
    SHOW(ftruncate(fd, 0));
    SHOW(fallocate(fd, 0, page_size, 4 * page_size));
    SHOW(lseek(fd, 0, SEEK_DATA));
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    say("allocated: %ld blocks", (long)status.st_blocks);
    SHOW(pwrite(fd, "x", 1, 2 * page_size));
    SHOW(lseek(fd, 0, SEEK_DATA));
    SHOW(lseek(fd, 2 * page_size, SEEK_HOLE));
    char* map = mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 4 * page_size);
    CHECK(map != MAP_FAILED);
    SHOW(lseek(fd, 3 * page_size, SEEK_DATA));
    CHECK(map[0] == 0);
    SHOW(lseek(fd, 3 * page_size, SEEK_DATA));
    CHECK(close(fd) == 0);
}

static void show_seals(void) {
    char bytes[2 * page_size];
    memset(bytes, 's', sizeof bytes);
    int fd = create("sealed", allow_sealing);
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(fcntl(fd, F_ADD_SEALS, 0x40));
    SHOW(ftruncate(fd, 2 * page_size + 5));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    SHOW(ftruncate(fd, page_size));
    SHOW(ftruncate(fd, 2 * page_size + 10));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    SHOW(ftruncate(fd, 3 * page_size));
    SHOW(ftruncate(fd, 2 * page_size + 10));
    SHOW(fallocate(fd, 0, 0, 3 * page_size));
    SHOW(pwrite(fd, bytes, sizeof bytes, page_size));
    SHOW(pwrite(fd, bytes, 20, 2 * page_size));
    SHOW(pwrite(fd, bytes, 10, 2 * page_size));
    char* map = SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    map[0] = 'w';
    SHOW(pwrite(fd, bytes, 1, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    SHOW(munmap(map, page_size));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    map = SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0));
    say_maps_line(map);
    SHOW(mprotect(map, page_size, PROT_READ | PROT_WRITE));
    say("read %c, write %s", map[0], code_name(probe_write(map, 1)));
    map = SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    map[0] = 'p';
    say("file %c", byte_by_read(fd, 0));
    SHOW(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, page_size));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    SHOW(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    SHOW(fcntl(fd, F_GET_SEALS));
    SHOW(fcntl(STDOUT_FILENO, F_GET_SEALS));
    CHECK(close(fd) == 0);
}

int main(void) {
    probe_install();
    show_creation();
    show_sharing();
    show_holes();
    show_seals();
    return 0;
}
