// Links, nodes, rights, owners, times, locks and file systems, through the system calls. What root may do everywhere is
// in guest-programs/file-names.c, which Linux answers as well; here is what depends on who asks.
#include "kernel_support.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

using namespace fl;
using test::minus;
using test::negative;
using test::TestSystem;

namespace {

constexpr std::uint64_t path = TestSystem::data, other_path = TestSystem::data + page_size,
                        buffer = TestSystem::data + 2 * page_size;
constexpr std::uint64_t here = static_cast<std::uint64_t>(AT_FDCWD);

struct Files {
    std::int64_t call(std::uint64_t number, const std::string& name, std::uint64_t second = 0,
                      std::uint64_t third = 0) {
        system.put_text(path, name);
        return system.call(number, {path, second, third});
    }
    std::int64_t make(const std::string& name, std::uint64_t mode = 0644) {
        return call(SYS_open, name, O_RDWR | O_CREAT | O_EXCL, mode);
    }
    std::int64_t link(const std::string& from, const std::string& to) {
        system.put_text(other_path, to);
        return call(SYS_link, from, other_path);
    }
    std::int64_t set_times(const std::string& name, timespec accessed, timespec modified) {
        system.put(buffer, std::array{accessed, modified});
        system.put_text(path, name);
        return system.call(SYS_utimensat, {here, path, buffer, 0});
    }
    struct stat status(const std::string& name) {
        REQUIRE(call(SYS_lstat, name, buffer) == 0);
        return system.get<struct stat>(buffer);
    }
    void become(std::uint32_t user) {
        kernel::Credentials& who = system.task().credentials;
        who.user = who.group = kernel::Identity{user, user, user, user};
        who.capabilities.effective = user == 0 ? kernel::all_capabilities : 0;
    }

    TestSystem system{PageCount(256)};
};

}  // namespace

TEST_CASE("only the owner changes rights, owner and times") {
    Files f;
    REQUIRE(f.make("/tmp/root") == 0);
    REQUIRE(f.call(SYS_chmod, "/tmp/root", 0666) == 0);
    f.become(1000);
    REQUIRE(f.make("/tmp/mine", 0600) == 1);
    CHECK(f.call(SYS_chmod, "/tmp/root", 0777) == minus(Errno::eperm));
    CHECK(f.call(SYS_chown, "/tmp/root", 1000, 1000) == minus(Errno::eperm));
    CHECK(f.call(SYS_chown, "/tmp/mine", 1000, 1000) == 0);
    CHECK(f.call(SYS_chown, "/tmp/mine", 0, negative(-1)) == minus(Errno::eperm));
    CHECK(f.call(SYS_chown, "/tmp/mine", negative(-1), 7) == minus(Errno::eperm));
    CHECK(f.call(SYS_chmod, "/tmp/mine", 02755) == 0);
    CHECK(f.status("/tmp/mine").st_mode == (S_IFREG | 02755));
    CHECK(f.set_times("/tmp/root", {1, 0}, {2, 0}) == minus(Errno::eperm));
    CHECK(f.set_times("/tmp/root", {0, UTIME_NOW}, {0, UTIME_NOW}) == 0);  // who may write may touch
    CHECK(f.set_times("/tmp/root", {0, UTIME_NOW}, {0, UTIME_OMIT}) == minus(Errno::eperm));
    f.become(0);
    CHECK(f.call(SYS_chmod, "/tmp/root", 0600) == 0);
    f.become(1000);
    CHECK(f.call(SYS_utimes, "/tmp/root", 0) == minus(Errno::eacces));
    CHECK(f.call(SYS_chmod, "/proc/version", 0777) == minus(Errno::eperm));
}

