// kmsg: the kernel's log. /dev/kmsg gives one record with each read, a reader goes to either end of the log, and
// syslog(2), which C libraries call klogctl, gives the lines that dmesg(1) prints. What the log says is not printed: it
// is another one on each kernel.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "guest.h"

enum { read_all = 3, size_buffer = 10, record_bytes = 8192, log_bytes = 1 << 20 };

static char text[log_bytes + 1];

static void say_answer(const char* call, long result) {
    if (result >= 0) {
        say("%s: %ld", call, result);
    } else {
        say("%s: errno %d", call, errno);
    }
}

// A record is "priority,sequence,microseconds,flags;text" and a new line.
static unsigned long sequence_of(const char* record, long bytes) {
    unsigned priority;
    unsigned long sequence, microseconds;
    char flag, semicolon;
    CHECK(bytes > 0 && record[bytes - 1] == '\n');
    CHECK(sscanf(record, "%u,%lu,%lu,%c%c", &priority, &sequence, &microseconds, &flag, &semicolon) == 5);
    CHECK((flag == '-' || flag == 'c') && (semicolon == ';' || semicolon == ','));
    return sequence;
}

static void read_records(int fd) {
    long bytes = read(fd, text, record_bytes);
    unsigned long first = sequence_of(text, bytes);
    bytes = read(fd, text, record_bytes);
    say("the second record is %lu behind the first", sequence_of(text, bytes) - first);
    say_answer("read into 5 bytes", read(fd, text, 5));
    bytes = read(fd, text, record_bytes);
    say("which lost one: %lu behind the first", sequence_of(text, bytes) - first);
    struct pollfd poll_set = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
    say_answer("poll", poll(&poll_set, 1, 0));
    say("events %#x", (unsigned)poll_set.revents);
}

static void seek(int fd) {
    say_answer("lseek to the end", lseek(fd, 0, SEEK_END));
    // Somebody may say something just now.
    long bytes = read(fd, text, record_bytes);
    for (int i = 0; bytes >= 0 && i < 100; ++i) bytes = read(fd, text, record_bytes);
    say_answer("read there", bytes);
    say_answer("lseek to the start", lseek(fd, 0, SEEK_SET));
    bytes = read(fd, text, record_bytes);
    (void)sequence_of(text, bytes);
    say_answer("lseek to what follows SYSLOG_ACTION_CLEAR", lseek(fd, 0, SEEK_DATA));
    say_answer("lseek by 0", lseek(fd, 0, SEEK_CUR));
    say_answer("lseek to 1", lseek(fd, 1, SEEK_SET));
}

static void use_syslog(void) {
    say("syslog: the buffer has a size: %d", klogctl(size_buffer, NULL, 0) > 0);
    int bytes = klogctl(read_all, text, log_bytes);
    CHECK(bytes > 0);
    text[bytes] = '\0';
    unsigned priority;
    unsigned long seconds, microseconds;
    CHECK(sscanf(text, "<%u>[%lu.%lu] ", &priority, &seconds, &microseconds) == 3);
    say("syslog: the first line has a priority and a time, the last one ends: %d", text[bytes - 1] == '\n');
    say_answer("syslog: no more than fits", klogctl(read_all, text, 3));
    say_answer("syslog: nowhere", klogctl(read_all, NULL, log_bytes));
    say_answer("syslog: less than nothing", klogctl(read_all, text, -1));
    say_answer("syslog: an unknown action", klogctl(99, text, 0));
}

int main(void) {
    struct stat status;
    if (stat("/dev/kmsg", &status) != 0) return exit_unsupported;
    say("/dev/kmsg: mode %o, device %u:%u", status.st_mode, major(status.st_rdev), minor(status.st_rdev));
    int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    if (fd < 0 || klogctl(read_all, text, log_bytes) < 0) return exit_unsupported;
    read_records(fd);
    seek(fd);
    use_syslog();
    CHECK(close(fd) == 0);
    return 0;
}
