#include "kernel_support.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t data = TestSystem::data;

// A process whose standard input and output are pipes, and the host's ends of them.
struct Piped {
    Piped() {
        ::signal(SIGPIPE, SIG_IGN);
        system.task().files =
            std::make_shared<kernel::FileTable>(kernel::FileTable({input.read_end(), output.write_end()}));
    }

    test::HostPipe input, output;
    TestSystem system;
};

struct UserIovec {
    std::uint64_t base, size;
};

// A regular file of the host that is gone as soon as it is closed.
class TemporaryFile {
public:
    TemporaryFile() : file_(std::tmpfile()) { REQUIRE(file_ != nullptr); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() { std::fclose(file_); }
    int fd() const { return ::fileno(file_); }

private:
    std::FILE* file_;
};

}  // namespace

TEST_CASE("write goes straight to the host") {
    Piped p;
    p.system.put_text(data, "hello");
    CHECK(p.system.call(SYS_write, {1, data, 5}) == 5);
    CHECK(p.output.take() == "hello");
    CHECK(p.system.call(SYS_write, {1, data, 0}) == 0);
    CHECK(p.system.call(SYS_write, {1, TestSystem::nowhere, 0}) == 0);
}

TEST_CASE("write: errors") {
    Piped p;
    CHECK(p.system.call(SYS_write, {77, data, 1}) == minus(Errno::ebadf));
    CHECK(p.system.call(SYS_write, {0, data, 1}) == minus(Errno::ebadf));
    CHECK(p.system.call(SYS_write, {1, TestSystem::nowhere, 1}) == minus(Errno::efault));
    CHECK(p.system.call(SYS_write, {1, TestSystem::kernel_half, 1}) == minus(Errno::efault));
    CHECK(p.system.call(SYS_write, {1, data, ~std::uint64_t{0}}) == minus(Errno::efault));
    CHECK(p.output.take().empty());
}

TEST_CASE("write of a buffer that ends nowhere: a pipe takes whole pages, a file all that there is") {
    Piped p;
    const std::uint64_t start = TestSystem::data_end - 5000;
    CHECK(p.system.call(SYS_write, {1, start, 6000}) == 4096);
    CHECK(p.output.take().size() == 4096);
    CHECK(p.system.call(SYS_write, {1, TestSystem::data_end - 10, 20}) == minus(Errno::efault));
    const TemporaryFile file;
    p.system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({file.fd()}));
    CHECK(p.system.call(SYS_write, {0, TestSystem::data_end - 10, 20}) == 10);
}

TEST_CASE("/dev/null takes bytes without touching them") {
    const int null_device = ::open("/dev/null", O_WRONLY);
    TestSystem system;
    system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({null_device}));
    const auto faults = system.faults().counters().total();
    CHECK(system.call(SYS_write, {0, TestSystem::nowhere, 100}) == 100);
    CHECK(system.call(SYS_write, {0, TestSystem::kernel_half, 100}) == minus(Errno::efault));
    CHECK(system.faults().counters().total() == faults);
    ::close(null_device);
}