TEST_CASE("times before 1970 and far ahead become the nearest that can be told") {
    Files f;
    REQUIRE(f.make("/tmp/a") == 0);
    CHECK(f.set_times("/tmp/a", {-5, 3}, {0x7fff'ffff'ffff'ffff, 999'999'999}) == 0);
    CHECK(f.status("/tmp/a").st_atim.tv_sec == 0);
    CHECK(f.status("/tmp/a").st_mtim.tv_sec > 10'000'000'000);
}

TEST_CASE("a new owner takes away the bits that lend rights") {
    Files f;
    REQUIRE(f.make("/tmp/a", 0600) == 0);
    CHECK(f.call(SYS_chmod, "/tmp/a", 06755) == 0);
    CHECK(f.call(SYS_chown, "/tmp/a", 12, 34) == 0);
    CHECK(f.status("/tmp/a").st_mode == (S_IFREG | 0755));
    CHECK(f.status("/tmp/a").st_uid == 12);
    CHECK(f.status("/tmp/a").st_gid == 34);
}

TEST_CASE("links stay in their file system, and count") {
    Files f;
    REQUIRE(f.make("/tmp/a") == 0);
    CHECK(f.link("/tmp/a", "/dev/shm/a") == minus(Errno::exdev));
    CHECK(f.link("/tmp/a", "/proc/a") == minus(Errno::exdev));
    for (int i = 0; i < 5; ++i) CHECK(f.link("/tmp/a", "/tmp/b" + std::to_string(i)) == 0);
    CHECK(f.status("/tmp/a").st_nlink == 6);
    CHECK(f.call(SYS_unlink, "/tmp/a") == 0);
    CHECK(f.status("/tmp/b3").st_nlink == 5);
    f.become(1000);
    CHECK(f.link("/tmp/b0", "/etc/b") == minus(Errno::eacces));
}

TEST_CASE("devices are not made, whoever asks") {
    Files f;
    CHECK(f.call(SYS_mknod, "/tmp/null", S_IFCHR | 0666, 0x103) == minus(Errno::eperm));
    CHECK(f.call(SYS_mknod, "/tmp/disk", S_IFBLK | 0666, 0x800) == minus(Errno::eperm));
    CHECK(f.call(SYS_lstat, "/tmp/null", buffer) == minus(Errno::enoent));
}

TEST_CASE("nobody mounts, unmounts or changes the root") {
    Files f;
    f.system.put_text(other_path, "/tmp");
    CHECK(f.system.call(SYS_mount, {0, other_path, 0, MS_BIND, 0}) == minus(Errno::eperm));
    CHECK(f.system.call(SYS_mount, {TestSystem::nowhere, other_path, 0, 0, 0}) == minus(Errno::efault));
    CHECK(f.call(SYS_umount2, "/proc") == minus(Errno::eperm));
    CHECK(f.call(SYS_umount2, "/none") == minus(Errno::enoent));
    CHECK(f.call(SYS_umount2, "/proc", 64) == minus(Errno::einval));
    CHECK(f.call(SYS_chroot, "/tmp") == minus(Errno::eperm));
    CHECK(f.call(SYS_chroot, "/dev/null") == minus(Errno::enotdir));
    CHECK(f.call(SYS_pivot_root, "/tmp", path) == minus(Errno::eperm));
}

TEST_CASE("statfs: what a memory file system holds is what files may take") {
    Files f;
    CHECK(f.call(SYS_statfs, "/dev/shm", buffer) == 0);
    const auto shm = f.system.get<struct statfs>(buffer);
    CHECK(shm.f_blocks == 240);  // of 256 pages a sixteenth stays free
    CHECK(shm.f_bfree <= shm.f_blocks);
    CHECK(shm.f_namelen == 255);
    CHECK(f.call(SYS_statfs, "/proc", buffer) == 0);
    CHECK(f.system.get<struct statfs>(buffer).f_type == 0x9fa0);
    CHECK(f.call(SYS_statfs, "/proc", TestSystem::nowhere) == minus(Errno::efault));
    CHECK(f.call(SYS_statfs, "/none", TestSystem::nowhere) == minus(Errno::enoent));
}

TEST_CASE("a lock goes with the last descriptor of its file") {
    Files f;
    REQUIRE(f.make("/tmp/a") == 0);
    REQUIRE(f.call(SYS_open, "/tmp/a", O_RDONLY) == 1);
    REQUIRE(f.system.call(SYS_dup, {0}) == 2);
    CHECK(f.system.call(SYS_flock, {0, LOCK_EX}) == 0);
    CHECK(f.system.call(SYS_flock, {2, LOCK_EX}) == 0);
    CHECK(f.system.call(SYS_flock, {1, LOCK_SH | LOCK_NB}) == minus(Errno::eagain));
    CHECK(f.system.call(SYS_close_range, {0, 0, 0}) == 0);
    CHECK(f.system.call(SYS_flock, {1, LOCK_SH | LOCK_NB}) == minus(Errno::eagain));
    CHECK(f.system.call(SYS_close_range, {2, 0xffff'ffff, 0}) == 0);
    CHECK(f.system.call(SYS_flock, {1, LOCK_SH | LOCK_NB}) == 0);
}

TEST_CASE("sendfile gives a pipe of the host what a file holds, and does not move on for what was not taken") {
    test::HostPipe pipe;
    Files f;
    f.system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({pipe.write_end()}));
    REQUIRE(f.make("/tmp/a") == 1);
    f.system.put_text(buffer, "twelve bytes");
    REQUIRE(f.system.call(SYS_write, {1, buffer, 12}) == 12);
    f.system.put(buffer, std::uint64_t{7});
    CHECK(f.system.call(SYS_sendfile, {0, 1, buffer, 100}) == 5);
    CHECK(f.system.get<std::uint64_t>(buffer) == 12);
    CHECK(pipe.take() == "bytes");
    CHECK(f.system.call(SYS_sendfile, {1, 0, 0, 100}) == minus(Errno::ebadf));
    CHECK(f.system.call(SYS_sendfile, {0, 1, TestSystem::nowhere, 100}) == minus(Errno::efault));
    f.system.put(buffer, ~std::uint64_t{0});
    CHECK(f.system.call(SYS_sendfile, {0, 1, buffer, 100}) == minus(Errno::einval));
}

TEST_CASE("copy_file_range copies what is there, within one file system") {
    Files f;
    REQUIRE(f.make("/tmp/a") == 0);
    REQUIRE(f.make("/tmp/b") == 1);
    REQUIRE(f.make("/dev/shm/c") == 2);
    std::uint64_t written = 0;
    while (written < 200'000) {
        written += static_cast<std::uint64_t>(f.system.call(SYS_write, {0, TestSystem::data, TestSystem::data_bytes}));
    }
    CHECK(f.system.call(SYS_lseek, {0, 0, SEEK_SET}) == 0);
    CHECK(f.system.call(SYS_copy_file_range, {0, 0, 1, 0, ~std::uint64_t{0} >> 2, 0}) ==
          static_cast<std::int64_t>(written));
    CHECK(f.status("/tmp/b").st_size == static_cast<off_t>(written));
    CHECK(f.system.call(SYS_copy_file_range, {0, 0, 2, 0, 10, 0}) == minus(Errno::exdev));
    f.system.put(buffer, std::array<std::uint64_t, 2>{0, ~std::uint64_t{0} - 5});
    CHECK(f.system.call(SYS_copy_file_range, {0, buffer, 1, buffer + 8, 10, 0}) == minus(Errno::einval));
}
