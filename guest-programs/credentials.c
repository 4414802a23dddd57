// Users, groups and capabilities: who may become whom, what goes along, and what files and signals make of it. Each
// part runs in a process of its own, as what is given up does not come back.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answer.h"

// As <linux/capability.h> has them, which one of the C libraries comes without.
enum { version_3 = 0x20080522, CAP_CHOWN = 0, CAP_KILL = 5 };
struct capability_header {
    uint32_t version;
    int pid;
};
struct capability_data {
    uint32_t effective, permitted, inheritable;
};

enum { user = 1000, other = 1001 };

static void show_ids(const char* when) {
    uid_t r, e, s;
    gid_t rg, eg, sg;
    CHECK(getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0);
    CHECK(getuid() == r && geteuid() == e && getgid() == rg && getegid() == eg);
    say("%s: uid %d %d %d fs %d, gid %d %d %d fs %d", when, (int)r, (int)e, (int)s, setfsuid((uid_t)-1), (int)rg,
        (int)eg, (int)sg, setfsgid((gid_t)-1));
}

// Whether there is any capability in each set, as what root has differs from machine to machine.
static void show_capabilities(const char* when) {
    struct capability_header header = {version_3, 0};
    struct capability_data sets[2];
    CHECK(syscall(SYS_capget, &header, sets) == 0);
    say("%s: effective %s, permitted %s, CAP_CHOWN %s", when, sets[0].effective | sets[1].effective ? "some" : "none",
        sets[0].permitted | sets[1].permitted ? "some" : "none", sets[0].effective & 1 ? "yes" : "no");
}

static void in_child(const char* name, void (*part)(void)) {
    say("-- %s", name);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        part();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0) say("%s ended with %#x", name, status);
}

static void raw_users(void) {
    show_ids("root");
    SHOW(syscall(SYS_setuid, -1));
    SHOW(syscall(SYS_setreuid, -1, user));
    show_ids("setreuid(-1, user)");
    show_capabilities("as the user");
    SHOW(syscall(SYS_setreuid, -1, other));
    SHOW(syscall(SYS_setreuid, user, 0));
    show_ids("setreuid(user, 0)");
    show_capabilities("back");
    SHOW(syscall(SYS_setresuid, 1, 2, 3));
    show_ids("setresuid(1, 2, 3)");
    SHOW(syscall(SYS_setresuid, 3, 1, -1));
    show_ids("setresuid(3, 1, -1)");
    SHOW(syscall(SYS_setresuid, 4, -1, -1));
    SHOW(syscall(SYS_setuid, 2));
    SHOW(syscall(SYS_setuid, 3));
    show_ids("setuid(3)");
    show_capabilities("for good");
    SHOW(syscall(SYS_setuid, 0));
    SHOW(syscall(SYS_setgid, 5));
    SHOW(syscall(SYS_setgroups, 0, NULL));
}

static void groups(void) {
    gid_t list[4] = {30, 10, 20, 10}, got[8];
    SHOW(getgroups(0, NULL));
    SHOW(syscall(SYS_setgroups, 4, list));
    SHOW(getgroups(0, NULL));
    SHOW(getgroups(3, got));
    int count = getgroups(8, got);
    for (int i = 0; i < count; ++i) say("group %d", (int)got[i]);
    SHOW(syscall(SYS_setgroups, 65537, list));
    SHOW(syscall(SYS_setgroups, 1, 1));
    SHOW(syscall(SYS_getgroups, -1, got));
    SHOW(syscall(SYS_setregid, user, other));
    SHOW(syscall(SYS_setresgid, -1, 7, 8));
    show_ids("gids");
    SHOW(syscall(SYS_setgid, 9));
    show_ids("setgid(9)");
    CHECK(syscall(SYS_setuid, user) == 0);
    SHOW(syscall(SYS_setgid, 10));
    SHOW(syscall(SYS_setregid, 9, 9));
    SHOW(syscall(SYS_setresgid, 10, -1, -1));
}

static void file_system_user(void) {
    SHOW(setfsuid(user));
    SHOW(setfsuid(user));
    show_capabilities("with a file-system user");
    show_ids("setfsuid(user)");
    SHOW(open("rights/secret", O_RDONLY));
    SHOW(setfsuid(0));
    show_capabilities("and back");
    CHECK(close(open("rights/secret", O_RDONLY)) == 0);
    SHOW(syscall(SYS_setresuid, user, user, 0));
    SHOW(setfsuid(other));
    show_ids("setfsuid(other) as a user");
    SHOW(setfsuid(0));
    show_ids("setfsuid(saved)");
}

