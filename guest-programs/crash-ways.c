// crash-ways: accesses that a program does not survive, each for a reason of its own. `crash-ways WAY` dies in one of
// the ways; without an argument each is died in a child, and the transcript says of which signal.
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static volatile int sink;
static const char constant[] = "constant data";
static void (*volatile function)(void);
struct node {
    long value[3];
    struct node* next;
};

static volatile char* pages(int count, int protection) {
    char* start = mmap(NULL, (size_t)count * page_size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED);
    return start;
}

// The break that brk(2) answers; musl's sbrk() moves nothing.
static char* move_break(char* wanted) { return (char*)syscall(SYS_brk, wanted); }
static char* grow_heap(int count) {
    char* start = move_break(NULL);
    CHECK(move_break(start + count * page_size) == start + count * page_size);
    return start;
}

static void null_read(void) { sink = *(volatile int* volatile)NULL; }
static void null_member(void) {
    struct node* volatile nobody = NULL;
    sink = (int)(intptr_t)nobody->next;
}
static void null_call(void) { function(); }
static void constant_write(void) { *(volatile char*)(uintptr_t)constant = 'C'; }
static void after_munmap(void) {
    volatile char* start = pages(4, PROT_READ | PROT_WRITE);
    start[page_size] = 1;
    CHECK(munmap((void*)(start + page_size), 2 * page_size) == 0);
    start[2 * page_size + 5] = 2;
}
static void after_mremap(void) {
    volatile char* start = pages(4, PROT_READ | PROT_WRITE);
    // Where it is, it cannot grow.
    CHECK(mmap((void*)(start + 2 * page_size), page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
          MAP_FAILED);
    CHECK(mremap((void*)start, page_size, 8 * page_size, MREMAP_MAYMOVE) != MAP_FAILED);
    sink = start[7];
}
static void after_brk(void) {
    char* start = grow_heap(4);
    move_break(start + page_size);
    *(volatile char*)(start + 3 * page_size) = 1;
}
static void past_heap(void) {
    volatile char* start = grow_heap(2);
    start[3 * page_size + 100] = 1;
}
// Where nothing else was ever mapped.
static volatile char* lonely_pages(int count) {
    char* start = mmap((void*)0x200000000000, (size_t)count * page_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(start != MAP_FAILED);
    return start;
}
static void past_mapping(void) { lonely_pages(4)[4 * page_size + 100] = 1; }
static void before_mapping(void) { sink = lonely_pages(1)[-16]; }
static void past_file(void) {
    const int file = memfd_create("short", 0);
    CHECK(file >= 0 && ftruncate(file, 100) == 0);
    volatile char* start = mmap(NULL, 3 * page_size, PROT_READ, MAP_SHARED, file, 0);
    CHECK(start != MAP_FAILED);
    sink = start[200];  // behind the last byte and in its page: zero
    sink = start[page_size + 1];
}
static void kernel_address(void) { sink = *(volatile char*)0xffff888000001234; }
static void non_canonical(void) { sink = *(volatile char*)0x6867666564636261; }
static void wild_read(void) { sink = *(volatile char*)0x123456789000; }
static void wild_jump(void) {
    function = (void (*)(void))0x123456789000;
    function();
}
static void heap_jump(void) {
    char* code = grow_heap(2);
    memset(code, 0xc3, page_size);  // ret
    function = (void (*)(void))(uintptr_t)code;
    function();
}
static void protected_write(void) {
    volatile char* start = pages(3, PROT_READ | PROT_WRITE);
    start[page_size] = 1;
    CHECK(mprotect((void*)(start + page_size), page_size, PROT_READ) == 0);
    start[page_size + 8] = 2;
}
static void no_rights(void) { sink = *pages(1, PROT_NONE); }
static void guard_page(void) {
    volatile char* start = pages(2, PROT_READ | PROT_WRITE);
    if (madvise((void*)start, page_size, 102) != 0) _exit(exit_unsupported);  // MADV_GUARD_INSTALL
    start[10] = 1;
}

__attribute__((noinline)) static unsigned long descend(unsigned long depth) {
    volatile char frame[1024];
    frame[0] = 1;
    return depth == 0 ? 0 : descend(depth + 1) + (unsigned long)frame[0];
}
static void stack_overflow(void) { sink = (int)descend(1); }
static void* thread(void* argument) {
    sink = (int)descend(1);
    return argument;
}
static void thread_stack(void) {
    pthread_t id;
    pthread_attr_t attributes;
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 64 * 1024) == 0);
    CHECK(pthread_create(&id, &attributes, thread, NULL) == 0);
    CHECK(pthread_join(id, NULL) == 0);
}
static void raised(void) { raise(SIGSEGV); }
static void killed(void) { kill(getpid(), SIGBUS); }

static const struct {
    const char* name;
    void (*die)(void);
} ways[] = {
    {"null-read", null_read},
    {"null-member", null_member},
    {"null-call", null_call},
    {"constant-write", constant_write},
    {"after-munmap", after_munmap},
    {"after-mremap", after_mremap},
    {"after-brk", after_brk},
    {"past-heap", past_heap},
    {"past-mapping", past_mapping},
    {"before-mapping", before_mapping},
    {"past-file", past_file},
    {"kernel-address", kernel_address},
    {"non-canonical", non_canonical},
    {"wild-read", wild_read},
    {"wild-jump", wild_jump},
    {"heap-jump", heap_jump},
    {"protected-write", protected_write},
    {"no-rights", no_rights},
    {"guard-page", guard_page},
    {"stack-overflow", stack_overflow},
    {"thread-stack", thread_stack},
    {"raised", raised},
    {"killed", killed},
};
enum { way_count = sizeof ways / sizeof ways[0] };

static void die_in_child(int way) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        ways[way].die();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("%s: %s %d", ways[way].name, WIFSIGNALED(status) ? "signal" : "status",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int main(int argc, char** argv) {
    for (int way = 0; way < way_count; way++) {
        if (argc < 2) {
            // Not every kernel knows guard pages.
            if (ways[way].die != guard_page) die_in_child(way);
        } else if (strcmp(argv[1], ways[way].name) == 0) {
            ways[way].die();
            return 1;
        }
    }
    return argc < 2 ? 0 : 2;
}
