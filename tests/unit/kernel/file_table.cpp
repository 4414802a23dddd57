#include "kernel/file_table.hpp"

#include "kernel_support.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace fl;
using kernel::FileTable;
using kernel::StreamKind;

TEST_CASE("streams are known by what the host says of them") {
    const test::HostPipe pipe;
    const int null_device = ::open("/dev/null", O_RDWR);
    FileTable files({pipe.read_end(), pipe.write_end(), null_device, -1});
    CHECK(files.find(0)->readable);
    CHECK_FALSE(files.find(0)->writable);
    CHECK(files.find(0)->kind == StreamKind::pipe);
    CHECK(files.find(1)->writable);
    CHECK_FALSE(files.find(1)->readable);
    CHECK((files.find(2)->readable && files.find(2)->writable));
    CHECK(files.find(2)->kind == StreamKind::null_device);
    CHECK(files.find(3).error() == Errno::ebadf);
    CHECK(files.find(4).error() == Errno::ebadf);
    CHECK(files.find(0xffff'ffff).error() == Errno::ebadf);
    ::close(null_device);
}

TEST_CASE("only the lower half of a register names a descriptor") {
    const test::HostPipe pipe;
    const FileTable files({pipe.read_end()});
    CHECK(files.find(0xdead'0000'0000'0000).has_value());
}

TEST_CASE("closing leaves the host's stream open and the number free") {
    const test::HostPipe pipe;
    FileTable files({pipe.read_end(), pipe.write_end()});
    CHECK(files.close(0).has_value());
    CHECK(files.close(0).error() == Errno::ebadf);
    CHECK(::fcntl(pipe.read_end(), F_GETFD) >= 0);
    CHECK(*files.duplicate(1, 0, 16, false) == 0);
    CHECK(files.find(0)->host_fd == pipe.write_end());
}

TEST_CASE("duplicates take the first free number from where they may begin") {
    const test::HostPipe pipe;
    FileTable files({pipe.read_end(), pipe.write_end()});
    CHECK(*files.duplicate(0, 0, 16, false) == 2);
    CHECK(*files.duplicate(0, 5, 16, true) == 5);
    CHECK(files.find(5)->close_on_exec);
    CHECK(*files.duplicate(0, 0, 16, false) == 3);
    CHECK(files.duplicate(9, 0, 16, false).error() == Errno::ebadf);
    CHECK(files.duplicate(0, 16, 16, false).error() == Errno::einval);
    CHECK(files.duplicate(0, 0, 4, false).error() == Errno::emfile);
    CHECK(*files.duplicate_to(0, 1, 16, false) == 1);
    CHECK(files.find(1)->host_fd == pipe.read_end());
    CHECK(files.duplicate_to(0, 16, 16, false).error() == Errno::ebadf);
    CHECK(files.duplicate_to(9, 1, 16, false).error() == Errno::ebadf);
    CHECK(files.set_close_on_exec(1, true).has_value());
    CHECK(files.find(1)->close_on_exec);
    CHECK(files.set_close_on_exec(9, true).error() == Errno::ebadf);
}
