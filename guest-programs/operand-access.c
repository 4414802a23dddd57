// operand-access: which instructions write to their memory operand and which only read it. Each runs once on a page
// that may only be read and has not been touched: what only reads gets the page of zeroes, what writes gets SIGSEGV for
// a write at once, also where it reads first.
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "guest.h"

enum { stub_bytes = 32, most_stubs = 4096, page_fault_write = 2, invalid_opcode = 0x06 };

static unsigned char* stubs;
static int stub_count;
static unsigned char* pages;
static sigjmp_buf back;
static volatile char answer;

struct opcodes {
    const char* prefix;  // up to the opcode's last byte, in hexadecimal
    unsigned first, last;
    enum { one_operation, by_extension } kind;  // by_extension: ModRM.reg belongs to the opcode
};

// Whatever an instruction does, this handler is where it ends.
static void handler(int number, siginfo_t* info, void* context) {
    const greg_t* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
    const unsigned char* ip = (const unsigned char*)registers[REG_RIP];
    (void)info;
    const unsigned char* start = stubs + (stub_count - 1) * stub_bytes;
    if (number == SIGSEGV && registers[REG_TRAPNO] == 14) {
        answer = (registers[REG_ERR] & page_fault_write) != 0 ? 'w' : 'r';
    } else if (number == SIGILL) {
        answer = ip == start ? '-' : 'r';
    } else {
        answer = number == SIGFPE ? 'r' : '?';
    }
    siglongjmp(back, 1);
}

// mod 0, r/m 0: the operand is at [rax]. What follows is an immediate value as far as there is one, and the end.
static unsigned char* put_stub(const struct opcodes* set, unsigned opcode, unsigned extension) {
    unsigned char* start = stubs + stub_count++ * stub_bytes;
    unsigned char* at = start;
    unsigned byte;
    for (const char* text = set->prefix; sscanf(text, "%2x", &byte) == 1; text += 2) *at++ = (unsigned char)byte;
    *at++ = (unsigned char)opcode;
    *at++ = (unsigned char)(extension << 3);
    memset(at, invalid_opcode, (size_t)(start + stub_bytes - at));
    return start;
}

static char try_stub(unsigned char* start) {
    unsigned char* page = pages + (size_t)(stub_count - 1) * page_size;
    static const unsigned mxcsr = 0x1f80;
    answer = '!';
    if (sigsetjmp(back, 0) == 0) {
        __asm__ volatile(
            "fninit\n\t"
            "ldmxcsr %0\n\t"
            "jmp *%1"
            :
            : "m"(mxcsr), "r"(start), "a"(page), "b"(0L), "c"(1L), "d"(0L)
            : "memory");
    }
    return answer;
}

static void show(const struct opcodes* set) {
    char line[300];
    int length = snprintf(line, sizeof line, "%s %02x-%02x ", set->prefix, set->first, set->last);
    const unsigned extensions = set->kind == by_extension ? 8 : 1;
    for (unsigned opcode = set->first; opcode <= set->last; ++opcode) {
        for (unsigned extension = 0; extension < extensions; ++extension) {
            // The other TEST, which no manual names, is not everybody's.
            if ((opcode & 0xfe) == 0xf6 && extension == 1) continue;
            CHECK(stub_count < most_stubs && length < (int)sizeof line - 2);
            line[length++] = try_stub(put_stub(set, opcode, set->kind == by_extension ? extension : 1));
        }
        if (set->kind == by_extension) line[length++] = ' ';
    }
    line[length] = 0;
    say("%s", line);
}

