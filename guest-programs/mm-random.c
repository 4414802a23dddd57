// mm-random: random calls that change or look at memory, in a window of the program's own, each with its answer and,
// when they have changed, the mappings. Two kernels agree where the transcripts are equal.
//
//   mm-random [--seed N] [--count N] [--calls FAMILY,...] [--only STEP,...] [--no-maps] [--no-faults] [--script]
//   mm-random --cache FILE
//
// A step depends on the seed and its number alone: --only leaves the others out. --script reads the steps from stdin,
// one in a line, as the transcript prints them (without number and answer). --cache brings a file into the page cache
// page by page: what was written or read in one go lies there in larger pieces, and Linux maps these as one.
//
// Root's privileges are given up, and the limits are set, so that the answers do not depend on who asks.
#define _GNU_SOURCE
#include "mm-random-execute.h"
#include "mm-random-generate.h"

struct options {
    uint64_t seed;
    uint64_t count;
    unsigned families;
    const char* only;
    int maps;
    int script;
};

static void fail_usage(const char* what) {
    say("mm-random: %s", what);
    _exit(2);
}

static unsigned parse_families(const char* list) {
    unsigned families = 0;
    while (*list != 0) {
        size_t length = strcspn(list, ",");
        unsigned found = 0;
        for (int i = 0; i < family_count; ++i) {
            if (strlen(family_names[i]) == length && strncmp(family_names[i], list, length) == 0) found = 1u << i;
        }
        if (found == 0) fail_usage("--calls: no such family");
        families |= found;
        list += length + (list[length] == ',');
    }
    if (families == 0) fail_usage("--calls: which?");
    return families;
}

static void cache_file(const char* path) {
    static char page[4096];
    int file = open(path, O_RDONLY);
    if (file < 0) fail_usage("--cache: the file cannot be opened");
    fsync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    while (read(file, page, sizeof page) > 0) {
    }
    _exit(0);
}

static struct options parse_options(int count, char** arguments) {
    struct options options = {.seed = 1, .count = 200, .families = (1u << family_count) - 1, .maps = 1};
    for (int i = 1; i < count; ++i) {
        const char* name = arguments[i];
        if (strcmp(name, "--no-maps") == 0) {
            options.maps = 0;
        } else if (strcmp(name, "--no-faults") == 0) {
            count_faults = 0;
        } else if (strcmp(name, "--script") == 0) {
            options.script = 1;
        } else if (i + 1 == count) {
            fail_usage("an option or its value is missing");
        } else if (strcmp(name, "--cache") == 0) {
            cache_file(arguments[++i]);
        } else if (strcmp(name, "--seed") == 0) {
            options.seed = strtoull(arguments[++i], NULL, 0);
        } else if (strcmp(name, "--count") == 0) {
            options.count = strtoull(arguments[++i], NULL, 0);
        } else if (strcmp(name, "--calls") == 0) {
            options.families = parse_families(arguments[++i]);
        } else if (strcmp(name, "--only") == 0) {
            options.only = arguments[++i];
        } else {
            fail_usage("unknown option");
        }
    }
    return options;
}

// What a machine's owner may do, others may not; and limits differ from shell to shell.
static void become_anybody(void) {
    struct {
        uint32_t version;
        int pid;
    } header = {0x20080522, 0};  // _LINUX_CAPABILITY_VERSION_3
    uint32_t none[6] = {0};
    syscall(SYS_capset, &header, none);
    limit_call(RLIMIT_MEMLOCK, &(struct rlimit){8ul << 20, 8ul << 20}, NULL);
    limit_call(RLIMIT_STACK, &(struct rlimit){8ul << 20, 64ul << 20}, NULL);
}

static void prepare(void) {
    become_anybody();
    catch_signals();
    heap_start = ((uintptr_t)syscall(SYS_brk, 0) + page_size - 1) & ~(uintptr_t)(page_size - 1);
    for (int i = 0; i < slot_count; ++i) slots[i] = window_start + ((uintptr_t)(i + 1) << 24);
    for (int i = 0; i < file_count; ++i) files[i] = -1;
    // The last one is a file with bytes of its own, which all of them are in memory.
    files[file_count - 1] = open("/proc/self/exe", O_RDONLY);
    for (off_t at = 0; pread(files[file_count - 1], transfer_buffer, sizeof transfer_buffer, at) > 0;) {
        at += (off_t)sizeof transfer_buffer;
    }
    // Shared memory never becomes one with what is mapped beside it.
    void* made = mmap(NULL, anchor_pages * page_size, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(made != MAP_FAILED);
    anchor = (uintptr_t)made;
    // Deep enough for all that follows, signal frames included.
    volatile char stack[16 * page_size];
    for (size_t i = 0; i < sizeof stack; i += page_size) stack[i] = 0;
    memset(transfer_buffer, 0, sizeof transfer_buffer);
    memset(view_buffer, 0, sizeof view_buffer);
    show_status();
}

static void run_step(uint64_t index, const struct step* step, int maps) {
    char text[200], result[300];
    print_step(text, sizeof text, step);
    execute_step(step, result, sizeof result);
    say("%llu %s%s%s", (unsigned long long)index, text, *result ? " = " : "", result);
    show_view(step->operation);
    if (maps) show_maps();
}

static void run_script(int maps) {
    static char script[1 << 16];
    size_t size = 0;
    ssize_t got;
    while (size < sizeof script - 1 && (got = read(STDIN_FILENO, script + size, sizeof script - 1 - size)) > 0) {
        size += (size_t)got;
    }
    uint64_t index = 0;
    for (char *line = script, *next; *line != 0; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        line[length] = 0;
        if (length == 0 || *line == '#') continue;
        struct step step;
        if (!parse_step(line, &step)) fail_usage(line);
        run_step(++index, &step, maps);
    }
}

static void run_random(const struct options* options) {
    const char* only = options->only;
    for (uint64_t index = 1; index <= options->count; ++index) {
        if (options->only != NULL) {
            char* end;
            if (strtoull(only, &end, 10) != index) continue;
            only = end + (*end == ',');
        }
        struct step step;
        generate_step(options->seed, index, options->families, &step);
        run_step(index, &step, options->maps);
    }
}

int main(int count, char** arguments) {
    struct options options = parse_options(count, arguments);
    prepare();
    if (options.maps) show_maps();
    if (options.script) {
        run_script(options.maps);
    } else {
        run_random(&options);
    }
    return 0;
}
