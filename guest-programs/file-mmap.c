// Files in memory: private and shared mappings, offsets, rights, what lies past the end, and how reads and writes
// through the descriptor meet them.
#define _GNU_SOURCE
#include "file-map.h"

enum { file_size = 2 * page_size + 100 };

static char* map_file(int fd, size_t size, int rights, int kind, off_t offset) {
    char* map = mmap(NULL, size, rights, kind, fd, offset);
    CHECK(map != MAP_FAILED);
    return map;
}

static void show_private(int fd) {
    char* map = map_file(fd, 4 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0);
    say_maps_line(map);
    for (long at = 0; at < file_size; ++at) CHECK(map[at] == byte_of_file(at));
    say("after the end, in the last page: %c", printable(map[file_size]));
    say("a page past the end: read %s, write %s", code_name(probe_read(map + 3 * page_size)),
        code_name(probe_write(map + 3 * page_size, 1)));
    map[10] = '#';
    say("written privately: map %c, file %c", map[10], byte_by_read(fd, 10));
    CHECK(pwrite(fd, "+", 1, 11) == 1 && pwrite(fd, "+", 1, page_size) == 1);
    say("written to the file: own copy %c, still the file's %c", map[11], map[page_size]);
    CHECK(munmap(map, 4 * page_size) == 0);
    char byte = byte_of_file(11);
    CHECK(pwrite(fd, &byte, 1, 11) == 1);
}

static void show_shared(int fd) {
    char* map = map_file(fd, 3 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
    char* twin = map_file(fd, page_size, PROT_READ, MAP_SHARED, page_size);
    say_maps_line(map);
    say_maps_line(twin);
    map[5] = '!';
    say("written through the map: file %c", byte_by_read(fd, 5));
    CHECK(pwrite(fd, "?", 1, page_size + 6) == 1);
    say("written to the file: map %c, twin %c", map[page_size + 6], twin[6]);
    map[page_size + 7] = '*';
    say("written through the map: twin %c", twin[7]);
    map[file_size + 1] = 'x';
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    say("written past the end: size %ld, file %c", (long)status.st_size, byte_by_read(fd, file_size + 1));
    SHOW(msync(map, 3 * page_size, MS_SYNC));
    SHOW(pread(fd, map + page_size, 16, 0));
    say("the file read into its own map: %.6s", twin);
    SHOW(pwrite(fd, map, 20, page_size + 100));
    say("the file written from its own map: %.6s", twin + 100);
    SHOW(pread(fd, twin, 1, 0));
    CHECK(munmap(map, 3 * page_size) == 0);
    say("twin after the other is gone: %.6s", twin);
    CHECK(munmap(twin, page_size) == 0);
}

static void show_rights(void) {
    int read_only = open(file_name, O_RDONLY), write_only = open(file_name, O_WRONLY),
        path_only = open(file_name, O_PATH);
    CHECK(read_only >= 0 && write_only >= 0 && path_only >= 0);
    SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, read_only, 0));
    char* shared = SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_SHARED, read_only, 0));
    SHOW(mprotect(shared, page_size, PROT_READ | PROT_WRITE));
    say("write %s", code_name(probe_write(shared, 1)));
    say_maps_line(shared);
    SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, read_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_WRITE, MAP_SHARED, write_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_NONE, MAP_PRIVATE, write_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, path_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, 99, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, read_only, 1));
    SHOW_MAP(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, read_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, 0, read_only, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, read_only, 0x7ffffffffffff000));
    CHECK(close(read_only) == 0 && close(write_only) == 0 && close(path_only) == 0);
    say("closed, and the map still there: %c", shared[0]);
}

static void show_devices(void) {
    int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), folder = open("/tmp", O_RDONLY);
    CHECK(zero >= 0 && null >= 0 && folder >= 0);
    char* map = SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0));
    map[1] = 'z';
    say("/dev/zero: %c %c", printable(map[0]), map[1]);
    map = SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0));
    map[1] = 'z';
    say("/dev/zero: %c %c", printable(map[0]), map[1]);
    say_maps_line(map);
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, null, 0));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, folder, 0));
}

int main(void) {
    probe_install();
    name_file("file-mmap");
    int fd = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    fill_file(fd, file_size);
    show_private(fd);
    show_shared(fd);
    show_rights();
    show_devices();
    char* map = map_file(fd, page_size, PROT_READ, MAP_SHARED, page_size);
    SHOW(unlink(file_name));
    say_maps_line(map);
    SHOW(close(fd));
    say("unlinked and closed: %.6s", map);
    return 0;
}
