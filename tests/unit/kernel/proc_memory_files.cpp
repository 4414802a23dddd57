// The views of memory as a program finds them in /proc: which file has which text, and the arrays of words.
#include "kernel_support.hpp"

#include <fcntl.h>

using namespace fl;
using fl::test::minus;
using fl::test::TestSystem;

namespace {

constexpr std::uint64_t path_at = TestSystem::data;
constexpr std::uint64_t buffer_at = TestSystem::data + page_size;

std::int64_t open_file(TestSystem& system, const std::string& path, int flags = O_RDONLY) {
    system.put_text(path_at, path);
    return system.call(SYS_openat, {test::negative(AT_FDCWD), path_at, static_cast<std::uint64_t>(flags)});
}

// The first bytes of the file.
std::string text_of(TestSystem& system, const std::string& path) {
    const std::int64_t file = open_file(system, path);
    REQUIRE(file >= 0);
    const std::int64_t size = system.call(SYS_read, {static_cast<std::uint64_t>(file), buffer_at, 2 * page_size});
    REQUIRE(size >= 0);
    REQUIRE(system.call(SYS_close, {static_cast<std::uint64_t>(file)}) == 0);
    return system.get_text(buffer_at, static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("/proc: each view of memory has its text") {
    TestSystem system;
    const auto begins = [&](const std::string& path, const std::string& start) {
        INFO(path);
        CHECK(text_of(system, path).substr(0, start.size()) == start);
    };
    begins("/proc/self/maps", "00100000-00108000 rw-p 00000000 00:00 0 \n");
    begins("/proc/2/maps", "00100000-00108000 rw-p 00000000 00:00 0 \n");
    begins("/proc/self/smaps", "00100000-00108000 rw-p 00000000 00:00 0 \nSize:                 32 kB\n");
    begins("/proc/self/smaps_rollup",
           "00100000-00201000 ---p 00000000 00:00 0                                  [rollup]");
    begins("/proc/self/statm", "9 ");
    begins("/proc/self/status", "Name:\t");
    begins("/proc/self/stat", "2 (");
    begins("/proc/self/limits", "Limit                     Soft Limit");
    begins("/proc/self/oom_score", "7");
    begins("/proc/self/oom_score_adj", "0\n");
    begins("/proc/meminfo", "MemTotal:            252 kB\n");
    begins("/proc/vmstat", "nr_free_pages ");
    begins("/proc/zoneinfo", "Node 0, zone   Normal\n");
    begins("/proc/buddyinfo", "Node 0, zone   Normal ");
    begins("/proc/iomem", "00000000-00000fff : Reserved\n");
    begins("/proc/version", "Linux version 6.18.0-faultline ");
    begins("/proc/filesystems", "nodev\t");
    begins("/proc/sys/vm/max_map_count", "65530\n");
    begins("/proc/sys/vm/overcommit_memory", "0\n");
    begins("/proc/sys/vm/mmap_min_addr", "65536\n");
}

TEST_CASE("/proc/self/pagemap, /proc/kpagecount, /proc/kpageflags: words at their offsets") {
    TestSystem system;
    system.put<std::uint64_t>(TestSystem::data + 3 * page_size, 1);
    const auto word_at = [&](const std::string& path, std::uint64_t index) {
        const std::int64_t file = open_file(system, path);
        REQUIRE(file >= 0);
        const auto fd = static_cast<std::uint64_t>(file);
        CHECK(system.call(SYS_pread64, {fd, buffer_at, 7, index * 8}) == minus(Errno::einval));
        CHECK(system.call(SYS_pread64, {fd, buffer_at, 8, index * 8}) == 8);
        const auto word = system.get<std::uint64_t>(buffer_at);
        CHECK(system.call(SYS_pread64, {fd, buffer_at, 8, std::uint64_t{1} << 60}) == 0);
        CHECK(system.call(SYS_lseek, {fd, 0, SEEK_END}) == minus(Errno::einval));
        CHECK(system.call(SYS_close, {fd}) == 0);
        return word;
    };
    const std::uint64_t entry = word_at("/proc/self/pagemap", TestSystem::data / page_size + 3);
    CHECK((entry & ~((1ULL << 55) - 1)) == (1ULL << 63 | 1ULL << 56));
    const std::uint64_t frame = entry & ((1ULL << 55) - 1);
    CHECK(word_at("/proc/kpagecount", frame) == 1);
    CHECK(word_at("/proc/kpageflags", frame) == 0x5828);
    CHECK(word_at("/proc/kpagecgroup", frame) == 0);
}

TEST_CASE("/proc/self/mem: reads and writes by address, EIO where nothing is mapped, EFAULT for a bad buffer") {
    TestSystem system;
    const std::int64_t file = open_file(system, "/proc/self/mem", O_RDWR);
    REQUIRE(file >= 0);
    const auto fd = static_cast<std::uint64_t>(file);
    system.put_text(buffer_at, "abc");
    CHECK(system.call(SYS_pwrite64, {fd, buffer_at, 4, TestSystem::read_only}) == 4);
    CHECK(system.get_text(TestSystem::read_only, 3) == "abc");
    CHECK(system.call(SYS_pread64, {fd, buffer_at + 64, 4, TestSystem::read_only}) == 4);
    CHECK(system.get_text(buffer_at + 64, 3) == "abc");
    CHECK(system.call(SYS_pread64, {fd, buffer_at, 4, TestSystem::nowhere}) == minus(Errno::eio));
    CHECK(system.call(SYS_pwrite64, {fd, buffer_at, 4, TestSystem::nowhere}) == minus(Errno::eio));
    CHECK(system.call(SYS_pread64, {fd, TestSystem::nowhere, 4, TestSystem::data}) == minus(Errno::efault));
    CHECK(system.call(SYS_pread64, {fd, buffer_at, 8, TestSystem::data_end - 4}) == 4);
    CHECK(system.call(SYS_lseek, {fd, TestSystem::kernel_half, SEEK_SET}) ==
          static_cast<std::int64_t>(TestSystem::kernel_half));
    CHECK(system.call(SYS_read, {fd, buffer_at, 1}) == minus(Errno::eio));
    CHECK(system.call(SYS_lseek, {fd, test::negative(-1), SEEK_SET}) == -1);
    CHECK(system.call(SYS_read, {fd, buffer_at, 2}) == minus(Errno::eio));
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_END}) == minus(Errno::einval));
}
