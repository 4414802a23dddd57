// thread-pool: what threads.c leaves out of POSIX threads: semaphores, keys with destructors, cancellation with cleanup
// handlers, detached threads, recursive and robust mutexes, condition variables with a deadline, signals to one thread.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "guest.h"

enum { worker_count = 6, item_count = 300 };

// --- a bounded buffer with semaphores, a key for each worker's account

static sem_t free_places, filled_places, finished;
static pthread_mutex_t buffer_lock = PTHREAD_MUTEX_INITIALIZER;
static int buffer[8], first, last;
static pthread_key_t account;
static long total;

static void add_account(void* own) {
    pthread_mutex_lock(&buffer_lock);
    total += *(long*)own;
    pthread_mutex_unlock(&buffer_lock);
    free(own);
}

static void* consume(void* unused) {
    (void)unused;
    long* own = calloc(1, sizeof *own);
    CHECK(own != NULL && pthread_setspecific(account, own) == 0);
    for (;;) {
        CHECK(sem_wait(&filled_places) == 0);
        pthread_mutex_lock(&buffer_lock);
        const int item = buffer[first++ % 8];
        pthread_mutex_unlock(&buffer_lock);
        CHECK(sem_post(&free_places) == 0);
        if (item < 0) return NULL;
        *(long*)pthread_getspecific(account) += item;
    }
}

static void put(int item) {
    CHECK(sem_wait(&free_places) == 0);
    pthread_mutex_lock(&buffer_lock);
    buffer[last++ % 8] = item;
    pthread_mutex_unlock(&buffer_lock);
    CHECK(sem_post(&filled_places) == 0);
}

static void bounded_buffer(void) {
    pthread_t workers[worker_count];
    CHECK(sem_init(&free_places, 0, 8) == 0 && sem_init(&filled_places, 0, 0) == 0);
    CHECK(pthread_key_create(&account, add_account) == 0);
    for (int i = 0; i < worker_count; ++i) CHECK(pthread_create(&workers[i], NULL, consume, NULL) == 0);
    for (int item = 1; item <= item_count; ++item) put(item);
    for (int i = 0; i < worker_count; ++i) put(-1);
    for (int i = 0; i < worker_count; ++i) CHECK(pthread_join(workers[i], NULL) == 0);
    say("bounded buffer: %ld, as the keys' destructors added it up", total);
}

// --- cancellation

static char order[16];

static void note(void* letter) { strncat(order, letter, 1); }

static void* wait_to_be_cancelled(void* where) {
    pthread_cleanup_push(note, "a");
    pthread_cleanup_push(note, "b");
    sem_post(&finished);
    if (strcmp(where, "sleep") == 0) {
        for (;;) sleep(1000);
    }
    if (strcmp(where, "semaphore") == 0) sem_wait(&filled_places);
    if (strcmp(where, "pipe") == 0) {
        int ends[2];
        char byte;
        CHECK(pipe(ends) == 0);
        CHECK(read(ends[0], &byte, 1) == 1);
    }
    // Asks for it at a point of its own choice.
    for (;;) pthread_testcancel();
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancellation(void) {
    static const char* const places[] = {"sleep", "semaphore", "pipe", "loop"};
    for (int i = 0; i < 4; ++i) {
        pthread_t thread;
        void* result;
        order[0] = 0;
        CHECK(pthread_create(&thread, NULL, wait_to_be_cancelled, (void*)places[i]) == 0);
        CHECK(sem_wait(&finished) == 0 && pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0);
        say("cancelled in its %s: %d, cleaned up: %s", places[i], result == PTHREAD_CANCELED, order);
    }
}

// --- detached threads

static void* run_detached(void* unused) {
    (void)unused;
    CHECK(pthread_detach(pthread_self()) == 0 && sem_post(&finished) == 0);
    return NULL;
}

static void detached(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 64 * 1024) == 0);
    for (int i = 0; i < 100; ++i) {
        CHECK(pthread_create(&thread, &attributes, run_detached, NULL) == 0);
        CHECK(sem_wait(&finished) == 0);
    }
    say("100 detached threads ended");
}

