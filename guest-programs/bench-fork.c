// bench-fork fork|cow|exec|switch|null [ROUNDS]: what processes cost.
//
//   fork     fork, exit and wait of a process with 10 MiB that it has written to
//   cow      the same, and the child writes to each of the 2560 pages
//   exec     fork, exec of itself, exit and wait
//   switch   a byte to another process and back through two pipes: two switches
//   null     getppid
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "guest.h"

static void wait_for(pid_t child) { CHECK(child > 0 && waitpid(child, NULL, 0) == child); }

static void echo_bytes(int from, int to) {
    char byte;
    while (read(from, &byte, 1) == 1) CHECK(write(to, &byte, 1) == 1);
    _exit(0);
}

static void switch_rounds(long rounds) {
    int there[2], back[2];
    CHECK(pipe(there) == 0 && pipe(back) == 0);
    pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        echo_bytes(there[0], back[1]);
    }
    char byte = 'x';
    for (long round = 0; round < rounds; ++round) {
        CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
    }
    close(there[1]);
    wait_for(child);
}

static void write_each(char* memory, size_t size) {
    for (size_t at = 0; at < size; at += page_size) memory[at] = 2;
}

int main(int count, char** arguments) {
    const char* what = count > 1 ? arguments[1] : "fork";
    long rounds = count > 2 ? atol(arguments[2]) : 10;
    CHECK(rounds >= 0);
    if (strcmp(what, "child") == 0) return 0;
    if (strcmp(what, "switch") == 0) {
        switch_rounds(rounds);
    } else if (strcmp(what, "null") == 0) {
        for (long round = 0; round < rounds; ++round) syscall(SYS_getppid);
    } else {
        const int execs = strcmp(what, "exec") == 0, writes = strcmp(what, "cow") == 0;
        size_t size = execs ? page_size : 10ul << 20;
        char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(memory != MAP_FAILED);
        memset(memory, 1, size);
        for (long round = 0; round < rounds; ++round) {
            pid_t child = fork();
            if (child == 0 && writes) write_each(memory, size);
            if (child == 0 && execs) execl("/proc/self/exe", arguments[0], "child", NULL);
            if (child == 0) _exit(0);
            wait_for(child);
        }
    }
    say("%s: %ld rounds", what, rounds);
    return 0;
}
