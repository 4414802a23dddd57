// kernel-objects [COUNT [KIND...]]: takes COUNT (8) of each thing that the kernel keeps an object for, and gives them
// back: children that wait, others that share the memory, mappings that do not join, open files, pipes, sockets, names.
// Says how many it got, and what kept it from more.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest.h"

enum { most = 4096 };
static int held[2 * most];

static void tell(const char* kind, int got, int wanted) {
    if (got == wanted) {
        say("%s: %d of %d", kind, got, wanted);
    } else {
        say("%s: %d of %d, then %s", kind, got, wanted, strerror(errno));
    }
}

static void children(int wanted) {
    pid_t parent = getpid();
    int got = 0;
    while (got < wanted) {
        pid_t child = fork();
        if (child < 0) break;
        if (child == 0) {
            CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
            // The parent may have come to its end before, for want of memory.
            while (getppid() == parent) pause();
            _exit(0);
        }
        held[got++] = child;
    }
    tell("fork", got, wanted);
    for (int i = 0; i < got; ++i) CHECK(kill(held[i], SIGKILL) == 0 && waitpid(held[i], NULL, 0) == held[i]);
}

static int wait_for_ever(void* unused) {
    (void)unused;
    while (pause() != 0) {
    }
    return 0;
}

// No page is copied for them: what runs out is what the kernel needs for a task.
static void sharers(int wanted) {
    enum { stack_bytes = 512 };
    size_t size = (size_t)wanted * stack_bytes;
    char* stacks = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(stacks != MAP_FAILED);
    int got = 0;
    while (got < wanted) {
        pid_t child = clone(wait_for_ever, stacks + (got + 1) * stack_bytes, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
        if (child < 0) break;
        held[got++] = child;
    }
    tell("clone", got, wanted);
    for (int i = 0; i < got; ++i) CHECK(kill(held[i], SIGKILL) == 0 && waitpid(held[i], NULL, 0) == held[i]);
    CHECK(munmap(stacks, size) == 0);
}

// Every second page may be written to.
static void mappings(int wanted) {
    size_t size = (size_t)wanted * page_size;
    char* all = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(all != MAP_FAILED);
    int got = 0;
    for (; got < wanted; ++got) {
        int prot = got % 2 == 0 ? PROT_READ | PROT_WRITE : PROT_READ;
        if (mprotect(all + (size_t)got * page_size, page_size, prot) != 0) break;
    }
    tell("mprotect", got, wanted);
    CHECK(munmap(all, size) == 0);
}

static void files(int wanted) {
    int got = 0;
    while (got < wanted && (held[got] = open("/dev/null", O_RDONLY)) >= 0) ++got;
    tell("open", got, wanted);
    for (int i = 0; i < got; ++i) CHECK(close(held[i]) == 0);
}

static void pipes(int wanted) {
    int got = 0;
    while (got < wanted && pipe(held + 2 * got) == 0) ++got;
    tell("pipe", got, wanted);
    for (int i = 0; i < 2 * got; ++i) CHECK(close(held[i]) == 0);
}

static void sockets(int wanted) {
    int got = 0;
    while (got < wanted && socketpair(AF_UNIX, SOCK_STREAM, 0, held + 2 * got) == 0) ++got;
    tell("socketpair", got, wanted);
    for (int i = 0; i < 2 * got; ++i) CHECK(close(held[i]) == 0);
}

static const char* name_of(int number) {
    static char name[64];
    snprintf(name, sizeof name, "/tmp/kernel-objects.%d/%d", (int)getpid(), number);
    return name;
}

static void names(int wanted) {
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/kernel-objects.%d", (int)getpid());
    CHECK(mkdir(folder, 0700) == 0);
    int got = 0;
    while (got < wanted && mkdir(name_of(got), 0700) == 0) ++got;
    tell("mkdir", got, wanted);
    for (int i = 0; i < got; ++i) CHECK(rmdir(name_of(i)) == 0);
    CHECK(rmdir(folder) == 0);
}

int main(int argc, char** argv) {
    static const struct {
        const char* name;
        void (*take)(int);
    } kinds[] = {{"children", children}, {"sharers", sharers}, {"mappings", mappings}, {"files", files},
                 {"pipes", pipes},       {"sockets", sockets}, {"names", names}};
    int wanted = argc > 1 ? atoi(argv[1]) : 8;
    CHECK(wanted > 0 && wanted <= most);
    struct rlimit limit = {.rlim_cur = 3 * most, .rlim_max = 3 * most};
    if (wanted > 400) CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; ++i) {
        int is_wanted = argc < 3;
        for (int j = 2; j < argc; ++j) is_wanted = is_wanted || strcmp(argv[j], kinds[i].name) == 0;
        if (is_wanted) kinds[i].take(wanted);
    }
    return 0;
}