// --- mutexes of other kinds

static pthread_mutex_t* robust;

static void* die_with_it(void* unused) {
    (void)unused;
    CHECK(pthread_mutex_lock(robust) == 0);
    return NULL;
}

static void mutex_kinds(void) {
    pthread_mutexattr_t kind;
    pthread_mutex_t recursive, checking;
    CHECK(pthread_mutexattr_init(&kind) == 0 && pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE) == 0);
    CHECK(pthread_mutex_init(&recursive, &kind) == 0);
    CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0);
    CHECK(pthread_mutex_unlock(&recursive) == 0 && pthread_mutex_unlock(&recursive) == 0);
    CHECK(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ERRORCHECK) == 0 && pthread_mutex_init(&checking, &kind) == 0);
    CHECK(pthread_mutex_lock(&checking) == 0);
    say("checking: locked twice %s, not ours %s", pthread_mutex_lock(&checking) == EDEADLK ? "EDEADLK" : "?",
        pthread_mutex_unlock(&recursive) == EPERM ? "EPERM" : "?");

    robust = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(robust != MAP_FAILED && pthread_mutexattr_init(&kind) == 0);
    CHECK(pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST) == 0);
    CHECK(pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED) == 0);
    CHECK(pthread_mutex_init(robust, &kind) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, die_with_it, NULL) == 0 && pthread_join(thread, NULL) == 0);
    say("robust, after its owner's end: %s", pthread_mutex_lock(robust) == EOWNERDEAD ? "EOWNERDEAD" : "?");
    CHECK(pthread_mutex_consistent(robust) == 0 && pthread_mutex_unlock(robust) == 0);
    const pid_t child = fork();
    if (child == 0) {
        pthread_mutex_lock(robust);
        raise(SIGKILL);
    }
    CHECK(waitpid(child, NULL, 0) == child);
    say("robust, after its process's: %s", pthread_mutex_lock(robust) == EOWNERDEAD ? "EOWNERDEAD" : "?");
    CHECK(pthread_mutex_unlock(robust) == 0);
    say("not made consistent: %s", pthread_mutex_lock(robust) == ENOTRECOVERABLE ? "ENOTRECOVERABLE" : "?");
}

// --- time, and signals

static void deadlines(void) {
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    struct timespec until;
    CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_nsec += 2000000;
    if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, ++until.tv_sec;
    pthread_mutex_lock(&buffer_lock);
    const int answer = pthread_cond_timedwait(&never, &buffer_lock, &until);
    pthread_mutex_unlock(&buffer_lock);
    say("condition: %s, semaphore: %s", answer == ETIMEDOUT ? "ETIMEDOUT" : "?",
        sem_timedwait(&finished, &until) != 0 && errno == ETIMEDOUT ? "ETIMEDOUT" : "?");
}

static __thread int is_receiver;
static volatile int received_by_receiver;

static void on_signal(int number) {
    (void)number;
    received_by_receiver = is_receiver;
}

static void* receive(void* unused) {
    (void)unused;
    is_receiver = 1;
    sem_post(&finished);
    while (!received_by_receiver) sched_yield();
    return NULL;
}

static void signal_to_one(void) {
    pthread_t thread;
    struct sigaction action = {.sa_handler = on_signal};
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && pthread_create(&thread, NULL, receive, NULL) == 0);
    CHECK(sem_wait(&finished) == 0 && pthread_kill(thread, SIGUSR1) == 0 && pthread_join(thread, NULL) == 0);
    say("the signal's thread got it: %d", received_by_receiver);
}

int main(void) {
    CHECK(sem_init(&finished, 0, 0) == 0);
    bounded_buffer();
    cancellation();
    detached();
    mutex_kinds();
    deadlines();
    signal_to_one();
    return 0;
}