static void try_file(const char* name) {
    int fd = open(name, O_RDONLY);
    say("open %s to read: %s", name, answer(fd < 0 ? -1 : 0));
    if (fd >= 0) close(fd);
    fd = open(name, O_WRONLY);
    say("open %s to write: %s", name, answer(fd < 0 ? -1 : 0));
    if (fd >= 0) close(fd);
}

static void files(void) {
    gid_t group = 50;
    CHECK(syscall(SYS_setgroups, 1, &group) == 0);
    CHECK(syscall(SYS_setresuid, 0, user, 0) == 0);
    try_file("rights/secret");
    try_file("rights/of-group");
    try_file("rights/of-user");
    try_file("rights/not-for-owner");
    SHOW(access("rights/secret", R_OK));
    SHOW(faccessat(AT_FDCWD, "rights/of-user", X_OK, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "rights/secret", R_OK, AT_EACCESS));
    SHOW(open("rights/closed/x", O_RDONLY));
    SHOW(chmod("rights/of-user", 0640));
    SHOW(chmod("rights/secret", 0640));
    SHOW(chown("rights/of-user", -1, 50));
    SHOW(chown("rights/of-user", -1, 60));
    SHOW(chown("rights/of-user", other, -1));
    SHOW(unlink("rights/sticky/a"));
    SHOW(mkdir("rights/new", 0755));
    int fd = open("rights/open/made", O_CREAT | O_WRONLY, 0644);
    struct stat status;
    CHECK(fd >= 0 && fstat(fd, &status) == 0);
    say("a new file belongs to %d:%d", (int)status.st_uid, (int)status.st_gid);
    SHOW(unlink("rights/open/made"));
}

static void make(const char* name, uid_t owner, gid_t group, mode_t mode) {
    close(open(name, O_CREAT | O_WRONLY, 0600));
    CHECK(chown(name, owner, group) == 0 && chmod(name, mode) == 0);
}
static void make_directory(const char* name, mode_t mode) { CHECK(mkdir(name, 0755) == 0 && chmod(name, mode) == 0); }

static const char* names[] = {"secret", "of-group", "of-user", "not-for-owner", "sticky/a", "closed/x"};
static void make_files(void) {
    char folder[] = "/tmp/credentials-XXXXXX";
    CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0 && chmod(".", 0755) == 0);
    make_directory("rights", 0755);
    make_directory("rights/sticky", 01777);
    make_directory("rights/open", 0777);
    make_directory("rights/closed", 0700);
    make("rights/secret", 0, 0, 0600);
    make("rights/of-group", 0, 50, 0640);
    make("rights/of-user", user, 0, 0600);
    make("rights/not-for-owner", user, 0, 0066);
    make("rights/sticky/a", 0, 0, 0666);
    make("rights/closed/x", 0, 0, 0666);
}
static void remove_files(void) {
    char name[64], folder[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
        snprintf(name, sizeof name, "rights/%s", names[i]);
        CHECK(unlink(name) == 0);
    }
    CHECK(rmdir("rights/sticky") == 0 && rmdir("rights/open") == 0 && rmdir("rights/closed") == 0);
    CHECK(rmdir("rights") == 0 && getcwd(folder, sizeof folder) != NULL && rmdir(folder) == 0);
}

static void keep_capabilities(void) {
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(prctl(PR_SET_KEEPCAPS, 2));
    SHOW(prctl(PR_SET_KEEPCAPS, 1));
    SHOW(prctl(PR_GET_KEEPCAPS));
    SHOW(syscall(SYS_setresuid, user, user, user));
    show_capabilities("kept");
    SHOW(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_READ, 41));
    SHOW(prctl(PR_GET_SECUREBITS));
}

static void bounding_set(void) {
    SHOW(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_READ, CAP_CHOWN));
    SHOW(prctl(PR_CAPBSET_DROP, 41));
    SHOW(prctl(PR_SET_SECUREBITS, 1 << 6));
    SHOW(prctl(PR_GET_SECUREBITS));
    SHOW(prctl(PR_SET_SECUREBITS, 1 << 12));
    SHOW(prctl(PR_SET_SECUREBITS, 3 << 6));
    SHOW(prctl(PR_SET_SECUREBITS, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
}

static void ambient_set(void) {
    struct capability_header header = {version_3, 0};
    struct capability_data sets[2];
    CHECK(syscall(SYS_capget, &header, sets) == 0);
    sets[0].inheritable = 1 << CAP_KILL;
    SHOW(syscall(SYS_capset, &header, sets));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    sets[0].inheritable = 0;
    SHOW(syscall(SYS_capset, &header, sets));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
}

// A process of the user, one of root's, and one that may be either.
static pid_t idle_process(uid_t real, uid_t effective, uid_t saved) {
    int ready[2];
    char byte;
    CHECK(pipe(ready) == 0);
    pid_t child = fork();
    if (child == 0) {
        if (syscall(SYS_setresuid, real, effective, saved) != 0) _exit(1);
        // Nobody else may end root's.
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;) pause();
    }
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}
static void signals(void) {
    pid_t own = idle_process(user, user, user), roots = idle_process(0, 0, 0), mixed = idle_process(0, 0, user);
    CHECK(syscall(SYS_setresuid, user, user, other) == 0);
    say("kill the user's: %s", answer(kill(own, 0)));
    say("kill root's: %s", answer(kill(roots, 0)));
    say("kill root's with a wrong number: %s", answer(kill(roots, 99)));
    say("kill one that may become the user: %s", answer(kill(mixed, 0)));
    say("let root's go on: %s", answer(kill(roots, SIGCONT)));
    say("tgkill root's: %s", answer(syscall(SYS_tgkill, roots, roots, 0)));
    say("kill process 1: %s", answer(kill(1, 0)));
}

