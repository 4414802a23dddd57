// What /proc/PID says beside memory: descriptors as links, threads, identities, and what can be set there; what another
// user may see of it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

enum { user = 1000 };

static char content[1 << 16];
static const char* read_file(const char* path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) return NULL;
    size_t length = 0;
    for (ssize_t got; (got = read(fd, content + length, sizeof content - 1 - length)) > 0;) length += (size_t)got;
    content[length] = 0;
    close(fd);
    return content;
}
__attribute__((format(printf, 1, 2))) static const char* format(const char* text, ...) {
    static char path[4][256];
    static int next;
    char* into = path[next++ % 4];
    va_list arguments;
    va_start(arguments, text);
    vsnprintf(into, sizeof path[0], text, arguments);
    va_end(arguments);
    return into;
}
// The line of a file that starts with a name, without its end.
static const char* line_of(const char* path, const char* name) {
    static char line[256];
    const char* text = read_file(path);
    CHECK(text != NULL);
    for (const char* at = text; at != NULL; at = strchr(at, '\n'), at = at ? at + 1 : at) {
        if (strncmp(at, name, strlen(name)) != 0) continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        return line;
    }
    return "(no such line)";
}
static const char* link_of(const char* path) {
    static char text[4][256];
    static int next;
    char* into = text[next++ % 4];
    ssize_t length = readlink(path, into, sizeof text[0] - 1);
    into[length < 0 ? 0 : length] = 0;
    return length < 0 ? strerror(errno) : into;
}

static void show_descriptors(void) {
    char folder[] = "/tmp/proc-pid-XXXXXX";
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
    int file = open("a", O_CREAT | O_RDWR | O_CLOEXEC, 0644), ends[2];
    CHECK(file == 3 && pipe(ends) == 0);
    int memory = memfd_create("memory", 0), event = eventfd(3, 0), only_path = open("a", O_PATH);
    CHECK(write(file, "0123456789", 10) == 10 && lseek(file, 4, SEEK_SET) == 4);
    DIR* list = opendir("/proc/self/fd");
    CHECK(list != NULL);
    char numbers[64] = "";
    for (struct dirent* entry; (entry = readdir(list)) != NULL;) {
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(list)) {
            strcat(numbers, " ");
            strcat(numbers, entry->d_name);
            CHECK(entry->d_type == DT_LNK);
        }
    }
    closedir(list);
    say("descriptors:%s", numbers);
    const char* name = link_of(format("/proc/self/fd/%d", file));
    say("a file: %s%s", strncmp(name, folder, strlen(folder)) == 0 ? "" : "elsewhere ", name + strlen(folder));
    say("a pipe: %.6s, %s", link_of(format("/proc/self/fd/%d", ends[0])),
        strcmp(link_of(format("/proc/self/fd/%d", ends[0])), link_of(format("/proc/thread-self/fd/%d", ends[1])))
            ? "two"
            : "one");
    say("a memfd: %s", link_of(format("/proc/self/fd/%d", memory)));
    say("an eventfd: %s", link_of(format("/proc/self/fd/%d", event)));
    SHOW(access("/proc/self/fd/77", F_OK));
    SHOW(access("/proc/self/fd/03", F_OK));
    SHOW(access("/proc/self/fd/x", F_OK));
    struct stat status;
    for (int i = 0; i < 5; ++i) {
        int fd = (int[]){file, ends[0], ends[1], memory, only_path}[i];
        CHECK(lstat(format("/proc/self/fd/%d", fd), &status) == 0);
        say("link mode %o, size %ld", status.st_mode, (long)status.st_size);
    }
    CHECK(stat(format("/proc/self/fd/%d", ends[0]), &status) == 0);
    say("what it leads to is a pipe: %d", S_ISFIFO(status.st_mode));

    // Opening one opens the file itself, whatever its name has become.
    char text[16] = "";
    CHECK(unlink("a") == 0);
    int again = open(format("/proc/self/fd/%d", file), O_RDONLY);
    CHECK(again >= 0 && read(again, text, 4) == 4);
    say("opened anew it starts at its beginning: %s", text);
    name = link_of(format("/proc/self/fd/%d", file));
    say("it is gone: %s", name + strlen(folder));
    int writer = open(format("/proc/self/fd/%d", ends[0]), O_WRONLY);
    CHECK(writer >= 0 && write(writer, "pipe", 5) == 5 && read(ends[0], text, 5) == 5);
    say("the other end of a pipe: %s", text);
    int shared = open(format("/proc/self/fd/%d", memory), O_RDWR);
    CHECK(shared >= 0 && write(shared, "memory", 7) == 7 && pread(memory, text, 7, 0) == 7);
    say("a memfd again: %s", text);
    say("an eventfd: %s", answer(open(format("/proc/self/fd/%d", event), O_RDWR)));
    int through = open(format("/proc/self/fd/%d", only_path), O_RDONLY);
    CHECK(through >= 0 && read(through, text, 3) == 3);
    say("through O_PATH: %.3s", text);
    close(again), close(writer), close(shared), close(through);

    // fdinfo
    const char* info = format("/proc/self/fdinfo/%d", file);
    say("%s", line_of(info, "pos:"));
    say("%s", line_of(info, "flags:"));
    CHECK(fstat(file, &status) == 0);
    say("the inode is right: %d", strtoul(line_of(info, "ino:") + 4, NULL, 10) == status.st_ino);
    say("%s", line_of(format("/proc/self/fdinfo/%d", ends[1]), "flags:"));
    say("%s", line_of(format("/proc/self/fdinfo/%d", event), "eventfd-count:"));
    say("%s", line_of(format("/proc/self/fdinfo/%d", event), "eventfd-semaphore:"));
    SHOW(open("/proc/self/fdinfo/77", O_RDONLY));
    close(file), close(ends[0]), close(ends[1]), close(memory), close(event), close(only_path);
    CHECK(chdir("/") == 0 && rmdir(folder) == 0);
}

