#include "kernel/file_table.hpp"

#include "kernel/vfs/host_stream.hpp"
#include "kernel_support.hpp"

#include <fcntl.h>
#include <unistd.h>

using namespace fl;
using kernel::FileTable;
using kernel::HostStream;
using kernel::OnExec;
using kernel::StreamKind;

namespace {

const HostStream& stream(const FileTable& files, std::uint64_t fd) {
    return dynamic_cast<const HostStream&>(**files.find(fd));
}

}  // namespace

TEST_CASE("streams are known by what the host says of them") {
    const test::HostPipe pipe;
    const int null_device = ::open("/dev/null", O_RDWR);
    FileTable files({pipe.read_end(), pipe.write_end(), null_device, -1});
    CHECK(stream(files, 0).is_readable());
    CHECK_FALSE(stream(files, 0).is_writable());
    CHECK(stream(files, 0).kind() == StreamKind::pipe);
    CHECK(stream(files, 1).is_writable());
    CHECK_FALSE(stream(files, 1).is_readable());
    CHECK((stream(files, 2).is_readable() && stream(files, 2).is_writable()));
    CHECK(stream(files, 2).kind() == StreamKind::null_device);
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
    CHECK(*files.duplicate(1, 0, 16, OnExec::keep) == 0);
    CHECK(stream(files, 0).host_fd() == pipe.write_end());
}

TEST_CASE("duplicates take the first free number from where they may begin") {
    const test::HostPipe pipe;
    FileTable files({pipe.read_end(), pipe.write_end()});
    CHECK(*files.duplicate(0, 0, 16, OnExec::keep) == 2);
    CHECK(*files.duplicate(0, 5, 16, OnExec::close) == 5);
    CHECK(*files.on_exec(5) == OnExec::close);
    CHECK(*files.duplicate(0, 0, 16, OnExec::keep) == 3);
    CHECK(files.duplicate(9, 0, 16, OnExec::keep).error() == Errno::ebadf);
    CHECK(files.duplicate(0, 16, 16, OnExec::keep).error() == Errno::einval);
    CHECK(files.duplicate(0, 0, 4, OnExec::keep).error() == Errno::emfile);
    CHECK(*files.duplicate_to(0, 1, 16, OnExec::keep) == 1);
    CHECK(stream(files, 1).host_fd() == pipe.read_end());
    CHECK(files.duplicate_to(0, 16, 16, OnExec::keep).error() == Errno::ebadf);
    CHECK(files.duplicate_to(9, 1, 16, OnExec::keep).error() == Errno::ebadf);
    CHECK(files.set_on_exec(1, OnExec::close).has_value());
    CHECK(*files.on_exec(1) == OnExec::close);
    CHECK(files.set_on_exec(9, OnExec::close).error() == Errno::ebadf);
}