TEST_CASE("several segments without a byte ask nobody") {
    TestSystem system;
    system.put_text(data, "/dev/full");
    REQUIRE(system.call(SYS_open, {data, O_RDWR, 0}) == 0);
    system.put_text(data, "/");
    REQUIRE(system.call(SYS_open, {data, O_RDONLY | O_DIRECTORY, 0}) == 1);
    system.put(data, std::array<std::uint64_t, 4>{data, 0, data, 0});
    CHECK(system.call(SYS_writev, {0, data, 2}) == 0);
    CHECK(system.call(SYS_writev, {0, data, 0}) == 0);
    CHECK(system.call(SYS_write, {0, data, 0}) == minus(Errno::enospc));
    CHECK(system.call(SYS_readv, {1, data, 2}) == 0);
    CHECK(system.call(SYS_preadv, {1, data, 1, 5}) == 0);
    CHECK(system.call(SYS_read, {1, data, 0}) == minus(Errno::eisdir));
    CHECK(system.call(SYS_writev, {1, data, 2}) == minus(Errno::ebadf));
    // What cannot be read or written at all is not asked, either.
    system.put_text(data, "/proc/self/maps");
    REQUIRE(system.call(SYS_open, {data, O_RDWR, 0}) == 2);
    REQUIRE(system.call(SYS_epoll_create1, {0}) == 3);
    REQUIRE(system.call(SYS_timerfd_create, {1 /* CLOCK_MONOTONIC */, 0}) == 4);
    system.put(data, std::array<std::uint64_t, 2>{data, 0});
    CHECK(system.call(SYS_readv, {2, data, 1}) == 0);
    CHECK(system.call(SYS_writev, {2, data, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_readv, {3, data, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_writev, {3, data, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_readv, {4, data, 1}) == 0);
    CHECK(system.call(SYS_writev, {4, data, 1}) == minus(Errno::einval));
}

TEST_CASE("nobody reads: EPIPE and SIGPIPE") {
    Piped p;
    p.output.close_read_end();
    p.system.put_text(data, "x");
    CHECK(p.system.call(SYS_write, {1, data, 1}) == minus(Errno::epipe));
    const auto delivery = p.system.signals().next();
    REQUIRE(delivery.has_value());
    CHECK(delivery->info.number == SIGPIPE);
    CHECK(delivery->info.code == kernel::si_code_user);
    CHECK(delivery->info.pid == p.system.task().pid);
}

TEST_CASE("writev gathers, in order and across pages") {
    Piped p;
    p.system.put_text(data + 4090, "0123456789");
    p.system.put_text(data, "ab");
    p.system.put(data + 100, UserIovec{data, 2});
    p.system.put(data + 116, UserIovec{TestSystem::nowhere, 0});
    p.system.put(data + 132, UserIovec{data + 4090, 10});
    CHECK(p.system.call(SYS_writev, {1, data + 100, 3}) == 12);
    CHECK(p.output.take() == "ab0123456789");
    CHECK(p.system.call(SYS_writev, {1, data + 100, 0}) == 0);
}

TEST_CASE("writev: errors come in Linux's order") {
    Piped p;
    CHECK(p.system.call(SYS_writev, {77, TestSystem::nowhere, ~std::uint64_t{0}}) == minus(Errno::ebadf));
    CHECK(p.system.call(SYS_writev, {1, data, 1025}) == minus(Errno::einval));
    CHECK(p.system.call(SYS_writev, {1, data, ~std::uint64_t{0}}) == minus(Errno::einval));
    CHECK(p.system.call(SYS_writev, {1, TestSystem::nowhere, 1}) == minus(Errno::efault));
    p.system.put(data, UserIovec{data, ~std::uint64_t{0}});
    CHECK(p.system.call(SYS_writev, {1, data, 1}) == minus(Errno::einval));
    p.system.put(data, UserIovec{TestSystem::kernel_half, 1});
    CHECK(p.system.call(SYS_writev, {1, data, 1}) == minus(Errno::efault));
    p.system.put(data, UserIovec{TestSystem::nowhere, 1});
    CHECK(p.system.call(SYS_writev, {1, data, 1}) == minus(Errno::efault));
}

// As a small program natively shows it (Linux 6.18).
TEST_CASE("writev: all elements are read before their ranges count") {
    Piped p;
    constexpr std::uint64_t negative_size = ~std::uint64_t{0};
    p.system.put(data, UserIovec{TestSystem::kernel_half, 1});
    p.system.put(data + 16, UserIovec{data, negative_size});
    CHECK(p.system.call(SYS_writev, {1, data, 2}) == minus(Errno::einval));
    // A negative size in front of an element that cannot be read; the other way round.
    constexpr std::uint64_t last = TestSystem::data_end - 16;
    p.system.put(last, UserIovec{data, negative_size});
    CHECK(p.system.call(SYS_writev, {1, last, 2}) == minus(Errno::einval));
    p.system.put(last, UserIovec{data, 1});
    CHECK(p.system.call(SYS_writev, {1, last, 2}) == minus(Errno::efault));
    CHECK(p.system.call(SYS_writev, {1, TestSystem::kernel_half, 0}) == 0);
    CHECK(p.output.take().empty());
}

TEST_CASE("writev: what a single element has too much is cut off before its range counts") {
    const int null_device = ::open("/dev/null", O_WRONLY);
    TestSystem system;
    system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({null_device}));
    system.put(data, UserIovec{data, 0x7fff'ffff'ffff});
    system.put(data + 16, UserIovec{data, 1});
    CHECK(system.call(SYS_writev, {0, data, 1}) == kernel::max_transfer_bytes);
    CHECK(system.call(SYS_writev, {0, data, 2}) == minus(Errno::efault));
    ::close(null_device);
}

TEST_CASE("process_vm_readv reads its two arrays as readv does") {
    TestSystem system;
    constexpr std::uint64_t last = TestSystem::data_end - 16;
    constexpr std::uint64_t own = data + 100;
    const auto read = [&](std::uint64_t local, std::uint64_t local_count, std::uint64_t remote,
                          std::uint64_t remote_count) {
        return system.call(SYS_process_vm_readv, {system.task().pid, local, local_count, remote, remote_count, 0});
    };
    system.put_text(data + 200, "abcd");
    system.put(own, UserIovec{data + 300, 4});
    system.put(data, UserIovec{data + 200, 4});
    CHECK(read(own, 1, data, 1) == 4);
    CHECK(system.get_text(data + 300, 4) == "abcd");
    system.put(last, UserIovec{data, ~std::uint64_t{0}});
    CHECK(read(own, 1, last, 2) == minus(Errno::einval));
    CHECK(read(last, 2, own, 1) == minus(Errno::einval));
    system.put(last, UserIovec{data, 1});
    CHECK(read(own, 1, last, 2) == minus(Errno::efault));
    system.put(own, UserIovec{data + 300, 0x7fff'ffff'ffff});
    CHECK(read(own, 1, data, 1) == 4);
}

TEST_CASE("read takes what there is") {
    Piped p;
    p.input.put("hello");
    CHECK(p.system.call(SYS_read, {0, data, 100}) == 5);
    CHECK(p.system.get_text(data, 5) == "hello");
    CHECK(p.system.call(SYS_read, {0, data, 100}) == minus(Errno::eagain));  // the test's pipe does not block
    CHECK(p.system.call(SYS_read, {1, data, 1}) == minus(Errno::ebadf));
    CHECK(p.system.call(SYS_read, {77, data, 1}) == minus(Errno::ebadf));
    CHECK(p.system.call(SYS_read, {0, TestSystem::kernel_half, 1}) == minus(Errno::efault));
    p.input.put("x");
    CHECK(p.system.call(SYS_read, {0, TestSystem::read_only, 1}) == minus(Errno::efault));
}

TEST_CASE("a read touches no page behind the bytes that came") {
    Piped p;
    p.input.put("x");
    const auto faults = p.system.faults().counters().total();
    CHECK(p.system.call(SYS_read, {0, data, TestSystem::data_bytes}) == 1);
    CHECK(p.system.faults().counters().total() == faults + 1);
}

TEST_CASE("readv scatters; a file is read to its end in one call") {
    TestSystem system;
    const TemporaryFile file;
    std::string content(20'000, 'x');
    content.back() = 'y';
    REQUIRE(::write(file.fd(), content.data(), content.size()) == 20'000);
    system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({file.fd()}));
    CHECK(system.call(SYS_lseek, {0, 0, SEEK_SET}) == 0);
    system.put(data, UserIovec{data + 100, 10'000});
    system.put(data + 16, UserIovec{data + 10'100, 15'000});
    CHECK(system.call(SYS_readv, {0, data, 2}) == 20'000);
    CHECK(system.get<char>(data + 100 + 19'999) == 'y');
    CHECK(system.call(SYS_readv, {0, data, 2}) == 0);
}

TEST_CASE("lseek as the stream itself answers") {
    Piped p;
    CHECK(p.system.call(SYS_lseek, {0, 0, SEEK_SET}) == minus(Errno::espipe));
    CHECK(p.system.call(SYS_lseek, {77, 0, SEEK_SET}) == minus(Errno::ebadf));
    const TemporaryFile file;
    p.system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({file.fd()}));
    CHECK(p.system.call(SYS_lseek, {0, 7, SEEK_SET}) == 7);
    CHECK(p.system.call(SYS_lseek, {0, 0, 99}) == minus(Errno::einval));
}

TEST_CASE("close, dup, dup2, dup3, fcntl") {
    Piped p;
    TestSystem& system = p.system;
    CHECK(system.call(SYS_dup, {1}) == 2);
    CHECK(system.call(SYS_dup, {77}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_dup2, {1, 1}) == 1);
    CHECK(system.call(SYS_dup2, {77, 77}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_dup2, {1, 9'999'999}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_dup2, {1, test::negative(-1)}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_dup3, {1, 1, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_dup3, {1, 5, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_dup3, {1, 5, O_CLOEXEC}) == 5);
    CHECK(system.call(SYS_fcntl, {5, F_GETFD}) == FD_CLOEXEC);
    CHECK(system.call(SYS_fcntl, {5, F_SETFD, 0}) == 0);
    CHECK(system.call(SYS_fcntl, {5, F_GETFD}) == 0);
    CHECK(system.call(SYS_fcntl, {1, F_DUPFD, 10}) == 10);
    CHECK(system.call(SYS_fcntl, {1, F_DUPFD, 999'999'999}) == minus(Errno::einval));
    CHECK((system.call(SYS_fcntl, {1, F_GETFL}) & O_ACCMODE) == O_WRONLY);
    CHECK(system.call(SYS_fcntl, {77, F_GETFD}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_fcntl, {1, 999}) == minus(Errno::einval));
    CHECK(system.call(SYS_close, {1}) == 0);
    CHECK(system.call(SYS_close, {1}) == minus(Errno::ebadf));
    system.put_text(data, "x");
    CHECK(system.call(SYS_write, {10, data, 1}) == 1);
    CHECK(p.output.take() == "x");
}

TEST_CASE("fstat and newfstatat of a stream") {
    Piped p;
    TestSystem& system = p.system;
    system.put_text(data, "");
    system.put_text(data + 16, "some/file");
    const std::uint64_t target = data + 4096;
    CHECK(system.call(SYS_fstat, {1, target}) == 0);
    CHECK(S_ISFIFO(system.get<struct stat>(target).st_mode));
    CHECK(system.call(SYS_fstat, {77, target}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_fstat, {1, TestSystem::nowhere}) == minus(Errno::efault));
    CHECK(system.call(SYS_newfstatat, {1, data, target, AT_EMPTY_PATH}) == 0);
    CHECK(system.call(SYS_newfstatat, {1, 0, target, AT_EMPTY_PATH}) == 0);
    CHECK(system.call(SYS_newfstatat, {1, data, target, 0}) == minus(Errno::enoent));
    CHECK(system.call(SYS_newfstatat, {77, data, target, AT_EMPTY_PATH}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_newfstatat, {1, data, target, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_newfstatat, {1, TestSystem::nowhere, target, 0}) == minus(Errno::efault));
    CHECK(system.call(SYS_newfstatat, {test::negative(AT_FDCWD), data + 16, target, 0}) == minus(Errno::enoent));
}

TEST_CASE("ioctl on what is no terminal") {
    Piped p;
    CHECK(p.system.call(SYS_ioctl, {1, 0x5401, data}) == minus(Errno::enotty));
    CHECK(p.system.call(SYS_ioctl, {1, TIOCGWINSZ, data}) == minus(Errno::enotty));
    CHECK(p.system.call(SYS_ioctl, {1, 0x12345, data}) == minus(Errno::enotty));
    CHECK(p.system.call(SYS_ioctl, {77, 0x5401, data}) == minus(Errno::ebadf));
    p.input.put("abc");
    CHECK(p.system.call(SYS_ioctl, {0, FIONREAD, data}) == 0);
    CHECK(p.system.get<int>(data) == 3);
    CHECK(p.system.call(SYS_ioctl, {0, FIONREAD, TestSystem::nowhere}) == minus(Errno::efault));
}

TEST_CASE("ioctl on a terminal answers with the host's") {
    const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || ::unlockpt(master) != 0) return;
    const winsize size{24, 80, 0, 0};
    REQUIRE(::ioctl(master, TIOCSWINSZ, &size) == 0);
    TestSystem system;
    system.task().files = std::make_shared<kernel::FileTable>(kernel::FileTable({master}));
    CHECK(system.call(SYS_ioctl, {0, TIOCGWINSZ, data}) == 0);
    CHECK(system.get<winsize>(data).ws_col == 80);
    CHECK(system.call(SYS_ioctl, {0, 0x5401, data}) == 0);
    ::close(master);
}

TEST_CASE("readlink knows the program's own file") {
    TestSystem system;
    system.put_text(data, "/proc/self/exe");
    const std::uint64_t target = data + 4096;
    CHECK(system.call(SYS_readlink, {data, target, 100}) == 10);
    CHECK(system.get_text(target, 10) == "/bin/guest");
    CHECK(system.call(SYS_readlink, {data, target, 4}) == 4);
    CHECK(system.call(SYS_readlink, {data, target, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_readlink, {data, target, test::negative(-1)}) == minus(Errno::einval));
    CHECK(system.call(SYS_readlink, {data, TestSystem::nowhere, 4}) == minus(Errno::efault));
    CHECK(system.call(SYS_readlink, {TestSystem::nowhere, target, 4}) == minus(Errno::efault));
    CHECK(system.call(SYS_readlinkat, {77, data, target, 100}) == 10);
    system.put_text(data, "/proc/2/exe");
    CHECK(system.call(SYS_readlink, {data, target, 100}) == 10);
}

TEST_CASE("readlink of anything else finds nothing") {
    Piped p;
    TestSystem& system = p.system;
    const std::uint64_t target = data + 4096;
    system.put_text(data, "x");
    system.put_text(data + 16, "");
    CHECK(system.call(SYS_readlink, {data, target, 4}) == minus(Errno::enoent));
    CHECK(system.call(SYS_readlink, {data + 16, target, 4}) == minus(Errno::enoent));
    CHECK(system.call(SYS_readlinkat, {77, data, target, 4}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_readlinkat, {0, data, target, 4}) == minus(Errno::enotdir));
    CHECK(system.call(SYS_readlinkat, {0, data + 16, target, 4}) == minus(Errno::enoent));
    system.put_text(data, std::string(5000, 'x'));
    CHECK(system.call(SYS_readlink, {data, target, 4}) == minus(Errno::enametoolong));
}
