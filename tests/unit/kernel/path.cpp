// Path resolution and names, through the system calls.
#include "kernel_support.hpp"

#include <fcntl.h>
#include <sys/stat.h>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t path = TestSystem::data, other_path = TestSystem::data + 2 * page_size,
                        buffer = TestSystem::data + 4 * page_size;

struct Tree {
    std::int64_t call(std::uint64_t number, const std::string& name, std::uint64_t argument = 0) {
        system.put_text(path, name);
        return system.call(number, {path, argument});
    }
    std::int64_t mkdir(const std::string& name) { return call(SYS_mkdir, name, 0755); }
    std::int64_t symlink(const std::string& target, const std::string& name) {
        system.put_text(path, target);
        system.put_text(other_path, name);
        return system.call(SYS_symlink, {path, other_path});
    }
    std::int64_t stat(const std::string& name) { return call(SYS_stat, name, buffer); }
    std::string cwd() {
        const auto size = system.call(SYS_getcwd, {buffer, page_size});
        REQUIRE(size > 0);
        return system.get_text(buffer, static_cast<std::size_t>(size) - 1);
    }

    TestSystem system{PageCount(256)};
};

}  // namespace

TEST_CASE("components, dots and slashes") {
    Tree t;
    CHECK(t.mkdir("/tmp/a") == 0);
    CHECK(t.mkdir("/tmp//a/./b/") == 0);
    CHECK(t.mkdir("/tmp/a") == minus(Errno::eexist));
    CHECK(t.mkdir("/tmp/a/..") == minus(Errno::eexist));
    CHECK(t.mkdir("/") == minus(Errno::eexist));
    CHECK(t.mkdir("/tmp/none/c") == minus(Errno::enoent));
    CHECK(t.call(SYS_chdir, "/tmp/a/b/../../a/b") == 0);
    CHECK(t.cwd() == "/tmp/a/b");
    CHECK(t.call(SYS_chdir, "../../../../../..") == 0);
    CHECK(t.cwd() == "/");
    CHECK(t.stat("") == minus(Errno::enoent));
    CHECK(t.stat("tmp/a/b/.") == 0);
    CHECK(t.stat("/dev/null/") == minus(Errno::enotdir));
    CHECK(t.stat("/dev/null/x") == minus(Errno::enotdir));
    CHECK(t.stat("/dev/null/..") == minus(Errno::enotdir));
    CHECK(t.stat("/tmp/" + std::string(255, 'n')) == minus(Errno::enoent));
    CHECK(t.stat("/tmp/" + std::string(256, 'n')) == minus(Errno::enametoolong));
    CHECK(t.stat(std::string(4096, '/')) == minus(Errno::enametoolong));
    CHECK(t.stat(std::string(4095, '/')) == 0);
}

TEST_CASE("symbolic links are followed, forty of them") {
    Tree t;
    CHECK(t.mkdir("/tmp/d") == 0);
    CHECK(t.symlink("d/../d", "/tmp/l0") == 0);
    for (int i = 1; i <= 40; ++i) {
        CHECK(t.symlink("l" + std::to_string(i - 1), "/tmp/l" + std::to_string(i)) == 0);
    }
    CHECK(t.stat("/tmp/l39") == 0);
    CHECK(t.stat("/tmp/l40") == minus(Errno::eloop));
    CHECK(t.stat("/tmp/l39/.") == 0);
    CHECK(t.stat("/tmp/l20/../l18") == 0);
    CHECK(t.stat("/tmp/l20/../l20") == minus(Errno::eloop));
    CHECK(t.call(SYS_lstat, "/tmp/l40", buffer) == 0);
    CHECK(t.system.get<struct stat>(buffer).st_size == 3);
    CHECK(t.call(SYS_lstat, "/tmp/l1/", buffer) == 0);
    CHECK(S_ISDIR(t.system.get<struct stat>(buffer).st_mode));
    CHECK(t.symlink("round", "/tmp/round") == 0);
    CHECK(t.stat("/tmp/round") == minus(Errno::eloop));
    CHECK(t.call(SYS_open, "/tmp/l0", O_NOFOLLOW) == minus(Errno::eloop));
    CHECK(t.call(SYS_open, "/tmp/l0", O_NOFOLLOW | O_DIRECTORY) == minus(Errno::enotdir));
    CHECK(t.call(SYS_open, "/tmp/l0", O_NOFOLLOW | O_PATH) == 0);
    CHECK(t.symlink("nothing", "/tmp/dangling") == 0);
    CHECK(t.stat("/tmp/dangling") == minus(Errno::enoent));
    CHECK(t.mkdir("/tmp/dangling") == minus(Errno::eexist));
    CHECK(t.symlink("x", "/tmp/new/") == minus(Errno::enoent));
}

