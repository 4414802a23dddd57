// System V shared memory: keys and rights, attaching and detaching in parts, who counts as attached, what is locked,
// and the end of a segment.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "probe.h"

enum { shm_dest = 01000, shm_locked = 02000, stat_any = 15 };
// Its own in every run, as all programs of a machine share the keys.
static key_t key;

#define SHOW(call)                                                                        \
    do {                                                                                  \
        errno = 0;                                                                        \
        long result_ = (long)(call);                                                      \
        say("%s: %s%s", #call, result_ < 0 ? "" : "works", errno ? strerror(errno) : ""); \
    } while (0)

static struct shmid_ds status_of(int id) {
    struct shmid_ds status;
    CHECK(shmctl(id, IPC_STAT, &status) == 0);
    return status;
}
static void say_status(const char* what, int id) {
    struct shmid_ds s = status_of(id);
    say("%s: size %lu, attached %lu, mode %o, times %d%d%d, last me %d", what, (unsigned long)s.shm_segsz,
        (unsigned long)s.shm_nattch, (unsigned)s.shm_perm.mode, s.shm_atime != 0, s.shm_dtime != 0, s.shm_ctime != 0,
        s.shm_lpid == getpid());
}

// The line of /proc/self/maps from its rights on, without the inode.
static void say_maps(const char* address) {
    FILE* maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    char line[256];
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end, offset, inode;
        unsigned major, minor;
        char rights[8], name[128] = "";
        CHECK(sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %127[^\n]", &start, &end, rights, &offset, &major, &minor, &inode,
                     name) >= 7);
        if (start != (unsigned long)address) continue;
        say("maps: %lu pages, %s, offset %lx, %x:%x, %s", (end - start) / page_size, rights, offset, major, minor,
            strncmp(name, "/SYSV", 5) != 0                      ? "-"
            : strtoul(name + 5, NULL, 16) == (unsigned long)key ? "/SYSVkey (deleted)"
                                                                : name);
    }
    fclose(maps);
}

static void show_keys(void) {
    SHOW(shmget(key, page_size, 0600));
    int id = shmget(key, 3 * page_size - 5, IPC_CREAT | IPC_EXCL | 0640);
    CHECK(id >= 0);
    SHOW(shmget(key, page_size, IPC_CREAT | IPC_EXCL | 0600));
    say("the same: %d %d", shmget(key, 0, 0) == id, shmget(key, page_size, IPC_CREAT | 0600) == id);
    SHOW(shmget(key, 3 * page_size, 0));
    SHOW(shmget(IPC_PRIVATE, 0, 0600));
    SHOW(shmget(IPC_PRIVATE, ~0UL, 0600));
    SHOW(shmget(IPC_PRIVATE, 1UL << 62, 0600));
    SHOW(shmget(IPC_PRIVATE, page_size, SHM_HUGETLB | 20 << 26 | 0600));
    say_status("new", id);
    SHOW(shmctl(id, 99, NULL));
    SHOW(shmctl(-1, IPC_STAT, NULL));
    SHOW(shmctl(id, -1, NULL));
    SHOW(shmctl(id, IPC_STAT, (void*)8));
    SHOW(shmctl(id + (1 << 15), IPC_STAT, (void*)8));
    struct shmid_ds change = status_of(id);
    change.shm_perm.mode = 07777;
    change.shm_perm.uid = 12;
    SHOW(shmctl(id, IPC_SET, &change));
    change = status_of(id);
    say("owner %u of %u, mode %o", (unsigned)change.shm_perm.uid, (unsigned)change.shm_perm.cuid,
        (unsigned)change.shm_perm.mode);
    SHOW(shmctl(id, SHM_LOCK, NULL));
    say("mode %o", (unsigned)status_of(id).shm_perm.mode);
    SHOW(shmctl(id, SHM_UNLOCK, NULL));
    struct shminfo info;
    CHECK(shmctl(0, IPC_INFO, (struct shmid_ds*)&info) >= 0);
    say("limits: max %lx, min %lu, mni %lu, all %lx", (unsigned long)info.shmmax, (unsigned long)info.shmmin,
        (unsigned long)info.shmmni, (unsigned long)info.shmall);
    say("by index: %d %d", shmctl(id & 0x7fff, SHM_STAT, &change) == id, shmctl(id & 0x7fff, stat_any, &change) == id);
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmget(key, 0, 0));
}

