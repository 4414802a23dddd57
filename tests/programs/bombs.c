// bombs KIND: programs that take all they can get: fork, vfork, threads, pipes, memory, files, exec.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { block_bytes = 1 << 16, pipe_bytes = 1 << 20, child_count = 6 };

static char block[block_bytes];

static void forks(void) {
    for (;;) fork();
}

// Each child makes the next before it gives its parent's memory back.
static void vforks(void) {
    while (vfork() == 0) {
    }
    _exit(0);
}

static void* threads(void* unused) {
    pthread_attr_t small;
    pthread_t thread;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, block_bytes);
    while (unused == NULL) pthread_create(&thread, &small, threads, unused);
    return unused;
}

// Each process fills as many pipes as it may have, with as much as goes in, and leaves the next to another, until there
// is no memory for one.
static void pipes(void) {
    for (;;) {
        int ends[2], count = 0;
        while (pipe2(ends, O_NONBLOCK) == 0) {
            fcntl(ends[1], F_SETPIPE_SZ, pipe_bytes);
            while (write(ends[1], block, sizeof block) > 0) {
            }
            ++count;
        }
        pid_t child = fork();
        if (child < 0) printf("fork: %s\n", strerror(errno));
        if (child != 0) {
            wait(NULL);
            exit(0);
        }
        for (int i = 0; i < 2 * count; ++i) close(3 + i);
    }
}

static void memory(void) {
    int killed = 0, status;
    for (int child = 0; child < child_count; ++child) {
        if (fork() != 0) continue;
        for (;;) memset(malloc(block_bytes), 1, block_bytes);
    }
    while (wait(&status) > 0) killed += WIFSIGNALED(status) && WTERMSIG(status) == 9;
    printf("%d of %d were killed\n", killed, child_count);
    exit(0);
}

static void files(void) {
    char name[64];
    for (int i = 0;; ++i) {
        snprintf(name, sizeof name, "/tmp/%d", i);
        const int file = open(name, O_CREAT | O_WRONLY, 0600);
        if (file < 0 || write(file, block, sizeof block) < 0) {
            printf("file %s: %s\n", i > 100 ? "more than 100" : name, strerror(errno));
            exit(0);
        }
        close(file);
    }
}

int main(int argc, char** argv) {
    const char* const kind = argc > 1 ? argv[1] : "";
    if (strcmp(kind, "fork") == 0) forks();
    if (strcmp(kind, "vfork") == 0) vforks();
    if (strcmp(kind, "threads") == 0) threads(NULL);
    if (strcmp(kind, "pipes") == 0) pipes();
    if (strcmp(kind, "memory") == 0) memory();
    if (strcmp(kind, "files") == 0) files();
    if (strcmp(kind, "exec") == 0) execv("/proc/self/exe", argv);
    return 2;
}