TEST_CASE("removing names") {
    Tree t;
    CHECK(t.mkdir("/tmp/a") == 0);
    CHECK(t.mkdir("/tmp/a/b") == 0);
    CHECK(t.call(SYS_rmdir, "/tmp/a") == minus(Errno::enotempty));
    CHECK(t.call(SYS_rmdir, "/tmp/a/.") == minus(Errno::einval));
    CHECK(t.call(SYS_rmdir, "/tmp/a/..") == minus(Errno::enotempty));
    CHECK(t.call(SYS_rmdir, "/") == minus(Errno::ebusy));
    CHECK(t.call(SYS_rmdir, "/proc") == minus(Errno::ebusy));
    CHECK(t.call(SYS_rmdir, "/dev/null") == minus(Errno::enotdir));
    CHECK(t.call(SYS_rmdir, "/proc/self/task") == minus(Errno::eperm));
    CHECK(t.call(SYS_unlink, "/tmp/a") == minus(Errno::eisdir));
    CHECK(t.call(SYS_unlink, "/tmp/none") == minus(Errno::enoent));
    CHECK(t.call(SYS_unlink, "/dev/full/") == minus(Errno::enotdir));
    CHECK(t.call(SYS_unlink, "/proc/self/comm") == minus(Errno::eperm));
    CHECK(t.call(SYS_unlink, "/dev/full") == 0);
    CHECK(t.stat("/dev/full") == minus(Errno::enoent));
}

TEST_CASE("a directory that is gone") {
    Tree t;
    CHECK(t.mkdir("/tmp/a") == 0);
    CHECK(t.mkdir("/tmp/a/b") == 0);
    CHECK(t.call(SYS_chdir, "/tmp/a/b") == 0);
    CHECK(t.call(SYS_rmdir, "/tmp/a/b") == 0);
    CHECK(t.call(SYS_rmdir, "/tmp/a") == 0);
    CHECK(t.system.call(SYS_getcwd, {buffer, 100}) == minus(Errno::enoent));
    CHECK(t.mkdir("new") == minus(Errno::enoent));
    CHECK(t.stat(".") == 0);
    CHECK(t.stat("..") == 0);
    CHECK(t.call(SYS_readlink, "/proc/self/cwd") == minus(Errno::einval));
    t.system.put_text(path, "/proc/self/cwd");
    CHECK(t.system.call(SYS_readlink, {path, buffer, 100}) == 18);
    CHECK(t.system.get_text(buffer, 18) == "/tmp/a/b (deleted)");
}

TEST_CASE("directories nest as deep as there is room, and come apart again") {
    Tree t;
    CHECK(t.call(SYS_chdir, "/tmp") == 0);
    int depth = 0;
    std::int64_t made = 0;
    while ((made = t.mkdir("d")) == 0 && t.call(SYS_chdir, "d") == 0) ++depth;
    CHECK(made == minus(Errno::enospc));
    CHECK(depth > 100);
}

TEST_CASE("rights: only root passes by them") {
    Tree t;
    CHECK(t.mkdir("/tmp/closed") == 0);
    CHECK(t.mkdir("/tmp/closed/inside") == 0);
    t.system.call(SYS_umask, {0777});
    CHECK(t.mkdir("/tmp/shut") == 0);
    CHECK(t.mkdir("/tmp/shut/inside") == 0);
    t.system.task().credentials.user = t.system.task().credentials.group = {1000, 1000, 1000, 1000};
    t.system.task().credentials.capabilities.effective = 0;
    CHECK(t.stat("/tmp/shut/inside") == minus(Errno::eacces));
    CHECK(t.stat("/tmp/closed/inside") == 0);
    CHECK(t.mkdir("/tmp/closed/inside") == minus(Errno::eexist));
    CHECK(t.mkdir("/tmp/closed/new") == minus(Errno::eacces));
    CHECK(t.call(SYS_rmdir, "/tmp/closed/inside") == minus(Errno::eacces));
    CHECK(t.call(SYS_rmdir, "/tmp/closed") == minus(Errno::eperm));  // the sticky bit of /tmp
    CHECK(t.call(SYS_access, "/tmp/closed", 2) == minus(Errno::eacces));
    CHECK(t.call(SYS_access, "/tmp/closed", 5) == 0);
}

TEST_CASE("devices") {
    Tree t;
    TestSystem& system = t.system;
    CHECK(t.call(SYS_open, "/dev/null", O_RDWR) == 0);
    CHECK(t.call(SYS_open, "/dev/zero", O_RDWR) == 1);
    CHECK(t.call(SYS_open, "/dev/full", O_RDWR) == 2);
    CHECK(t.call(SYS_open, "/dev/urandom", O_RDWR) == 3);
    CHECK(t.call(SYS_open, "/dev/tty", O_RDWR) == minus(Errno::enxio));
    CHECK(system.call(SYS_read, {0, buffer, 8}) == 0);
    CHECK(system.call(SYS_write, {0, TestSystem::nowhere, 8}) == 8);
    system.put(buffer, ~std::uint64_t{0});
    CHECK(system.call(SYS_read, {1, buffer, 7}) == 7);
    CHECK(system.get<std::uint64_t>(buffer) == 0xff00'0000'0000'0000);
    CHECK(system.call(SYS_read, {1, TestSystem::data_end - 10, 100}) == 10);
    CHECK(system.call(SYS_read, {1, TestSystem::nowhere, 100}) == minus(Errno::efault));
    CHECK(system.call(SYS_write, {2, buffer, 1}) == minus(Errno::enospc));
    CHECK(system.call(SYS_read, {3, buffer, 8}) == 8);
    CHECK(system.get<std::uint64_t>(buffer) != 0);
    CHECK(system.call(SYS_lseek, {1, 100, SEEK_SET}) == 0);
}
