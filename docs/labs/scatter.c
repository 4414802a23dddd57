// scatter PAGES [DISTANCE]: writes to PAGES pages, DISTANCE pages apart, gives every other one back, and says what free
// memory looks like: then, and once the kernel has compacted it.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { page_size = 4096 };

// The file's text from `label` on, without it.
static const char* text_behind(const char* path, const char* label) {
    static char text[8192];
    int file = open(path, O_RDONLY);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (size < 0) exit(1);
    close(file);
    text[size] = 0;
    const char* found = strstr(text, label);
    return found == NULL ? "?\n" : found + strlen(label);
}

static void show(const char* when) {
    printf("%s\n  free blocks", when);
    const char* counts = text_behind("/proc/buddyinfo", "Normal");
    fputs(counts, stdout);
    printf("  index      ");
    fputs(text_behind("/sys/kernel/debug/extfrag/extfrag_index", "Normal"), stdout);
}

int main(int count, char** arguments) {
    long pages = count > 1 ? atol(arguments[1]) : 1024;
    size_t distance = (count > 2 ? strtoul(arguments[2], NULL, 10) : 1) * page_size;
    char* memory = mmap(NULL, (size_t)pages * distance, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 1;
    for (long i = 0; i < pages; ++i) memory[(size_t)i * distance] = (char)i;
    show("written");
    for (long i = 0; i < pages; i += 2) madvise(memory + (size_t)i * distance, page_size, MADV_DONTNEED);
    show("every other page given back");
    memory[0] = 1;

    int file = open("/proc/sys/vm/compact_memory", O_WRONLY);
    if (file < 0 || write(file, "1", 1) != 1) return 1;
    close(file);
    show("compacted");
    printf("  pages moved: %ld\n", atol(text_behind("/proc/vmstat", "pgmigrate_success")));
    for (long i = 1; i < pages; i += 2) {
        if (memory[(size_t)i * distance] != (char)i) return 1;
    }
    return 0;
}
