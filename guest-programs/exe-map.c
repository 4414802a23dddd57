// The program's own file: mapped privately, it is what read(2) says it is, and what is written there stays here.
#define _GNU_SOURCE
#include <elf.h>

#include "file-map.h"

int main(void) {
    probe_install();
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(fd >= 0);
    struct stat status;
    CHECK(fstat(fd, &status) == 0);
    size_t size = (size_t)status.st_size;
    unsigned char* map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(map != MAP_FAILED);
    const Elf64_Ehdr* header = (const Elf64_Ehdr*)map;
    say("magic %02x %c%c%c, class %d, type %d, machine %d", map[0], map[1], map[2], map[3], header->e_ident[EI_CLASS],
        header->e_type, header->e_machine);
    say("%d program headers at %lu", header->e_phnum, (unsigned long)header->e_phoff);
    unsigned long differences = 0;
    for (size_t at = 0; at < size; at += page_size) {
        unsigned char bytes[page_size];
        ssize_t count = pread(fd, bytes, sizeof bytes, (off_t)at);
        CHECK(count > 0);
        differences += memcmp(bytes, map + at, (size_t)count) != 0;
    }
    say("pages that differ: %lu", differences);
    map[1] = 'e';
    say("written: map %c, file %c", map[1], byte_by_read(fd, 1));
    SHOW(open("/proc/self/exe", O_RDWR));
    SHOW(open("/proc/self/exe", O_WRONLY | O_TRUNC));
    SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    char* shared = SHOW_MAP(mmap(NULL, page_size, PROT_READ, MAP_SHARED, fd, 0));
    say("shared: %.3s, write %s", shared + 1, code_name(probe_write(shared, 1)));
    char* code = SHOW_MAP(mmap(NULL, page_size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, page_size));
    CHECK(code != MAP_FAILED);
    SHOW(ftruncate(fd, 0));
    return 0;
}
