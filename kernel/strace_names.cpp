#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <ctime>

namespace fl::kernel {

namespace {

// A flag or code whose macro is its name.
#define NAMED(value) \
    FlagName { static_cast<std::uint64_t>(value), #value }

constexpr FlagName protections[] = {NAMED(PROT_NONE), NAMED(PROT_READ),      NAMED(PROT_WRITE),
                                    NAMED(PROT_EXEC), NAMED(PROT_GROWSDOWN), NAMED(PROT_GROWSUP)};
constexpr FlagName map_types[] = {NAMED(MAP_SHARED), NAMED(MAP_PRIVATE), NAMED(MAP_SHARED_VALIDATE)};
constexpr FlagName map_options[] = {
    NAMED(MAP_FIXED),    NAMED(MAP_ANONYMOUS), NAMED(MAP_32BIT),     NAMED(MAP_NORESERVE),      NAMED(MAP_POPULATE),
    NAMED(MAP_NONBLOCK), NAMED(MAP_GROWSDOWN), NAMED(MAP_DENYWRITE), NAMED(MAP_EXECUTABLE),     NAMED(MAP_LOCKED),
    NAMED(MAP_STACK),    NAMED(MAP_HUGETLB),   NAMED(MAP_SYNC),      NAMED(MAP_FIXED_NOREPLACE)};
constexpr FlagName advices[] = {NAMED(MADV_NORMAL),     NAMED(MADV_RANDOM),          NAMED(MADV_SEQUENTIAL),
                                NAMED(MADV_WILLNEED),   NAMED(MADV_DONTNEED),        NAMED(MADV_FREE),
                                NAMED(MADV_REMOVE),     NAMED(MADV_DONTFORK),        NAMED(MADV_DOFORK),
                                NAMED(MADV_MERGEABLE),  NAMED(MADV_UNMERGEABLE),     NAMED(MADV_HUGEPAGE),
                                NAMED(MADV_NOHUGEPAGE), NAMED(MADV_DONTDUMP),        NAMED(MADV_DODUMP),
                                NAMED(MADV_WIPEONFORK), NAMED(MADV_KEEPONFORK),      NAMED(MADV_COLD),
                                NAMED(MADV_PAGEOUT),    NAMED(MADV_POPULATE_READ),   NAMED(MADV_POPULATE_WRITE),
                                NAMED(MADV_HWPOISON),   {101, "MADV_SOFT_OFFLINE"},  {24, "MADV_DONTNEED_LOCKED"},
                                {25, "MADV_COLLAPSE"},  {102, "MADV_GUARD_INSTALL"}, {103, "MADV_GUARD_REMOVE"}};
constexpr FlagName sync_flags[] = {NAMED(MS_SYNC), NAMED(MS_ASYNC), NAMED(MS_INVALIDATE)};
constexpr FlagName remap_flags[] = {NAMED(MREMAP_MAYMOVE), NAMED(MREMAP_FIXED), {4, "MREMAP_DONTUNMAP"}};
constexpr FlagName lock_flags[] = {NAMED(MLOCK_ONFAULT)};
constexpr FlagName lock_all_flags[] = {NAMED(MCL_CURRENT), NAMED(MCL_FUTURE), NAMED(MCL_ONFAULT)};
constexpr FlagName signal_hows[] = {NAMED(SIG_BLOCK), NAMED(SIG_UNBLOCK), NAMED(SIG_SETMASK)};
constexpr FlagName action_flags[] = {
    {0x0400'0000, "SA_RESTORER"},  {0x0800'0000, "SA_ONSTACK"}, {0x1000'0000, "SA_RESTART"},
    {0x2000'0000, "SA_INTERRUPT"}, {0x4000'0000, "SA_NODEFER"}, {0x8000'0000, "SA_RESETHAND"},
    {0x4, "SA_SIGINFO"},           {0x1, "SA_NOCLDSTOP"},       {0x2, "SA_NOCLDWAIT"}};
constexpr FlagName stack_flags[] = {NAMED(SS_ONSTACK), NAMED(SS_DISABLE), {0x8000'0000, "SS_AUTODISARM"}};
constexpr FlagName clocks[] = {NAMED(CLOCK_REALTIME),
                               NAMED(CLOCK_MONOTONIC),
                               NAMED(CLOCK_PROCESS_CPUTIME_ID),
                               NAMED(CLOCK_THREAD_CPUTIME_ID),
                               NAMED(CLOCK_MONOTONIC_RAW),
                               NAMED(CLOCK_REALTIME_COARSE),
                               NAMED(CLOCK_MONOTONIC_COARSE),
                               NAMED(CLOCK_BOOTTIME),
                               NAMED(CLOCK_REALTIME_ALARM),
                               NAMED(CLOCK_BOOTTIME_ALARM),
                               NAMED(CLOCK_TAI)};
constexpr FlagName clock_flags[] = {NAMED(TIMER_ABSTIME)};
constexpr FlagName resources[] = {{RLIMIT_CPU, "RLIMIT_CPU"},           {RLIMIT_FSIZE, "RLIMIT_FSIZE"},
                                  {RLIMIT_DATA, "RLIMIT_DATA"},         {RLIMIT_STACK, "RLIMIT_STACK"},
                                  {RLIMIT_CORE, "RLIMIT_CORE"},         {RLIMIT_RSS, "RLIMIT_RSS"},
                                  {RLIMIT_NPROC, "RLIMIT_NPROC"},       {RLIMIT_NOFILE, "RLIMIT_NOFILE"},
                                  {RLIMIT_MEMLOCK, "RLIMIT_MEMLOCK"},   {RLIMIT_AS, "RLIMIT_AS"},
                                  {RLIMIT_LOCKS, "RLIMIT_LOCKS"},       {RLIMIT_SIGPENDING, "RLIMIT_SIGPENDING"},
                                  {RLIMIT_MSGQUEUE, "RLIMIT_MSGQUEUE"}, {RLIMIT_NICE, "RLIMIT_NICE"},
                                  {RLIMIT_RTPRIO, "RLIMIT_RTPRIO"},     {RLIMIT_RTTIME, "RLIMIT_RTTIME"}};
constexpr FlagName usage_whos[] = {{0, "RUSAGE_SELF"}, {0xffff'ffff, "RUSAGE_CHILDREN"}, {1, "RUSAGE_THREAD"}};
constexpr FlagName random_flags[] = {{1, "GRND_NONBLOCK"}, {2, "GRND_RANDOM"}, {4, "GRND_INSECURE"}};
constexpr FlagName prctl_codes[] = {
    {0x1001, "ARCH_SET_GS"},    {0x1002, "ARCH_SET_FS"},    {0x1003, "ARCH_GET_FS"},          {0x1004, "ARCH_GET_GS"},
    {0x1011, "ARCH_GET_CPUID"}, {0x1012, "ARCH_SET_CPUID"}, {0x3001, "0x3001 /* ARCH_??? */"}};
constexpr FlagName at_flags[] = {{0x100, "AT_SYMLINK_NOFOLLOW"},
                                 {0x400, "AT_SYMLINK_FOLLOW"},
                                 {0x800, "AT_NO_AUTOMOUNT"},
                                 {0x1000, "AT_EMPTY_PATH"}};
constexpr FlagName ioctl_requests[] = {{0x5401, "TCGETS"},
                                       {0x802c'542a, "TCGETS2"},
                                       {0x5413, "TIOCGWINSZ"},
                                       {0x541b, "FIONREAD"},
                                       {0xc018aa3f, "UFFDIO_API"},
                                       {0xc020aa00, "UFFDIO_REGISTER"},
                                       {0x8010aa01, "UFFDIO_UNREGISTER"},
                                       {0x8010aa02, "UFFDIO_WAKE"},
                                       {0xc028aa03, "UFFDIO_COPY"},
                                       {0xc020aa04, "UFFDIO_ZEROPAGE"},
                                       {0xc028aa05, "UFFDIO_MOVE"},
                                       {0xc018aa06, "UFFDIO_WRITEPROTECT"},
                                       {0xc020aa07, "UFFDIO_CONTINUE"},
                                       {0xc020aa08, "UFFDIO_POISON"}};
constexpr FlagName seeks[] = {{0, "SEEK_SET"}, {1, "SEEK_CUR"}, {2, "SEEK_END"}, {3, "SEEK_DATA"}, {4, "SEEK_HOLE"}};
constexpr FlagName open_modes[] = {NAMED(O_RDONLY), NAMED(O_WRONLY), NAMED(O_RDWR), NAMED(O_ACCMODE)};
constexpr FlagName open_flags[] = {NAMED(O_CREAT),   NAMED(O_EXCL),           NAMED(O_NOCTTY),   NAMED(O_TRUNC),
                                   NAMED(O_APPEND),  NAMED(O_NONBLOCK),       NAMED(O_SYNC),     NAMED(O_DSYNC),
                                   NAMED(O_DIRECT),  {0x8000, "O_LARGEFILE"}, NAMED(O_NOFOLLOW), NAMED(O_NOATIME),
                                   NAMED(O_CLOEXEC), NAMED(O_PATH),           NAMED(O_TMPFILE),  NAMED(O_DIRECTORY)};
constexpr FlagName accesses[] = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
constexpr FlagName statx_masks[] = {
    NAMED(STATX_ALL), NAMED(STATX_BASIC_STATS), NAMED(STATX_TYPE),   NAMED(STATX_MODE),  NAMED(STATX_NLINK),
    NAMED(STATX_UID), NAMED(STATX_GID),         NAMED(STATX_ATIME),  NAMED(STATX_MTIME), NAMED(STATX_CTIME),
    NAMED(STATX_INO), NAMED(STATX_SIZE),        NAMED(STATX_BLOCKS), NAMED(STATX_BTIME), NAMED(STATX_MNT_ID)};
constexpr FlagName fcntl_commands[] = {NAMED(F_DUPFD), NAMED(F_GETFD),         NAMED(F_SETFD),     NAMED(F_GETFL),
                                       NAMED(F_SETFL), NAMED(F_DUPFD_CLOEXEC), NAMED(F_ADD_SEALS), NAMED(F_GET_SEALS)};
constexpr FlagName seals[] = {NAMED(F_SEAL_SEAL),  NAMED(F_SEAL_SHRINK),       NAMED(F_SEAL_GROW),
                              NAMED(F_SEAL_WRITE), NAMED(F_SEAL_FUTURE_WRITE), {0x20, "F_SEAL_EXEC"}};

constexpr FlagName persona_flags[] = {
    {0x0020000, "UNAME26"},          {0x0040000, "ADDR_NO_RANDOMIZE"},  {0x0080000, "FDPIC_FUNCPTRS"},
    {0x0100000, "MMAP_PAGE_ZERO"},   {0x0200000, "ADDR_COMPAT_LAYOUT"}, {0x0400000, "READ_IMPLIES_EXEC"},
    {0x0800000, "ADDR_LIMIT_32BIT"}, {0x1000000, "SHORT_INODE"},        {0x2000000, "WHOLE_SECONDS"},
    {0x4000000, "STICKY_TIMEOUTS"},  {0x8000000, "ADDR_LIMIT_3GB"}};

#undef NAMED

constexpr CodeName fault_codes[] = {
    {SIGSEGV, SEGV_MAPERR, "SEGV_MAPERR"}, {SIGSEGV, SEGV_ACCERR, "SEGV_ACCERR"}, {SIGBUS, BUS_ADRALN, "BUS_ADRALN"},
    {SIGBUS, BUS_ADRERR, "BUS_ADRERR"},    {SIGILL, ILL_ILLOPN, "ILL_ILLOPN"},    {SIGTRAP, TRAP_TRACE, "TRAP_TRACE"},
    {SIGTRAP, TRAP_BRKPT, "TRAP_BRKPT"},   {SIGFPE, FPE_INTDIV, "FPE_INTDIV"},    {SIGFPE, FPE_FLTDIV, "FPE_FLTDIV"},
    {SIGFPE, FPE_FLTOVF, "FPE_FLTOVF"},    {SIGFPE, FPE_FLTUND, "FPE_FLTUND"},    {SIGFPE, FPE_FLTRES, "FPE_FLTRES"},
    {SIGFPE, FPE_FLTINV, "FPE_FLTINV"}};

}  // namespace

const FlagNames protection_names = protections;
const FlagNames advice_names = advices;
const FlagNames sync_flag_names = sync_flags;
const FlagNames remap_flag_names = remap_flags;
const FlagNames lock_flag_names = lock_flags;
const FlagNames lock_all_flag_names = lock_all_flags;
const FlagNames signal_how_names = signal_hows;
const FlagNames action_flag_names = action_flags;
const FlagNames stack_flag_names = stack_flags;
const FlagNames clock_names = clocks;
const FlagNames clock_flag_names = clock_flags;
const FlagNames resource_names = resources;
const FlagNames usage_who_names = usage_whos;
const FlagNames random_flag_names = random_flags;
const FlagNames prctl_code_names = prctl_codes;
const FlagNames at_flag_names = at_flags;
const FlagNames ioctl_request_names = ioctl_requests;
const FlagNames seek_names = seeks;
const FlagNames open_mode_names = open_modes;
const FlagNames open_flag_names = open_flags;
const FlagNames access_names = accesses;
const FlagNames statx_mask_names = statx_masks;
const FlagNames fcntl_command_names = fcntl_commands;
const FlagNames seal_names = seals;
const std::span<const CodeName> fault_code_names = fault_codes;

std::string flags_text(FlagNames names, std::uint64_t flags) {
    std::string text;
    for (const FlagName& name : names) {
        if (name.value == 0 && flags == 0) return name.text;
        if (name.value == 0 || (flags & name.value) != name.value) continue;
        text += (text.empty() ? "" : "|") + std::string(name.text);
        flags &= ~name.value;
    }
    if (flags != 0) text += (text.empty() ? "" : "|") + fmt::format("{:#x}", flags);
    return text.empty() ? "0" : text;
}

std::string value_text(FlagNames names, std::uint64_t value) {
    for (const FlagName& name : names) {
        if (name.value == value) return name.text;
    }
    return value == 0 ? "0" : fmt::format("{:#x}", value);
}

std::string map_flags_text(std::uint64_t flags) {
    const std::uint64_t type = flags & MAP_TYPE;
    const std::string options = flags_text(map_options, flags & ~type);
    return value_text(map_types, type) + (options == "0" ? "" : "|" + options);
}

std::string persona_text(std::uint64_t value) {
    constexpr std::uint64_t query = 0xffff'ffff, type_mask = 0xff;
    const std::uint64_t persona = value & query;
    if (persona == query) return "0xffffffff";
    const std::uint64_t type = persona & type_mask;
    const std::string options = flags_text(persona_flags, persona & ~type_mask);
    return (type == 0 ? "PER_LINUX" : fmt::format("{:#x} /* PER_??? */", type)) + (options == "0" ? "" : "|" + options);
}

bool answers_with_address(std::uint64_t syscall_number) {
    return syscall_number == SYS_mmap || syscall_number == SYS_brk || syscall_number == SYS_mremap ||
           syscall_number == SYS_shmat;
}

}  // namespace fl::kernel
