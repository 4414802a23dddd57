// threads: a pool of threads with a mutex, condition variables and thread-local storage, a read-write lock, a barrier,
// once, and what is joined in the end.
#define _GNU_SOURCE
#include <pthread.h>

#include "guest.h"

enum { thread_count = 8, job_count = 400 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_there = PTHREAD_COND_INITIALIZER, room_there = PTHREAD_COND_INITIALIZER;
static int queue[16], queued, finished;
static long sum, jobs_done;
static __thread long own_jobs;
static pthread_barrier_t all_here;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_count;

static void count_once(void) { ++once_count; }

static void* worker(void* argument) {
    (void)argument;
    pthread_once(&once, count_once);
    pthread_barrier_wait(&all_here);
    for (;;) {
        pthread_mutex_lock(&lock);
        while (queued == 0 && !finished) pthread_cond_wait(&work_there, &lock);
        if (queued == 0) {
            jobs_done += own_jobs;
            pthread_mutex_unlock(&lock);
            return (void*)own_jobs;
        }
        int job = queue[--queued];
        pthread_cond_signal(&room_there);
        pthread_mutex_unlock(&lock);
        long result = 0;
        for (int i = 0; i <= job; ++i) result += i;
        pthread_mutex_lock(&lock);
        sum += result;
        pthread_mutex_unlock(&lock);
        ++own_jobs;
    }
}

static long counter;
static void* add(void* argument) {
    pthread_rwlock_t* shared = argument;
    for (int i = 0; i < 1000; ++i) {
        pthread_rwlock_wrlock(shared);
        ++counter;
        pthread_rwlock_unlock(shared);
        pthread_rwlock_rdlock(shared);
        if (counter < 0) counter = -1;
        pthread_rwlock_unlock(shared);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[thread_count];
    CHECK(pthread_barrier_init(&all_here, NULL, thread_count + 1) == 0);
    for (int i = 0; i < thread_count; ++i) CHECK(pthread_create(&threads[i], NULL, worker, NULL) == 0);
    pthread_barrier_wait(&all_here);
    say("%d threads are there, once: %d", thread_count, once_count);
    for (int job = 1; job <= job_count; ++job) {
        pthread_mutex_lock(&lock);
        while (queued == 16) pthread_cond_wait(&room_there, &lock);
        queue[queued++] = job;
        pthread_cond_signal(&work_there);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    finished = 1;
    pthread_cond_broadcast(&work_there);
    pthread_mutex_unlock(&lock);
    long joined = 0;
    for (int i = 0; i < thread_count; ++i) {
        void* own;
        CHECK(pthread_join(threads[i], &own) == 0);
        joined += (long)own;
    }
    say("jobs done: %ld, as the threads say: %ld, sum %ld", jobs_done, joined, sum);

    pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
    for (int i = 0; i < 4; ++i) CHECK(pthread_create(&threads[i], NULL, add, &shared) == 0);
    for (int i = 0; i < 4; ++i) CHECK(pthread_join(threads[i], NULL) == 0);
    say("counter: %ld, own jobs of the first thread: %ld", counter, own_jobs);
    return 0;
}