static void show_settings(void) {
    say("%s", line_of("/proc/self/limits", "Max open files") ? "limits are there" : "");
    say("oom_score_adj %s", read_file("/proc/self/oom_score_adj"));
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    SHOW(write(fd, "500\n", 4));
    SHOW(write(fd, "1001", 4));
    SHOW(write(fd, "none", 4));
    close(fd);
    say("oom_score_adj %s", read_file("/proc/self/oom_score_adj"));
    if (fork() == 0) {
        say("a child's %s", read_file("/proc/self/oom_score_adj"));
        _exit(0);
    }
    wait(NULL);
    say("coredump_filter %s", read_file("/proc/self/coredump_filter"));
    fd = open("/proc/self/coredump_filter", O_WRONLY);
    SHOW(write(fd, "0x7f", 4));
    close(fd);
    say("coredump_filter %s", read_file("/proc/self/coredump_filter"));
    fd = open("/proc/self/comm", O_WRONLY);
    CHECK(write(fd, "another name that is long", 25) == 25);
    close(fd);
    say("comm %s", read_file("/proc/self/comm"));
    say("wchan %s", read_file("/proc/self/wchan"));
    const char* io = read_file("/proc/self/io");
    CHECK(io != NULL && strstr(io, "rchar: ") && strstr(io, "\ncancelled_write_bytes: "));
    say("the root: %s", link_of("/proc/self/root"));
    say("the directory: %s", link_of("/proc/self/cwd"));
}

static int gate[2];
static void* thread_body(void* argument) {
    char byte, wanted[64], name[64];
    pid_t tid = (pid_t)syscall(SYS_gettid);
    snprintf(wanted, sizeof wanted, "%d/task/%d", getpid(), tid);
    say("thread-self is right: %d", strcmp(link_of("/proc/thread-self"), wanted) == 0);
    CHECK(prctl(PR_SET_NAME, "the thread") == 0);
    say("its name %s", read_file("/proc/thread-self/comm"));
    snprintf(name, sizeof name, "Pid:\t%d", tid);
    say("its status has its number: %d", strcmp(line_of("/proc/thread-self/status", "Pid:"), name) == 0);
    *(pid_t*)argument = tid;
    CHECK(read(gate[0], &byte, 1) == 1);
    return NULL;
}

static int count_names(const char* path) {
    DIR* list = opendir(path);
    if (list == NULL) return -1;
    int count = 0;
    for (struct dirent* entry; (entry = readdir(list)) != NULL;) count += entry->d_name[0] != '.';
    closedir(list);
    return count;
}

