// userfaultfd's events: memory that is unmapped, moved, given up or forked while somebody looks after it. Who changes
// it waits until that was read.
#define _GNU_SOURCE
#include <sys/wait.h>

#include "userfaultfd.h"

static char source[page_size] __attribute__((aligned(4096)));
static char* base;
static int uffd;
static int said[2];  // a byte for each message that was spoken of

// The next message has been spoken of.
static void hear(void) {
    char byte;
    CHECK(read(said[0], &byte, 1) == 1);
}

static void say_message(const struct message* message, int fd) {
    const long start = (long)(message->u.range.start - (uintptr_t)base) / page_size;
    switch (message->event) {
        case event_fault: {
            const long page = (long)(message->u.fault.address - (uintptr_t)base) / page_size;
            say("reader: fault of page %ld", page);
            source[0] = (char)('a' + page);
            CHECK(copy_pages(fd, (char*)(uintptr_t)message->u.fault.address, source, 1, 0) == 0);
            return;
        }
        case event_remap:
            say("reader: moved from page %ld, %ld pages", (long)(message->u.remap.from - (uintptr_t)base) / page_size,
                (long)message->u.remap.length / page_size);
            return;
        case event_remove:
        case event_unmap:
            say("reader: %s pages %ld to %ld", message->event == event_remove ? "removed" : "unmapped", start,
                (long)(message->u.range.end - (uintptr_t)base) / page_size);
            return;
        default: say("reader: event %d", message->event);
    }
}

static void* read_messages(void* argument) {
    int left = *(int*)argument;
    int fork_fd = -1;
    while (left > 0) {
        struct pollfd watched[2] = {{uffd, POLLIN, 0}, {fork_fd, POLLIN, 0}};
        CHECK(poll(watched, fork_fd >= 0 ? 2 : 1, -1) > 0);
        for (int i = 0; i < 2; ++i) {
            struct message message;
            if (watched[i].revents == 0 || read(watched[i].fd, &message, sizeof message) != sizeof message) continue;
            --left;
            if (message.event == event_fork) {
                fork_fd = (int)message.u.fork_fd;
                say("reader: forked, flags %x", (unsigned)fcntl(fork_fd, F_GETFL));
            } else {
                say_message(&message, watched[i].fd);
            }
            CHECK(write(said[1], "", 1) == 1);
        }
    }
    if (fork_fd >= 0) CHECK(close(fork_fd) == 0);
    return NULL;
}

static pthread_t start_reader(int* count) {
    pthread_t reader;
    CHECK(pthread_create(&reader, NULL, read_messages, count) == 0);
    return reader;
}
static void open_with(uint64_t features) {
    uffd = agreed_uffd(O_NONBLOCK, features);
    base = map_pages(8, MAP_PRIVATE);
    CHECK(register_pages(uffd, base, 8, mode_missing) == 0);
}
static void close_with(pthread_t reader) {
    CHECK(pthread_join(reader, NULL) == 0);
    CHECK(close(uffd) == 0);
}

static void touch(char* at) {
    say("touched: %c", *(volatile char*)at);
    hear();
}

static void show_unmap(void) {
    open_with(feature_unmap | feature_remove);
    int count = 6;
    pthread_t reader = start_reader(&count);
    touch(base);
    CHECK(madvise(base, page_size, MADV_DONTNEED) == 0);
    hear();
    touch(base);
    CHECK(madvise(base, 8 * page_size, MADV_FREE) == 0);
    hear();
    CHECK(munmap(base + 2 * page_size, page_size) == 0);
    hear();
    CHECK(mmap(base + 4 * page_size, 2 * page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          base + 4 * page_size);
    hear();
    close_with(reader);
    // Nobody hears of it any more.
    SHOW(munmap(base, 8 * page_size));
}

static void show_remap(void) {
    open_with(feature_remap);
    int count = 3;
    pthread_t reader = start_reader(&count);
    touch(base);
    char* place = map_pages(2, MAP_PRIVATE);
    char* moved = mremap(base, 2 * page_size, 2 * page_size, MREMAP_MAYMOVE | MREMAP_FIXED, place);
    CHECK(moved == place);
    hear();
    char* old = base;
    base = moved - 3 * page_size;
    touch(moved + page_size);
    say("followed %c", moved[0]);
    close_with(reader);
    SHOW(munmap(moved, 2 * page_size));
    SHOW(munmap(old, 8 * page_size));
}

static void show_fork(void) {
    open_with(feature_fork);
    int count = 3;
    pthread_t reader = start_reader(&count);
    touch(base + page_size);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        say("child: inherited %c, new %c", base[page_size], base[2 * page_size]);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    close_with(reader);
    say("parent: untouched %d", base[2 * page_size]);
    // Without the feature the child has plain memory.
    open_with(0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        say("child: plain %d", base[2 * page_size]);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    // Whose address space is gone.
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        say("child: copies into its parent %d", copy_pages(uffd, base, source, 1, 0));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say("parent: given %c", base[0]);
    CHECK(close(uffd) == 0);
}

int main(void) {
    CHECK(pipe(said) == 0);
    show_unmap();
    show_remap();
    show_fork();
    return 0;
}
