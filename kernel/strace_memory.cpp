#include "kernel/strace_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

namespace fl::kernel {

namespace {

// A flag or code whose macro is its name.
#define NAMED(value) \
    FlagName { static_cast<std::uint64_t>(value), #value }

constexpr FlagName shm_flags[] = {NAMED(SHM_RDONLY), NAMED(SHM_RND), NAMED(SHM_REMAP), NAMED(SHM_EXEC)};
constexpr FlagName get_flags[] = {NAMED(IPC_CREAT), NAMED(IPC_EXCL), NAMED(SHM_HUGETLB), NAMED(SHM_NORESERVE)};
constexpr FlagName operation_flags[] = {NAMED(IPC_NOWAIT), NAMED(MSG_NOERROR), NAMED(MSG_EXCEPT), {040000, "MSG_COPY"}};
constexpr FlagName shm_commands[] = {NAMED(IPC_RMID), NAMED(IPC_SET),  NAMED(IPC_STAT),
                                     NAMED(IPC_INFO), NAMED(SHM_LOCK), NAMED(SHM_UNLOCK),
                                     NAMED(SHM_STAT), NAMED(SHM_INFO), {15, "SHM_STAT_ANY"}};
constexpr FlagName sem_commands[] = {NAMED(IPC_RMID), NAMED(IPC_SET),      NAMED(IPC_STAT), NAMED(IPC_INFO),
                                     NAMED(GETPID),   NAMED(GETVAL),       NAMED(GETALL),   NAMED(GETNCNT),
                                     NAMED(GETZCNT),  NAMED(SETVAL),       NAMED(SETALL),   NAMED(SEM_STAT),
                                     NAMED(SEM_INFO), {20, "SEM_STAT_ANY"}};
constexpr FlagName msg_commands[] = {NAMED(IPC_RMID), NAMED(IPC_SET),  NAMED(IPC_STAT),     NAMED(IPC_INFO),
                                     NAMED(MSG_STAT), NAMED(MSG_INFO), {13, "MSG_STAT_ANY"}};
constexpr FlagName policies[] = {NAMED(MPOL_DEFAULT),
                                 NAMED(MPOL_PREFERRED),
                                 NAMED(MPOL_BIND),
                                 NAMED(MPOL_INTERLEAVE),
                                 NAMED(MPOL_LOCAL),
                                 {5, "MPOL_PREFERRED_MANY"},
                                 {6, "MPOL_WEIGHTED_INTERLEAVE"}};
constexpr FlagName policy_flags[] = {
    NAMED(MPOL_F_STATIC_NODES), NAMED(MPOL_F_RELATIVE_NODES), {1U << 13, "MPOL_F_NUMA_BALANCING"}};
constexpr FlagName mbind_flags[] = {NAMED(MPOL_MF_STRICT), NAMED(MPOL_MF_MOVE), NAMED(MPOL_MF_MOVE_ALL)};
constexpr FlagName get_policy_flags[] = {NAMED(MPOL_F_NODE), NAMED(MPOL_F_ADDR), NAMED(MPOL_F_MEMS_ALLOWED)};
constexpr FlagName userfaultfd_flags[] = {NAMED(O_CLOEXEC), NAMED(O_NONBLOCK), {1, "UFFD_USER_MODE_ONLY"}};
constexpr FlagName membarrier_commands[] = {NAMED(MEMBARRIER_CMD_QUERY),
                                            NAMED(MEMBARRIER_CMD_GLOBAL),
                                            NAMED(MEMBARRIER_CMD_GLOBAL_EXPEDITED),
                                            NAMED(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED),
                                            NAMED(MEMBARRIER_CMD_PRIVATE_EXPEDITED),
                                            NAMED(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
                                            NAMED(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE),
                                            NAMED(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE),
                                            NAMED(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ),
                                            NAMED(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ),
                                            {512, "MEMBARRIER_CMD_GET_REGISTRATIONS"}};
constexpr FlagName membarrier_flags[] = {{1, "MEMBARRIER_CMD_FLAG_CPU"}};

#undef NAMED

std::string get_flags_text(std::uint64_t value) {
    constexpr std::uint64_t rights = 0777;
    const auto flags = static_cast<std::uint32_t>(value);
    const std::string named = (flags & ~rights) != 0 ? flags_text(get_flags, flags & ~rights) + "|" : "";
    return named + ((flags & rights) != 0 ? fmt::format("0{:o}", flags & rights) : "000");
}

std::string policy_text(std::uint64_t value) {
    constexpr std::uint64_t all_flags = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | 1U << 13;
    const auto mode = static_cast<std::uint32_t>(value);
    const std::string flags = (mode & all_flags) != 0 ? "|" + flags_text(policy_flags, mode & all_flags) : "";
    return value_text(policies, mode & ~all_flags) + flags;
}

}  // namespace

const FlagNames shm_flag_names = shm_flags;
const FlagNames ipc_operation_flag_names = operation_flags;
const FlagNames mbind_flag_names = mbind_flags;
const FlagNames get_policy_flag_names = get_policy_flags;
const FlagNames userfaultfd_flag_names = userfaultfd_flags;
const FlagNames membarrier_command_names = membarrier_commands;
const FlagNames membarrier_flag_names = membarrier_flags;

std::optional<std::string> memory_argument_text(ArgumentFormat::Kind kind, std::uint64_t value) {
    using Kind = ArgumentFormat::Kind;
    const auto word = static_cast<std::uint32_t>(value);
    switch (kind) {
        case Kind::ipc_key: return word == IPC_PRIVATE ? "IPC_PRIVATE" : fmt::format("{:#x}", word);
        case Kind::ipc_get_flags: return get_flags_text(value);
        case Kind::shm_command: return value_text(shm_commands, word);
        case Kind::sem_command: return value_text(sem_commands, word);
        case Kind::msg_command: return value_text(msg_commands, word);
        case Kind::memory_policy: return policy_text(value);
        default: return std::nullopt;
    }
}

}  // namespace fl::kernel