static void show_threads(void) {
    pthread_t thread;
    volatile pid_t tid = 0;
    CHECK(pipe(gate) == 0 && pthread_create(&thread, NULL, thread_body, (void*)&tid) == 0);
    while (tid == 0) usleep(1000);
    say("%s", line_of("/proc/self/status", "Threads:"));
    say("tasks %d", count_names("/proc/self/task"));
    say("the thread's name %s", read_file(format("/proc/self/task/%d/comm", tid)));
    say("it can be asked for by its number: %s", read_file(format("/proc/%d/comm", tid)) != NULL ? "yes" : "no");
    say("%s", line_of(format("/proc/self/task/%d/status", tid), "Tgid:") ? "and belongs to its process" : "");
    CHECK(write(gate[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0);
    // The number is free a moment after the join.
    for (int i = 0; i < 60000 && count_names("/proc/self/task") != 1; ++i) usleep(1000);
    say("tasks %d", count_names("/proc/self/task"));
    close(gate[0]), close(gate[1]);
}

static char state_of(pid_t pid) {
    const char* text = read_file(format("/proc/%d/stat", pid));
    return text != NULL ? strrchr(text, ')')[2] : '-';
}
static void wait_for_state(pid_t pid, char state) {
    for (int i = 0; i < 60000 && state_of(pid) != state; ++i) usleep(1000);
}

static void show_processes(void) {
    pid_t child = fork();
    if (child == 0) {
        gid_t groups[] = {20, 10};
        CHECK(setgroups(2, groups) == 0);
        CHECK(syscall(SYS_setresgid, 1, 2, 3) == 0 && syscall(SYS_setresuid, 4, 5, 6) == 0);
        signal(SIGUSR1, SIG_IGN);
        sigset_t blocked;
        sigemptyset(&blocked);
        sigaddset(&blocked, SIGUSR2);
        sigaddset(&blocked, SIGTERM);
        sigprocmask(SIG_BLOCK, &blocked, NULL);
        for (;;) pause();
    }
    wait_for_state(child, 'S');
    char status[64];
    snprintf(status, sizeof status, "/proc/%d/status", child);
    CHECK(kill(child, SIGTERM) == 0);
    const char* names[] = {"State:",  "Uid:",    "Gid:",    "Groups:", "Threads:",   "SigPnd:",
                           "ShdPnd:", "SigBlk:", "SigIgn:", "CapEff:", "NoNewPrivs:"};
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) say("%s", line_of(status, names[i]));
    say("its parent: %d", atoi(line_of(status, "PPid:") + 5) == getpid());
    const char* children = read_file(format("/proc/self/task/%d/children", getpid()));
    if (children != NULL) CHECK(atoi(children) == child);
    say("its command is the same: %d", strcmp(read_file(format("/proc/%d/cmdline", child)), "./x") != 0);
    DIR* list = opendir("/proc");
    int found = 0;
    for (struct dirent* entry; (entry = readdir(list)) != NULL;) found += atoi(entry->d_name) == child;
    closedir(list);
    say("/proc lists it: %d", found);
    say("its descriptors: %s", access(format("/proc/%d/fd/1", child), F_OK) == 0 ? "there" : strerror(errno));
    struct stat owner;
    CHECK(stat(format("/proc/%d", child), &owner) == 0);
    say("the folder belongs to %d:%d", (int)owner.st_uid, (int)owner.st_gid);
    CHECK(stat(format("/proc/%d/status", child), &owner) == 0);
    say("what is not dumpable is root's: %d:%d", (int)owner.st_uid, (int)owner.st_gid);

    CHECK(kill(child, SIGSTOP) == 0);
    wait_for_state(child, 'T');
    say("%s", line_of(status, "State:"));
    CHECK(kill(child, SIGKILL) == 0);
    wait_for_state(child, 'Z');
    say("%s", line_of(status, "State:"));
    say("a zombie's name %s", read_file(format("/proc/%d/comm", child)));
    say("its command line has %zu bytes", strlen(read_file(format("/proc/%d/cmdline", child))));
    CHECK(waitpid(child, NULL, 0) == child);
    say("nothing is left: %s", answer(access(format("/proc/%d", child), F_OK)));
}

// Another user sees what there is, but not what is inside.
static void show_other_user(void) {
    pid_t roots = getpid(), child = fork();
    if (child == 0) {
        CHECK(setgroups(0, NULL) == 0);
        CHECK(syscall(SYS_setresgid, user, user, user) == 0 && syscall(SYS_setresuid, user, user, user) == 0);
        const char* files[] = {"stat",   "status", "cmdline",   "comm",        "statm", "limits",  "maps",
                               "smaps",  "mem",    "environ",   "auxv",        "io",    "pagemap", "fd",
                               "fdinfo", "task",   "oom_score", "personality", "mounts"};
        for (size_t i = 0; i < sizeof files / sizeof *files; ++i) {
            int fd = open(format("/proc/%d/%s", roots, files[i]), O_RDONLY);
            say("%s: %s", files[i], answer(fd < 0 ? -1 : 0));
            if (fd >= 0) close(fd);
        }
        const char* links[] = {"exe", "cwd", "root", "fd/0"};
        for (size_t i = 0; i < sizeof links / sizeof *links; ++i) {
            say("%s: %s", links[i], link_of(format("/proc/%d/%s", roots, links[i])));
        }
        say("to go in there: %s", answer(chdir(format("/proc/%d/cwd", roots))));
        // What became another is root's, until it says otherwise.
        say("its own: %s", read_file("/proc/self/environ") != NULL ? "readable" : strerror(errno));
        CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
        say("its own, dumpable: %s", read_file("/proc/self/environ") != NULL ? "readable" : strerror(errno));
        say("to make itself less likely to be killed: %s", ({
                int fd = open("/proc/self/oom_score_adj", O_WRONLY);
                answer(fd < 0 ? -1 : write(fd, "-1", 2));
            }));
        _exit(0);
    }
    CHECK(waitpid(child, NULL, 0) == child);
}

static void show_system(void) {
    const char* text = read_file("/proc/mounts");
    CHECK(text != NULL);
    say("mounts: /proc %d, / %d", strstr(text, " /proc proc ") != NULL, strstr(text, " / ") != NULL);
    text = read_file("/proc/self/mountinfo");
    say("mountinfo: /proc %d", text != NULL && strstr(text, " / /proc ") != NULL);
    double up = 0, idle = -1;
    CHECK(sscanf(read_file("/proc/uptime"), "%lf %lf", &up, &idle) == 2 && idle >= 0);
    int running = 0, all = 0, last = 0;
    CHECK(sscanf(read_file("/proc/loadavg"), "%*f %*f %*f %d/%d %d", &running, &all, &last) == 3);
    CHECK(running >= 1 && all >= running && last >= 1);
    CHECK(strncmp(read_file("/proc/stat"), "cpu  ", 5) == 0 && strstr(content, "\nbtime ") &&
          strstr(content, "\nctxt "));
    CHECK(strstr(read_file("/proc/cpuinfo"), "\nflags\t\t: fpu ") != NULL);
    CHECK(strstr(read_file("/proc/filesystems"), "nodev\tproc\n") != NULL);
    char uuid[64], boot[64];
    snprintf(uuid, sizeof uuid, "%s", read_file("/proc/sys/kernel/random/uuid"));
    say("a uuid has %zu characters, and another is another: %d", strlen(uuid),
        strcmp(uuid, read_file("/proc/sys/kernel/random/uuid")) != 0);
    snprintf(boot, sizeof boot, "%s", read_file("/proc/sys/kernel/random/boot_id"));
    say("the boot's stays: %d", strcmp(boot, read_file("/proc/sys/kernel/random/boot_id")) == 0);
    say("ngroups_max %s", read_file("/proc/sys/kernel/ngroups_max"));
    say("cap_last_cap %s", read_file("/proc/sys/kernel/cap_last_cap"));
    say("ostype %s", read_file("/proc/sys/kernel/ostype"));
    say("nr_open %s", read_file("/proc/sys/fs/nr_open"));
    say("pipe-max-size %s", read_file("/proc/sys/fs/pipe-max-size"));
    CHECK(read_file("/proc/sys/kernel/pid_max") != NULL && read_file("/proc/sys/kernel/hostname") != NULL);
    CHECK(read_file("/sys/devices/system/cpu/online") != NULL && content[0] == '0');
    CHECK(read_file("/sys/kernel/mm/transparent_hugepage/enabled") != NULL && strstr(content, "never"));
    SHOW(open("/proc/none", O_RDONLY));
    SHOW(open("/proc/0", O_RDONLY));
}

int main(void) {
    if (getuid() != 0) {
        say("this needs to be root");
        return exit_unsupported;
    }
    // Nothing but the standard streams, whoever started us.
    CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
    umask(022);
    show_descriptors();
    show_settings();
    show_threads();
    show_processes();
    show_other_user();
    show_system();
    return 0;
}
