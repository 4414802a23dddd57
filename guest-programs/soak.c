// soak COUNT: processes that come and go, COUNT of them (60): they exit, exec, are killed, start threads, talk through
// pipes, map memory and leave it mapped, leave files open and timers running, and have children of their own. Nothing
// of them may stay behind.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "guest.h"

enum { default_count = 60, batch = 10, kinds = 10 };

static char* own_name;

static void just_exit(int number) { _exit(number % 100); }

static void run_another(int number) {
    char text[16];
    snprintf(text, sizeof text, "%d", number % 50);
    execl("/proc/self/exe", own_name, "exit", text, (char*)NULL);
    _exit(255);
}

static void be_killed(int number) {
    const int signals[] = {SIGKILL, SIGTERM, SIGSEGV, SIGABRT};
    raise(signals[number / kinds % 4]);
    _exit(255);
}

static pthread_barrier_t all_here;
static void* thread(void* argument) {
    pthread_barrier_wait(&all_here);
    return argument;
}

static void* stay(void* mutex) {
    pthread_mutex_lock(mutex);
    return NULL;
}

// Some threads end by themselves; the others are still there when the process ends.
static void start_threads(int number) {
    static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[3], stuck;
    CHECK(pthread_barrier_init(&all_here, NULL, 4) == 0 && pthread_mutex_lock(&taken) == 0);
    for (int i = 0; i < 3; ++i) CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
    CHECK(pthread_create(&stuck, NULL, stay, &taken) == 0);
    pthread_barrier_wait(&all_here);
    CHECK(pthread_join(threads[0], NULL) == 0);
    sched_yield();
    exit(number % 30);
}

static void talk(int number) {
    int ends[2], there[2];
    char buffer[100] = "";
    CHECK(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, there) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const ssize_t got = read(ends[0], buffer, sizeof buffer);
        CHECK(got > 0 && write(there[1], buffer, (size_t)got) == got);
        // Bytes that nobody will read.
        CHECK(write(there[1], buffer, sizeof buffer) > 0);
        _exit(0);
    }
    CHECK(write(ends[1], "across", 7) == 7 && read(there[0], buffer, 7) == 7 && strcmp(buffer, "across") == 0);
    // The child is left to whoever takes orphans.
    _exit(number % 20);
}

static void map_memory(int number) {
    for (int i = 0; i < 4; ++i) {
        char* memory = mmap(NULL, 8 * page_size, PROT_READ | PROT_WRITE,
                            MAP_ANONYMOUS | (i % 2 == 0 ? MAP_PRIVATE : MAP_SHARED), -1, 0);
        CHECK(memory != MAP_FAILED);
        memset(memory, number, 5 * page_size);
        if (i == 1) CHECK(fork() >= 0);
    }
    _exit(number % 10);
}

static void leave_files(int number) {
    char name[64];
    snprintf(name, sizeof name, "/tmp/soak.%d.%d", (int)getpid(), number);
    const int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(file >= 0 && unlink(name) == 0 && ftruncate(file, 3 * page_size) == 0);
    char* memory = mmap(NULL, 3 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    CHECK(memory != MAP_FAILED && dup(file) >= 0 && eventfd(3, 0) >= 0 && memfd_create("soak", 0) >= 0);
    memory[page_size] = 'x';
    char byte;
    CHECK(pread(file, &byte, 1, page_size) == 1 && byte == 'x');
    _exit(number % 40);
}

static void leave_a_timer(int number) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    alarm(1000);
    // Signals that are pending and never taken.
    sigset_t all;
    sigfillset(&all);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
    for (int i = 0; i < 5; ++i) CHECK(sigqueue(getpid(), SIGRTMIN + i, (union sigval){.sival_int = i}) == 0);
    _exit(number % 60);
}

static void in_parents_memory(int number) {
    volatile int made = 0;
    const pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0) {
        made = number;
        _exit(0);
    }
    CHECK(made == number);
    _exit(number % 70);
}

// A child that nobody waits for, and one that stops and is killed while it is stopped.
static void have_children(int number) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    CHECK(kill(child, SIGKILL) == 0);
    const pid_t other = fork();
    if (other == 0) _exit(0);
    _exit(number % 80);
}

int main(int argc, char** argv) {
    own_name = argv[0];
    if (argc == 3) return atoi(argv[2]);
    const int count = argc > 1 ? atoi(argv[1]) : default_count;
    void (*const work[kinds])(int) = {just_exit,  run_another, be_killed,     start_threads,     talk,
                                      map_memory, leave_files, leave_a_timer, in_parents_memory, have_children};
    long sum = 0, killed = 0;
    for (int number = 0; number < count;) {
        int running = 0;
        for (; running < batch && number < count; ++running, ++number) {
            const pid_t child = fork();
            CHECK(child >= 0);
            if (child == 0) work[number % kinds](number);
        }
        for (; running > 0; --running) {
            int status;
            CHECK(wait(&status) > 0);
            if (WIFEXITED(status)) sum += WEXITSTATUS(status);
            if (WIFSIGNALED(status)) killed += WTERMSIG(status);
        }
    }
    say("%d processes, sum %ld, killed %ld", count, sum, killed);
    return 0;
}
