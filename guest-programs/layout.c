// layout: where Linux puts a program's parts. Prints the addresses of code, read-only data, data, bss, heap (before and
// after it has grown) and stack, and checks their order. With the argument `maps` it then prints /proc/self/maps, which
// says the same in the kernel's own words.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "guest.h"

static const char read_only[] = "read-only data";
static int data = 42;
static char bss[3 * page_size];

static const uintptr_t stack_top = 0x7ffffffff000;
static const uintptr_t mmap_base = 0x7ffff7fff000;

// The bare system call: musl's sbrk refuses to grow a heap that its malloc might use.
static char* brk_to(char* end) { return (char*)syscall(SYS_brk, end); }

static int print_maps(void) {
    int file = open("/proc/self/maps", O_RDONLY);
    if (file < 0) {
        say("maps: %s", strerror(errno));
        return 1;
    }
    char chunk[4096];
    ssize_t size;
    while ((size = read(file, chunk, sizeof chunk)) > 0) CHECK(write(STDOUT_FILENO, chunk, (size_t)size) == size);
    close(file);
    return 0;
}

int main(int count, char** arguments) {
    int local = 7;
    say("code   main       %p", (void*)(uintptr_t)main);
    say("rodata read_only  %p", (const void*)read_only);
    say("data   data       %p", (void*)&data);
    say("bss    bss        %p", (void*)bss);
    CHECK((uintptr_t)main < (uintptr_t)read_only);
    CHECK((uintptr_t)read_only < (uintptr_t)&data);
    CHECK((uintptr_t)&data < (uintptr_t)bss);
    CHECK(data == 42);

    char* heap = brk_to(NULL);
    if ((uintptr_t)heap > mmap_base - (1ul << 30)) {
        say("this kernel puts the heap of a static PIE right behind its bss; Linux 6.16 and later put it elsewhere");
        return exit_unsupported;
    }
    say("heap   first end  %p", (void*)heap);
    CHECK(brk_to(heap + 2 * page_size) == heap + 2 * page_size);
    memset(heap, 0xaa, 2 * page_size);
    say("heap   grown end  %p", (void*)brk_to(NULL));

    // How far below its top the stack begins depends on the auxiliary vector, which grows from kernel to kernel; what
    // lies above does not.
    const char* program = (const char*)getauxval(AT_EXECFN);
    say("stack  file name  %p %s", (const void*)program, program);
    say("stack  argv[0]    %p %s", (void*)arguments[0], arguments[0]);
    say("stack  a local lies in the 64 KiB below the top: %s",
        (uintptr_t)&local < stack_top && (uintptr_t)&local > stack_top - 65536 ? "yes" : "no");
    CHECK((uintptr_t)program + strlen(program) + 1 + sizeof(void*) == stack_top);

    char* first = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char* second = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(first != MAP_FAILED && second != MAP_FAILED);
    say("mmap   a mapping lies in the 16 MiB below %p: %s", (void*)mmap_base,
        (uintptr_t)first < mmap_base && (uintptr_t)first > mmap_base - (16ul << 20) ? "yes" : "no");
    say("mmap   the next one lies %td bytes below it", first - second);
    CHECK(first - second == page_size);

    if (count > 1 && strcmp(arguments[1], "maps") == 0) return print_maps();
    return 0;
}
