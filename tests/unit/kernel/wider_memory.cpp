// The wider memory calls on a system with one task: what guests cannot reach, and how --strace prints them.
#include "strace_support.hpp"

#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

namespace fl::kernel {

using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;

}  // namespace

TEST_CASE("shared memory: a segment that is not promised may be larger than the machine, and costs nothing") {
    TestSystem system;
    constexpr std::uint64_t large = std::uint64_t{1} << 40;
    CHECK(system.call(SYS_shmget, {IPC_PRIVATE, large, 0600}) == minus(Errno::enomem));
    const std::int64_t id = system.call(SYS_shmget, {IPC_PRIVATE, large, SHM_NORESERVE | 0600});
    REQUIRE(id >= 0);
    const auto number = static_cast<std::uint64_t>(id);
    const PageCount before = system.memory().used_page_count();
    const std::int64_t at = system.call(SYS_shmat, {number, 0, 0});
    REQUIRE(at > 0);
    CHECK(system.memory().used_page_count() == before);
    system.put(static_cast<std::uint64_t>(at) + (large - 8), std::uint64_t{7});
    // Its end comes with the last who has it attached.
    CHECK(system.call(SYS_shmctl, {number, IPC_RMID, 0}) == 0);
    CHECK(system.system().ipc.shm.table().count() == 1);
    CHECK(system.call(SYS_shmdt, {static_cast<std::uint64_t>(at)}) == 0);
    CHECK(system.system().ipc.shm.table().count() == 0);
    CHECK(system.memory().used_page_count() <= before);
}

TEST_CASE("shared memory: what of a segment is in memory, and what is in swap") {
    TestSystem system;
    system.add_swap(PageCount(16));
    const std::int64_t id = system.call(SYS_shmget, {IPC_PRIVATE, 4 * page_size, 0600});
    REQUIRE(id >= 0);
    const auto number = static_cast<std::uint64_t>(id);
    const auto at = static_cast<std::uint64_t>(system.call(SYS_shmat, {number, 0, 0}));
    for (std::uint64_t i = 0; i < 3; ++i) system.put(at + i * page_size, std::uint64_t{7});
    CHECK(system.call(SYS_madvise, {at, 2 * page_size, MADV_PAGEOUT}) == 0);
    CHECK(system.call(SYS_shmctl, {0, SHM_INFO, data}) >= 0);
    const auto info = system.get<struct shm_info>(data);
    CHECK(info.shm_tot == 4);
    CHECK(info.shm_rss == 1);
    CHECK(info.shm_swp == 2);
    CHECK(info.swap_attempts == 0);
    const std::string line = system.system().ipc.shm.proc_text();
    CHECK(line.ends_with("                  4096                  8192\n"));
    CHECK(system.call(SYS_shmdt, {at}) == 0);
    CHECK(system.call(SYS_shmctl, {number, IPC_RMID, 0}) == 0);
}

TEST_CASE("cachestat: pages that have left, to swap or to their file, and those that left of late") {
    TestSystem system;
    system.add_swap(PageCount(64));
    system.put_text(data, "x");
    const auto fd = static_cast<std::uint64_t>(system.call(SYS_memfd_create, {data, 0}));
    CHECK(system.call(SYS_pwrite64, {fd, data, 4 * page_size, 0}) == 4 * page_size);
    const auto at = static_cast<std::uint64_t>(
        system.call(SYS_mmap, {0, 4 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0}));
    for (std::uint64_t i = 0; i < 3; ++i) CHECK(system.get<std::uint64_t>(at + i * page_size) != 1);
    CHECK(system.call(SYS_madvise, {at, 3 * page_size, MADV_PAGEOUT}) == 0);
    using Statistics = std::array<std::uint64_t, 5>;
    const auto statistics = [&](std::uint64_t file) {
        system.put(data, std::array<std::uint64_t, 2>{0, 0});
        CHECK(system.call(451, {file, data, data + 64, 0}) == 0);
        return system.get<Statistics>(data + 64);
    };
    CHECK(statistics(fd) == Statistics{1, 0, 0, 3, 3});
    // Many others have left since.
    const std::uint64_t others = data + page_size;
    for (unsigned i = 0; i < 8; ++i) {
        system.put(others, std::uint64_t{1});
        CHECK(system.call(SYS_madvise, {others, page_size, MADV_PAGEOUT}) == 0);
    }
    CHECK(statistics(fd) == Statistics{1, 0, 0, 3, 0});

    // What nobody wrote to is a hole again.
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
    CHECK(system.call(SYS_ftruncate, {fd, 4 * page_size}) == 0);
    CHECK(system.get<std::uint64_t>(at) == 0);
    CHECK(system.call(SYS_madvise, {at, page_size, MADV_PAGEOUT}) == 0);
    CHECK(statistics(fd) == Statistics{0, 0, 0, 1, 1});
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
    CHECK(system.call(SYS_munmap, {at, 4 * page_size}) == 0);
}

