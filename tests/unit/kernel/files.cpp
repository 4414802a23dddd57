#include "kernel_support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;
constexpr std::uint64_t largest = 0x7fff'ffff'ffff'ffff;

std::uint64_t make_memfd(TestSystem& system) {
    system.put_text(data, "x");
    const std::int64_t fd = system.call(SYS_memfd_create, {data, 2});
    REQUIRE(fd >= 0);
    return static_cast<std::uint64_t>(fd);
}

std::uint64_t make_file(TestSystem& system, const std::string& path) {
    system.put_text(data, path);
    const std::int64_t fd = system.call(SYS_open, {data, O_RDWR | O_CREAT, 0600});
    REQUIRE(fd >= 0);
    return static_cast<std::uint64_t>(fd);
}

}  // namespace

TEST_CASE("files that fill the memory: ENOSPC, and the program lives on") {
    TestSystem system(PageCount(256));
    for (const std::uint64_t fd : {make_memfd(system), make_file(system, "/tmp/full")}) {
        std::uint64_t written = 0;
        std::int64_t got = 0;
        while ((got = system.call(SYS_write, {fd, data, TestSystem::data_bytes})) > 0) {
            written += static_cast<std::uint64_t>(got);
        }
        CHECK(got == minus(Errno::enospc));
        CHECK(written > 64 * page_size);
        CHECK(system.call(SYS_lseek, {fd, 0, SEEK_END}) == static_cast<std::int64_t>(written));
        CHECK(system.call(SYS_fallocate, {fd, 0, written, 64 * page_size}) == minus(Errno::enospc));
        CHECK(system.call(SYS_lseek, {fd, 0, SEEK_END}) == static_cast<std::int64_t>(written));
        CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
        CHECK(system.call(SYS_pwrite64, {fd, data, page_size, 0}) == static_cast<std::int64_t>(page_size));
        CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
    }
}

TEST_CASE("files that fill memory and swap: as many blocks as statfs(2) promised, but for page tables") {
    TestSystem system(PageCount(256));
    system.add_swap(PageCount(100));
    const std::uint64_t fd = make_file(system, "/dev/shm/full");
    CHECK(system.call(SYS_fstatfs, {fd, data + page_size}) == 0);
    const auto room = system.get<struct statfs>(data + page_size);
    CHECK(room.f_blocks == 240 + 100);
    std::uint64_t written = 0;
    while (system.call(SYS_write, {fd, data, page_size}) > 0) ++written;
    CHECK(written > 256);
    CHECK(written <= room.f_bfree);
    CHECK(written + 4 >= room.f_bfree);
    CHECK(system.call(SYS_fstatfs, {fd, data + page_size}) == 0);
    CHECK(system.get<struct statfs>(data + page_size).f_bfree == 0);
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
}

TEST_CASE("the largest file") {
    TestSystem system;
    const std::uint64_t fd = make_memfd(system);
    CHECK(system.call(SYS_ftruncate, {fd, largest}) == 0);
    CHECK(system.call(SYS_pwrite64, {fd, data, 1, largest - 1}) == 1);
    CHECK(system.call(SYS_pwrite64, {fd, data, 1, largest}) < 0);
    CHECK(system.call(SYS_fallocate, {fd, 0, largest, 1}) == minus(Errno::efbig));
    CHECK(system.call(SYS_fallocate, {fd, 0, 0, largest}) == minus(Errno::enospc));
    CHECK(system.call(SYS_fallocate, {fd, 0, largest - 10, 10}) == 0);
    CHECK(system.call(SYS_fallocate, {fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1, largest - 1}) == 0);
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_DATA}) == minus(Errno::enxio));
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_HOLE}) == 0);
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
}