// What x86-64-v2 has, without what the kernel alone may do and what changes a segment register or the stack pointer's
// segment.
static const struct opcodes sets[] = {
    {"", 0x00, 0x03, one_operation},       {"", 0x08, 0x0b, one_operation},       {"", 0x10, 0x13, one_operation},
    {"", 0x18, 0x1b, one_operation},       {"", 0x20, 0x23, one_operation},       {"", 0x28, 0x2b, one_operation},
    {"", 0x30, 0x33, one_operation},       {"", 0x38, 0x3b, one_operation},       {"", 0x63, 0x63, one_operation},
    {"", 0x69, 0x69, one_operation},       {"", 0x6b, 0x6b, one_operation},       {"", 0x80, 0x81, by_extension},
    {"", 0x83, 0x83, by_extension},        {"", 0x84, 0x8d, one_operation},       {"", 0xc0, 0xc1, by_extension},
    {"", 0xc6, 0xc7, by_extension},        {"", 0xd0, 0xd3, by_extension},        {"", 0xd8, 0xdb, by_extension},
    {"", 0xdc, 0xdf, by_extension},        {"", 0xf6, 0xf7, by_extension},        {"", 0xfe, 0xfe, by_extension},
    {"66", 0x80, 0x81, by_extension},      {"66", 0xc1, 0xc1, by_extension},      {"66", 0xd1, 0xd1, by_extension},
    {"66", 0xf7, 0xf7, by_extension},      {"48", 0x81, 0x81, by_extension},      {"48", 0x83, 0x83, by_extension},
    {"48", 0xc1, 0xc1, by_extension},      {"48", 0xd1, 0xd1, by_extension},      {"48", 0xd3, 0xd3, by_extension},
    {"48", 0xf7, 0xf7, by_extension},      {"48", 0xff, 0xff, by_extension},      {"48", 0x84, 0x8b, one_operation},
    {"0f", 0x10, 0x17, one_operation},     {"660f", 0x10, 0x17, one_operation},   {"f20f", 0x10, 0x12, one_operation},
    {"f30f", 0x10, 0x12, one_operation},   {"0f", 0x18, 0x18, by_extension},      {"0f", 0x1f, 0x1f, one_operation},
    {"0f", 0x28, 0x2f, one_operation},     {"660f", 0x28, 0x2f, one_operation},   {"f20f", 0x2a, 0x2d, one_operation},
    {"f30f", 0x2a, 0x2d, one_operation},   {"0f", 0x40, 0x4f, one_operation},     {"480f", 0x40, 0x4f, one_operation},
    {"0f", 0x51, 0x5f, one_operation},     {"660f", 0x51, 0x5f, one_operation},   {"f20f", 0x51, 0x5f, one_operation},
    {"f30f", 0x51, 0x5f, one_operation},   {"0f", 0x60, 0x6b, one_operation},     {"660f", 0x60, 0x6f, one_operation},
    {"f30f", 0x6f, 0x70, one_operation},   {"660f", 0x74, 0x76, one_operation},   {"660f", 0x7c, 0x7f, one_operation},
    {"f30f", 0x7e, 0x7f, one_operation},   {"0f", 0x90, 0x9f, one_operation},     {"0f", 0xa3, 0xa5, one_operation},
    {"0f", 0xab, 0xad, one_operation},     {"0f", 0xaf, 0xb1, one_operation},     {"0f", 0xb3, 0xb3, one_operation},
    {"0f", 0xb6, 0xb7, one_operation},     {"f30f", 0xb8, 0xb8, one_operation},   {"0f", 0xbb, 0xbf, one_operation},
    {"0f", 0xc0, 0xc4, one_operation},     {"0f", 0xc6, 0xc7, one_operation},     {"480f", 0xa3, 0xa5, one_operation},
    {"480f", 0xab, 0xad, one_operation},   {"480f", 0xb0, 0xb3, one_operation},   {"480f", 0xba, 0xbf, one_operation},
    {"480f", 0xc1, 0xc3, one_operation},   {"480f", 0xc7, 0xc7, one_operation},   {"660f", 0xc4, 0xc6, one_operation},
    {"f20f", 0xc2, 0xc2, one_operation},   {"f30f", 0xc2, 0xc2, one_operation},   {"660f", 0xd0, 0xd6, one_operation},
    {"660f", 0xd8, 0xef, one_operation},   {"f20f", 0xf0, 0xf0, one_operation},   {"660f", 0xf1, 0xf6, one_operation},
    {"660f", 0xf8, 0xfe, one_operation},   {"660f38", 0x00, 0x0b, one_operation}, {"660f38", 0x1c, 0x1e, one_operation},
    {"660f38", 0x20, 0x25, one_operation}, {"660f38", 0x28, 0x2b, one_operation}, {"660f38", 0x30, 0x35, one_operation},
    {"660f38", 0x37, 0x41, one_operation}, {"660f3a", 0x08, 0x0f, one_operation}, {"660f3a", 0x14, 0x17, one_operation},
    {"660f3a", 0x20, 0x22, one_operation}, {"660f3a", 0x40, 0x42, one_operation}, {"660f3a", 0x60, 0x63, one_operation},
};

int main(void) {
    stubs = mmap(NULL, (size_t)most_stubs * stub_bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                 -1, 0);
    pages = mmap(NULL, (size_t)most_stubs * page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char handler_stack[1 << 16];
    const stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    CHECK(stubs != MAP_FAILED && pages != MAP_FAILED && sigaltstack(&stack, NULL) == 0);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; ++i) CHECK(sigaction(signals[i], &action, NULL) == 0);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; ++i) show(&sets[i]);
    return 0;
}
