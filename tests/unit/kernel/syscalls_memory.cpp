#include "kernel_support.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace fl;
using test::minus;
using test::TestSystem;

namespace {

constexpr std::uint64_t no_fd = test::negative(-1);
constexpr std::uint64_t read_write = PROT_READ | PROT_WRITE;
constexpr std::uint64_t anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

}  // namespace

TEST_CASE("mmap answers with an address, and munmap takes the pages away") {
    TestSystem system;
    const auto start = system.call(SYS_mmap, {0, 8192, read_write, anonymous, no_fd, 0});
    REQUIRE(start > 0);
    const auto address = static_cast<std::uint64_t>(start);
    system.put(address + 8191, 'x');
    CHECK(system.call(SYS_munmap, {address, 8192}) == 0);
    CHECK(system.user().read<char>(VirtAddr(address)).error() == Errno::efault);
}

TEST_CASE("mmap: what it refuses") {
    TestSystem system;
    CHECK(system.call(SYS_mmap, {0, 0, read_write, anonymous, no_fd, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, anonymous, no_fd, 1}) == minus(Errno::einval));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, MAP_ANONYMOUS, no_fd, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_mmap, {0, 1ULL << 62, read_write, anonymous, no_fd, 0}) == minus(Errno::enomem));
    // Huge pages: none is reserved; sizes that do not exist.
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, anonymous | MAP_HUGETLB, no_fd, 0}) == minus(Errno::enomem));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, anonymous | MAP_HUGETLB | 21ULL << 26, no_fd, 0}) ==
          minus(Errno::enomem));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, anonymous | MAP_HUGETLB | 40ULL << 26, no_fd, 0}) ==
          minus(Errno::einval));
}

// As Linux 6.18 answers for pipes and terminals.
TEST_CASE("mmap of a stream") {
    const test::HostPipe pipe;
    const int both = ::open("/dev/null", O_RDWR);
    TestSystem system;
    system.task().files =
        std::make_shared<kernel::FileTable>(kernel::FileTable({pipe.read_end(), pipe.write_end(), both}));
    CHECK(system.call(SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 77, 0}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_mmap, {0, 0, PROT_READ, MAP_PRIVATE, 77, 0}) == minus(Errno::ebadf));
    CHECK(system.call(SYS_mmap, {0, 0, PROT_READ, MAP_PRIVATE, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_mmap, {0, 4096, PROT_READ, 0, 0, 0}) == minus(Errno::einval));
    CHECK(system.call(SYS_mmap, {0, 1ULL << 62, PROT_READ, MAP_PRIVATE, 0, 0}) == minus(Errno::enomem));
    CHECK(system.call(SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 1, 0}) == minus(Errno::eacces));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, MAP_SHARED, 0, 0}) == minus(Errno::eacces));
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, MAP_SHARED, 2, 0}) == minus(Errno::enodev));
    CHECK(system.call(SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, 0, 0}) == minus(Errno::enodev));
    ::close(both);
}

TEST_CASE("MAP_POPULATE and MAP_LOCKED bring the pages at once, MAP_NONBLOCK does not") {
    TestSystem system;
    const auto resident = [&] { return system.task().mm->rss().anonymous.value(); };
    const std::uint64_t before = resident();
    CHECK(system.call(SYS_mmap, {0, 3 * page_size, read_write, 0x8022, test::negative(-1), 0}) > 0);
    CHECK(resident() == before + 3);
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, 0x2022, test::negative(-1), 0}) > 0);
    CHECK(resident() == before + 4);
    CHECK(system.call(SYS_mmap, {0, 4096, read_write, 0x18022, test::negative(-1), 0}) > 0);
    CHECK(system.call(SYS_mmap, {0, 4096, PROT_NONE, 0x8022, test::negative(-1), 0}) > 0);
    CHECK(resident() == before + 4);
}

TEST_CASE("mprotect takes rights away from the kernel's copies too") {
    TestSystem system;
    system.put(TestSystem::data, 'x');
    CHECK(system.call(SYS_mprotect, {TestSystem::data, 4096, PROT_READ}) == 0);
    CHECK(system.user().write(VirtAddr(TestSystem::data), 'y').error() == Errno::efault);
    CHECK(system.get<char>(TestSystem::data) == 'x');
    CHECK(system.call(SYS_mprotect, {TestSystem::data + 1, 4096, PROT_READ}) == minus(Errno::einval));
    CHECK(system.call(SYS_mprotect, {TestSystem::nowhere, 4096, PROT_READ}) == minus(Errno::enomem));
    CHECK(system.call(SYS_munmap, {TestSystem::data + 1, 4096}) == minus(Errno::einval));
    CHECK(system.call(SYS_munmap, {TestSystem::data, 0}) == minus(Errno::einval));
}

TEST_CASE("madvise(MADV_DONTNEED) empties pages; unknown advice is refused") {
    TestSystem system;
    system.put(TestSystem::data, 'x');
    CHECK(system.call(SYS_madvise, {TestSystem::data, 4096, MADV_DONTNEED}) == 0);
    CHECK(system.get<char>(TestSystem::data) == 0);
    CHECK(system.call(SYS_madvise, {TestSystem::data, 4096, 9999}) == minus(Errno::einval));
}

TEST_CASE("brk answers with the break, also where it does not move") {
    TestSystem system;
    system.task().mm->set_start_brk(VirtAddr(0x50'0000));
    CHECK(system.call(SYS_brk, {0}) == 0x50'0000);
    CHECK(system.call(SYS_brk, {0x50'1234}) == 0x50'1234);
    system.put(0x50'1233, 'x');
    CHECK(system.call(SYS_brk, {0x40'0000}) == 0x50'1234);
    CHECK(system.call(SYS_brk, {TestSystem::kernel_half}) == 0x50'1234);
    CHECK(system.call(SYS_brk, {0x50'0000}) == 0x50'0000);
}