TEST_CASE("what is allocated stays a hole until it is used, and is given back by a cut") {
    TestSystem system;
    const std::uint64_t fd = make_memfd(system);
    const auto before = system.memory().buddy().free_page_count();
    CHECK(system.call(SYS_fallocate, {fd, 0, 0, 4 * page_size}) == 0);
    CHECK(before == system.memory().buddy().free_page_count() + PageCount(4));
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_DATA}) == minus(Errno::enxio));
    CHECK(system.call(SYS_pread64, {fd, data, 100, page_size}) == 100);
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_DATA}) == minus(Errno::enxio));
    CHECK(system.call(SYS_pwrite64, {fd, data, 1, page_size}) == 1);
    CHECK(system.call(SYS_lseek, {fd, 0, SEEK_DATA}) == static_cast<std::int64_t>(page_size));
    CHECK(system.call(SYS_lseek, {fd, page_size, SEEK_HOLE}) == static_cast<std::int64_t>(2 * page_size));
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
    CHECK(before == system.memory().buddy().free_page_count());
}

// Pages 1 and 2 are written, 3 is allocated only; all of them go to swap and come back one by one.
TEST_CASE("what is in swap is data, takes blocks, and stays a hole where it was one") {
    TestSystem system;
    system.add_swap(PageCount(16));
    const std::uint64_t fd = make_memfd(system);
    CHECK(system.call(SYS_ftruncate, {fd, 8 * page_size}) == 0);
    CHECK(system.call(SYS_pwrite64, {fd, data, 2 * page_size, page_size}) == 2 * page_size);
    CHECK(system.call(SYS_fallocate, {fd, 0, 3 * page_size, page_size}) == 0);
    const auto at = static_cast<std::uint64_t>(
        system.call(SYS_mmap, {0, 8 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0}));
    const auto seek = [&](std::uint64_t page, std::uint64_t whence) {
        const std::int64_t found = system.call(SYS_lseek, {fd, page * page_size, whence});
        return found < 0 ? found : found / static_cast<std::int64_t>(page_size);
    };
    const auto check = [&] {
        CHECK(seek(0, SEEK_DATA) == 1);
        CHECK(seek(2, SEEK_DATA) == 2);
        CHECK(seek(3, SEEK_DATA) == minus(Errno::enxio));
        CHECK(seek(0, SEEK_HOLE) == 0);
        CHECK(seek(1, SEEK_HOLE) == 3);
        CHECK(seek(7, SEEK_HOLE) == 7);
        CHECK(system.call(SYS_fstat, {fd, data + page_size}) == 0);
        CHECK(system.get<struct stat>(data + page_size).st_blocks == 3 * 8);
    };
    check();
    const auto file = system.task().mm->vmas().find(VirtAddr(at))->file();
    for (const std::uint64_t page : {1, 2, 3}) {
        CHECK(system.memory().reclaimer()->page_out(file->cached_pages().at(page)));
    }
    CHECK(file->swapped_pages().size() == 3);
    CHECK(file->cached_page_count() == PageCount(0));
    check();
    CHECK(system.get<std::uint64_t>(at + 2 * page_size) == 0);
    CHECK(file->swapped_pages().size() == 2);
    check();
    // Read by read(2) it is a hole still, mapped it is data.
    CHECK(system.call(SYS_pread64, {fd, data, 1, 3 * page_size}) == 1);
    check();
    CHECK(system.get<std::uint64_t>(at + 3 * page_size) == 0);
    CHECK(seek(3, SEEK_DATA) == 3);
    CHECK(seek(1, SEEK_HOLE) == 4);
    CHECK(system.call(SYS_ftruncate, {fd, 0}) == 0);
    CHECK(system.call(SYS_munmap, {at, 8 * page_size}) == 0);
}

TEST_CASE("/etc has passwd and hosts") {
    TestSystem system;
    system.put_text(data, "/etc/passwd");
    const std::int64_t fd = system.call(SYS_open, {data, O_RDWR});
    REQUIRE(fd >= 0);
    const std::int64_t size = system.call(SYS_read, {static_cast<std::uint64_t>(fd), data, 200});
    REQUIRE(size > 0);
    CHECK(system.get_text(data, static_cast<std::size_t>(size)) == "root:x:0:0:root:/root:/bin/sh\n");
    CHECK(system.call(SYS_ftruncate, {static_cast<std::uint64_t>(fd), 0}) == minus(Errno::erofs));
    system.put_text(data, "/etc/hosts");
    CHECK(system.call(SYS_open, {data, O_RDONLY}) >= 0);
}