TEST_CASE("shared memory: each allocation of a touch fails in turn, and the attachments stay counted") {
    TestSystem system(PageCount(64));
    const std::int64_t id = system.call(SYS_shmget, {IPC_PRIVATE, page_size, 0600});
    REQUIRE(id >= 0);
    for (std::uint64_t successes = 0; successes < 6; ++successes) {
        CAPTURE(successes);
        const std::int64_t at = system.call(SYS_shmat, {static_cast<std::uint64_t>(id), 0, 0});
        REQUIRE(at > 0);
        system.memory().buddy().fail_after(successes);
        const bool touched = system.user().write(VirtAddr(static_cast<std::uint64_t>(at)), std::uint8_t{1}).has_value();
        system.memory().buddy().fail_after(std::nullopt);
        const auto spaces = system.processes().address_spaces();
        const std::vector<const mm::MmStruct*> all(spaces.begin(), spaces.end());
        CHECK(system.system().ipc.shm.inconsistency(all).value_or("") == "");
        CHECK(system.call(SYS_shmdt, {static_cast<std::uint64_t>(at)}) == 0);
        if (touched) break;
        REQUIRE(successes < 5);
    }
    CHECK(system.call(SYS_shmctl, {static_cast<std::uint64_t>(id), IPC_RMID, 0}) == 0);
}

TEST_CASE("identifiers: an index that is free again comes back under another identifier") {
    TestSystem system;
    const std::int64_t first = system.call(SYS_msgget, {IPC_PRIVATE, 0600});
    CHECK(first == 0);
    CHECK(system.call(SYS_msgctl, {0, IPC_RMID, 0}) == 0);
    std::int64_t id = 0;
    for (int i = 0; i < 64; ++i) {
        id = system.call(SYS_msgget, {IPC_PRIVATE, 0600});
        CHECK(system.call(SYS_msgctl, {static_cast<std::uint64_t>(id), IPC_RMID, 0}) == 0);
    }
    CHECK(id == 1 << 15);
    CHECK(system.call(SYS_msgctl, {0, IPC_RMID, 0}) == minus(Errno::einval));
}

TEST_CASE("messages and semaphores take no more of the host than a part of the machine's memory") {
    TestSystem system;
    const auto queue = static_cast<std::uint64_t>(system.call(SYS_msgget, {IPC_PRIVATE, 0600}));
    msqid_ds status{};
    REQUIRE(system.call(SYS_msgctl, {queue, IPC_STAT, data}) == 0);
    status = system.get<msqid_ds>(data);
    status.msg_qbytes = 1 << 30;
    system.put(data, status);
    REQUIRE(system.call(SYS_msgctl, {queue, IPC_SET, data}) == 0);
    system.put(data, std::int64_t{1});
    std::int64_t answer = 0;
    int sent = 0;
    for (; answer == 0 && sent < 1000; ++sent) answer = system.call(SYS_msgsnd, {queue, data, 4096, IPC_NOWAIT});
    CHECK(answer == minus(Errno::enomem));
    CHECK(sent < 64 / 4 + 2);
    CHECK(system.call(SYS_semget, {IPC_PRIVATE, 32000, 0600}) == minus(Errno::enomem));
    CHECK(system.call(SYS_semget, {IPC_PRIVATE, 100, 0600}) >= 0);
}

TEST_CASE("protection keys: the processor has none") {
    TestSystem system;
    CHECK(system.call(SYS_pkey_alloc, {1, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_alloc, {0, 4}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_alloc, {0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_free, {0}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_mprotect, {data, page_size, PROT_READ, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_mprotect, {data + 1, page_size, PROT_READ, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_pkey_mprotect, {data, 0, PROT_READ, 0}) == 0);
    CHECK(system.call(SYS_pkey_mprotect, {data, page_size, PROT_READ, test::negative(-1)}) == 0);
    CHECK(system.call(SYS_pkey_mprotect, {data, page_size, PROT_READ | PROT_WRITE, test::negative(-1)}) == 0);
}

TEST_CASE("the wider memory calls as strace prints them") {
    test::Traced traced;
    const auto line = [&](std::uint64_t number, std::initializer_list<std::uint64_t> arguments) {
        return traced.line(number, arguments);
    };
    CHECK(line(SYS_shmget, {IPC_PRIVATE, 4096, IPC_CREAT | 0600}) == "shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 0");
    CHECK(line(SYS_shmat, {7, 0, SHM_RDONLY}) == "shmat(7, NULL, SHM_RDONLY) = -1 EINVAL (Invalid argument)");
    CHECK(line(SYS_shmctl, {0, IPC_RMID, 0}) == "shmctl(0, IPC_RMID, NULL) = 0");
    CHECK(line(SYS_semget, {0x1234, 1, 0}) == "semget(0x1234, 1, 000) = -1 ENOENT (No such file or directory)");
    CHECK(line(SYS_membarrier, {0, 0}) ==
          "membarrier(MEMBARRIER_CMD_QUERY, 0) = 0x3ff "
          "(MEMBARRIER_CMD_GLOBAL|MEMBARRIER_CMD_GLOBAL_EXPEDITED|MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED|"
          "MEMBARRIER_CMD_PRIVATE_EXPEDITED|MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED|"
          "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE|MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE|"
          "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ|MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ|0x200)");
    CHECK(line(SYS_userfaultfd, {O_CLOEXEC | O_NONBLOCK}) == "userfaultfd(O_NONBLOCK|O_CLOEXEC) = 2");
    CHECK(line(SYS_set_mempolicy, {0, 0, 0}) == "set_mempolicy(MPOL_DEFAULT, NULL, 0) = 0");
}

}  // namespace fl::kernel