static void new_privileges(void) {
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    if (fork() == 0) {
        say("inherited: %d", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
        _exit(0);
    }
    wait(NULL);
}

static void dumpable(void) {
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_DUMPABLE, 2));
    SHOW(prctl(PR_SET_DUMPABLE, 0));
    SHOW(prctl(PR_GET_DUMPABLE));
    SHOW(prctl(PR_SET_DUMPABLE, 1));
    SHOW(prctl(PR_SET_PDEATHSIG, SIGTERM));
    CHECK(syscall(SYS_setresuid, user, user, user) == 0);
    SHOW(prctl(PR_GET_DUMPABLE));
    int signal = -1;
    CHECK(prctl(PR_GET_PDEATHSIG, &signal) == 0);
    say("the parent's death is told by %d", signal);
}

// What a program finds that a user started: "set" as this program's set-user-ID copy.
static void show_executed(const char* how) {
    show_ids(how);
    show_capabilities(how);
    say("%s: AT_UID %lu AT_EUID %lu AT_GID %lu AT_EGID %lu AT_SECURE %lu, dumpable %d", how, getauxval(AT_UID),
        getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID), getauxval(AT_SECURE), prctl(PR_GET_DUMPABLE));
}
static void copy_program(const char* target, uid_t owner, gid_t group, mode_t mode) {
    static char buffer[1 << 16];
    int from = open("/proc/self/exe", O_RDONLY), to = open(target, O_CREAT | O_WRONLY, 0700);
    CHECK(from >= 0 && to >= 0);
    for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;) CHECK(write(to, buffer, (size_t)got) == got);
    close(from);
    CHECK(fchown(to, owner, group) == 0 && fchmod(to, mode) == 0);
    close(to);
}
static const char* executed;
static void execute_as_user(void) {
    CHECK(syscall(SYS_setresgid, user, user, user) == 0 && syscall(SYS_setresuid, user, user, user) == 0);
    execl(executed, "credentials", executed, NULL);
    say("exec: %s", strerror(errno));
}
static void execute_without_new(void) {
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    execute_as_user();
}
static void execute_as_half_root(void) {
    CHECK(syscall(SYS_setresuid, user, 0, user) == 0);
    execl(executed, "credentials", executed, NULL);
}
static void set_user_id(void) {
    copy_program("plain", 0, 0, 0755);
    copy_program("set-user", 0, 0, 04755);
    copy_program("set-other", other, 70, 06755);
    copy_program("set-group-not-executable", 0, 70, 02745);
    executed = "plain";
    in_child("a plain program", execute_as_user);
    in_child("a plain program of a real user and effective root", execute_as_half_root);
    executed = "set-user";
    in_child("a set-user-ID program", execute_as_user);
    in_child("a set-user-ID program without new privileges", execute_without_new);
    executed = "set-other";
    in_child("set-user-ID and set-group-ID of others", execute_as_user);
    executed = "set-group-not-executable";
    in_child("set-group-ID without the right to execute", execute_as_user);
    CHECK(unlink("plain") == 0 && unlink("set-user") == 0 && unlink("set-other") == 0);
    CHECK(unlink("set-group-not-executable") == 0);
}

int main(int argc, char** argv) {
    if (argc > 1) {
        show_executed(argv[1]);
        return 0;
    }
    if (getuid() != 0) {
        say("this needs to be root");
        return exit_unsupported;
    }
    CHECK(setgroups(0, NULL) == 0);
    umask(022);
    make_files();
    in_child("users", raw_users);
    in_child("groups", groups);
    in_child("the file-system user", file_system_user);
    in_child("files", files);
    in_child("capabilities that are kept", keep_capabilities);
    in_child("the bounding set", bounding_set);
    in_child("the ambient set", ambient_set);
    in_child("signals", signals);
    in_child("no new privileges", new_privileges);
    in_child("dumpable", dumpable);
    set_user_id();
    remove_files();
    return 0;
}