static void show_places(void) {
    int id = shmget(IPC_PRIVATE, 2 * page_size, 0600);
    char* room = mmap(NULL, 8 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(id >= 0 && room != MAP_FAILED);
    SHOW(shmat(-1, NULL, 0));
    SHOW(shmat(id, room, 0));
    SHOW(shmat(id, room + 5, 0));
    SHOW(shmat(id, NULL, SHM_REMAP));
    SHOW(shmat(id, (void*)5, SHM_RND | SHM_REMAP));
    SHOW(shmat(id, (void*)-4096L, 0));
    SHOW(shmdt(room));
    char* at = shmat(id, room + page_size + 7, SHM_RND | SHM_REMAP);
    say("rounded down: %d", at == room + page_size);
    at[0] = 'a';
    char* reader = shmat(id, NULL, SHM_RDONLY);
    CHECK(reader != (char*)-1);
    say("read %c, write %s", reader[0], code_name(probe_write(reader, 'b')));
    SHOW(mprotect(reader, page_size, PROT_READ | PROT_WRITE));
    say_maps(reader);
    say_maps(at);
    char* code = shmat(id, NULL, SHM_EXEC);
    CHECK(code != (char*)-1);
    say_maps(code);
    say_status("three times", id);
    SHOW(shmdt(reader + 1));
    SHOW(shmdt(reader + page_size));
    SHOW(shmdt(reader));
    SHOW(shmdt(reader));
    SHOW(shmctl(id, IPC_RMID, NULL));
    say_status("doomed", id);
    say("still there: %c", code[0]);
    SHOW(shmdt(code));
    SHOW(shmdt(at));
    struct shmid_ds status;
    SHOW(shmctl(id, IPC_STAT, &status));
    CHECK(munmap(room, 8 * page_size) == 0);
}

static void show_parts(void) {
    int id = shmget(key, 6 * page_size, IPC_CREAT | 0600);
    char* at = shmat(id, NULL, 0);
    CHECK(at != (char*)-1);
    for (int i = 0; i < 6; ++i) at[i * page_size] = (char)('0' + i);
    CHECK(munmap(at + 2 * page_size, page_size) == 0);
    say_status("a hole", id);
    SHOW(mprotect(at, page_size, PROT_READ));
    say_status("split", id);
    SHOW(mprotect(at + page_size, page_size, PROT_READ));
    say_status("joined in part", id);
    SHOW(mprotect(at + 3 * page_size, page_size, PROT_READ));
    SHOW(mprotect(at + 4 * page_size, page_size, PROT_READ));
    say_status("given to the neighbour", id);
    SHOW(mprotect(at + 4 * page_size, page_size, PROT_READ | PROT_WRITE));
    say_status("and back", id);
    SHOW(mprotect(at + 3 * page_size, page_size, PROT_READ | PROT_WRITE));
    say_status("apart", id);
    say_maps(at);
    say_maps(at + 3 * page_size);
    say_maps(at + 4 * page_size);
    char* moved = mremap(at + 4 * page_size, 2 * page_size, 4 * page_size, MREMAP_MAYMOVE);
    CHECK(moved != MAP_FAILED);
    say("moved: %c %c, beyond %s", moved[0], moved[page_size], code_name(probe_read(moved + 2 * page_size)));
    say_status("moved", id);
    // What was moved away is not found from the old place.
    SHOW(shmdt(at));
    say_status("detached", id);
    say("moved: %c, old %s", moved[0], code_name(probe_read(at)));
    CHECK(munmap(moved, 4 * page_size) == 0);
    say_status("nobody", id);
    SHOW(shmctl(id, IPC_RMID, NULL));
}

static void show_processes(void) {
    int id = shmget(IPC_PRIVATE, page_size, 0600);
    volatile int* shared = shmat(id, NULL, 0);
    CHECK(shared != (void*)-1);
    shared[0] = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        say("child: sees %d, attached %lu", shared[0], (unsigned long)status_of(id).shm_nattch);
        shared[0] = 2;
        if (shmctl(id, IPC_RMID, NULL) != 0) _exit(3);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    say("parent: sees %d, attached %lu, mode %o", shared[0], (unsigned long)status_of(id).shm_nattch,
        (unsigned)status_of(id).shm_perm.mode);
    say("last of another: %d, made by me: %d", status_of(id).shm_lpid == child, status_of(id).shm_cpid == getpid());
    SHOW(shmdt((void*)shared));
    struct shmid_ds gone;
    SHOW(shmctl(id, IPC_STAT, &gone));
}

static void show_rights(void) {
    int id = shmget(key, page_size, IPC_CREAT | 0604);
    CHECK(id >= 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (setgid(1000) != 0 || setuid(1000) != 0) _exit(exit_unsupported);
        SHOW(shmget(key, 0, 0600));
        SHOW(shmget(key, 0, 0400));
        SHOW(shmat(id, NULL, 0));
        SHOW(shmat(id, NULL, SHM_RDONLY));
        SHOW(shmat(id, NULL, SHM_RDONLY | SHM_EXEC));
        SHOW(shmctl(id, IPC_RMID, NULL));
        SHOW(shmctl(id, SHM_LOCK, NULL));
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    say("child ended with %d", WEXITSTATUS(status) == exit_unsupported ? 0 : WEXITSTATUS(status));
    SHOW(shmctl(id, IPC_RMID, NULL));
}

// Of a locked segment no page leaves memory, whatever is advised.
static void show_lock(void) {
    enum { pages = 4 };
    int id = shmget(IPC_PRIVATE, pages * page_size, 0600);
    CHECK(id >= 0);
    char* memory = shmat(id, NULL, 0);
    CHECK(memory != (char*)-1);
    SHOW(shmctl(id, SHM_LOCK, NULL));
    for (int i = 0; i < pages; ++i) memory[i * page_size] = (char)(i + 1);
    SHOW(madvise(memory, pages * page_size, MADV_PAGEOUT));
    unsigned char found[pages];
    CHECK(mincore(memory, pages * page_size, found) == 0);
    int resident = 0;
    for (int i = 0; i < pages; ++i) resident += found[i] & 1;
    say("locked: %d of %d pages are in memory", resident, pages);
    SHOW(shmctl(id, SHM_UNLOCK, NULL));
    CHECK(madvise(memory, pages * page_size, MADV_PAGEOUT) == 0);
    for (int i = 0; i < pages; ++i) CHECK(memory[i * page_size] == i + 1);
    CHECK(shmdt(memory) == 0);
    CHECK(shmctl(id, IPC_RMID, NULL) == 0);
}

int main(void) {
    need_root();
    key = 0x5e000000 + getpid();
    probe_install();
    show_keys();
    show_places();
    show_parts();
    show_processes();
    show_lock();
    if (getuid() != 0) show_rights();
    return 0;
}
