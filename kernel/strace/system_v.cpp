// System V shared memory, semaphores and messages; see memory.hpp.
#include "kernel/strace/memory.hpp"
#include "kernel/strace/scalars.hpp"

#include <fmt/format.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

namespace fl::kernel::strace {

namespace {

constexpr FlagName attach_flags[] = {
    {010000, "SHM_RDONLY"}, {020000, "SHM_RND"}, {040000, "SHM_REMAP"}, {0100000, "SHM_EXEC"}};
constexpr FlagName get_flags[] = {{01000, "IPC_CREAT"}, {02000, "IPC_EXCL"}, {04000, "IPC_NOWAIT"}};
constexpr FlagName shm_get_flags[] = {
    {01000, "IPC_CREAT"}, {02000, "IPC_EXCL"}, {010000, "SHM_NORESERVE"}, {04000, "SHM_HUGETLB"}};
constexpr FlagName shm_commands[] = {{0, "IPC_RMID"},  {1, "IPC_SET"},   {2, "IPC_STAT"},
                                     {3, "IPC_INFO"},  {11, "SHM_LOCK"}, {12, "SHM_UNLOCK"},
                                     {13, "SHM_STAT"}, {14, "SHM_INFO"}, {15, "SHM_STAT_ANY"}};
constexpr FlagName sem_commands[] = {{0, "IPC_RMID"},  {1, "IPC_SET"},      {2, "IPC_STAT"}, {3, "IPC_INFO"},
                                     {11, "GETPID"},   {12, "GETVAL"},      {13, "GETALL"},  {14, "GETNCNT"},
                                     {15, "GETZCNT"},  {16, "SETVAL"},      {17, "SETALL"},  {18, "SEM_STAT"},
                                     {19, "SEM_INFO"}, {20, "SEM_STAT_ANY"}};
constexpr FlagName msg_commands[] = {{0, "IPC_RMID"},  {1, "IPC_SET"},   {2, "IPC_STAT"},     {3, "IPC_INFO"},
                                     {11, "MSG_STAT"}, {12, "MSG_INFO"}, {13, "MSG_STAT_ANY"}};
constexpr FlagName receive_flags[] = {
    {010000, "MSG_NOERROR"}, {020000, "MSG_EXCEPT"}, {040000, "MSG_COPY"}, {04000, "IPC_NOWAIT"}};
constexpr FlagName operation_flags[] = {{010000, "SEM_UNDO"}, {04000, "IPC_NOWAIT"}};
constexpr Names operation_flag_names{operation_flags, "SEM_???"};

// "IPC_CREAT|0600".
std::string get_flags_text(const Names& names, std::uint32_t value) {
    constexpr std::uint32_t mode_bits = 0777;
    const std::uint32_t flags = value & ~mode_bits;
    const std::string mode = octal_text(value & mode_bits);
    return flags == 0 ? mode : flags_text(names, flags) + "|" + mode;
}

std::string permissions_text(const ipc_perm& perm, const char* name, bool all) {
    std::string text =
        fmt::format("{}={{uid={}, gid={}, mode={}", name, perm.uid, perm.gid, octal_text(perm.mode & 0xffff));
    if (all)
        text += fmt::format(", key={}, cuid={}, cgid={}", hexadecimal_text(static_cast<std::uint32_t>(perm.__key)),
                            perm.cuid, perm.cgid);
    return text + "}";
}

std::string shm_status_text(const shmid_ds& s) {
    return fmt::format(
        "{{{}, shm_segsz={}, shm_cpid={}, shm_lpid={}, shm_nattch={}, shm_atime={}, shm_dtime={}, shm_ctime={}}}",
        permissions_text(s.shm_perm, "shm_perm", true), s.shm_segsz, s.shm_cpid, s.shm_lpid, s.shm_nattch, s.shm_atime,
        s.shm_dtime, s.shm_ctime);
}

// struct shm_info and shminfo64.
std::string shm_numbers_text(const Call& call, std::uint64_t address, int command) {
    if (command == IPC_INFO) {
        return pointed_to<std::array<std::uint64_t, 5>>(call, address, [](const auto& n) {
            return fmt::format("{{shmmax={}, shmmin={}, shmmni={}, shmseg={}, shmall={}}}", n[0], n[1], n[2], n[3],
                               n[4]);
        });
    }
    struct Usage {
        std::int32_t used_ids;
        std::uint64_t total, resident, swapped, attempts, successes;
    };
    return pointed_to<Usage>(call, address, [](const Usage& u) {
        return fmt::format("{{used_ids={}, shm_tot={}, shm_rss={}, shm_swp={}, swap_attempts={}, swap_successes={}}}",
                           u.used_ids, u.total, u.resident, u.swapped, u.attempts, u.successes);
    });
}

std::string message_text(const Argument& a, std::uint64_t size_bytes) {
    return pointed_to<std::int64_t>(a.call, a.value(), [&](std::int64_t type) {
        return fmt::format("{{mtype={}, mtext={}}}", type,
                           buffer_text(a.call, a.value() + sizeof(std::int64_t), size_bytes));
    });
}

int command_of(const Argument& a, int distance) { return int_argument(a.neighbour(distance)) & ~0x100; }

}  // namespace

const Names shm_attach_flag_names{attach_flags, "SHM_???"};
const Names shm_command_names{shm_commands, "SHM_???"};
const Names sem_command_names{sem_commands, "SEM_???"};
const Names msg_command_names{msg_commands, "MSG_???"};
const Names msg_receive_flag_names{receive_flags, "MSG_???"};

std::string print_segment_id(const Argument& a) {
    return a.int_value() == IPC_PRIVATE ? "IPC_PRIVATE" : fmt::format("{:#x}", a.unsigned_value());
}

std::string print_ipc_permissions(const Argument& a) {
    return get_flags_text({get_flags, nullptr}, a.unsigned_value());
}
std::string print_shm_flags(const Argument& a) { return get_flags_text({shm_get_flags, nullptr}, a.unsigned_value()); }

std::string print_shm_structure(const Argument& a) {
    constexpr int stat_any = 15;
    const int command = command_of(a, -1);
    if (command == IPC_SET) {
        return pointed_to<shmid_ds>(a.call, a.value(), [](const shmid_ds& s) {
            return "{" + permissions_text(s.shm_perm, "shm_perm", false) + "}";
        });
    }
    if (!a.call.succeeded()) return address_text(a.value());
    if (command == IPC_STAT || command == SHM_STAT || command == stat_any) {
        return pointed_to<shmid_ds>(a.call, a.value(), shm_status_text);
    }
    if (command == IPC_INFO || command == SHM_INFO) return shm_numbers_text(a.call, a.value(), command);
    return address_text(a.value());
}

std::string print_sem_operations(const Argument& a) {
    return array_text<sembuf>(a.call, a.value(), a.neighbour(1), [](const sembuf& operation) {
        return fmt::format("{{sem_num={}, sem_op={}, sem_flg={}}}", operation.sem_num, operation.sem_op,
                           flags_text(operation_flag_names, static_cast<std::uint16_t>(operation.sem_flg)));
    });
}

std::string print_sem_argument(const Argument& a) {
    if (command_of(a, -1) != IPC_STAT || !a.call.succeeded()) return address_text(a.value());
    return pointed_to<semid_ds>(a.call, a.value(), [](const semid_ds& s) {
        return fmt::format("{{{}, sem_otime={}, sem_ctime={}, sem_nsems={}}}",
                           permissions_text(s.sem_perm, "sem_perm", true), s.sem_otime, s.sem_ctime, s.sem_nsems);
    });
}

std::string print_message(const Argument& a) { return message_text(a, a.neighbour(1)); }

// strace shows the buffer as long as the program asked for.
std::string print_filled_message(const Argument& a) { return message_text(a, a.neighbour(1)); }

std::string print_msg_structure(const Argument& a) {
    const int command = command_of(a, -1);
    const bool known = command == IPC_STAT && a.call.succeeded();
    if (!known) return address_text(a.value());
    return pointed_to<msqid_ds>(a.call, a.value(), [](const msqid_ds& q) {
        return fmt::format(
            "{{{}, msg_stime={}, msg_rtime={}, msg_ctime={}, msg_qnum={}, msg_qbytes={}, msg_lspid={}, msg_lrpid={}}}",
            permissions_text(q.msg_perm, "msg_perm", true), q.msg_stime, q.msg_rtime, q.msg_ctime, q.msg_qnum,
            q.msg_qbytes, q.msg_lspid, q.msg_lrpid);
    });
}

}  // namespace fl::kernel::strace
