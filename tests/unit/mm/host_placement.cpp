// Where mmap puts what it may place freely, against the kernel that this test runs on: the process's own layout is
// copied into our address space, both are asked for the same, and the addresses must be equal.
#include "tests/unit/mm/machine.hpp"

#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <random>

namespace fl::mm {

using test::Machine;

namespace {

constexpr const char* test_name = "host kernel: where mappings are placed";
constexpr std::uint64_t huge_page_bytes = 2ULL << 20;

// Straight to the kernel: a sanitizer's mmap may ask for something else. 0 stands for a refusal.
std::uint64_t native_map(std::uint64_t hint, std::uint64_t length_bytes, std::uint64_t flags) {
    const long at = ::syscall(SYS_mmap, hint, length_bytes, PROT_NONE, flags, -1, 0);
    return at == -1 ? 0 : static_cast<std::uint64_t>(at);
}

// Makes the address space of `machine` a copy of this process's, as far as placement goes.
void copy_own_layout(Machine& machine) {
    static std::array<char, 1 << 20> buffer;  // no allocation between the look and the call
    REQUIRE(machine.mm->unmap(VirtAddr(0), task_size.value()).has_value());
    const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    REQUIRE(maps >= 0);
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0; size += static_cast<std::size_t>(std::max<ssize_t>(got, 0))) {
        got = ::read(maps, buffer.data() + size, buffer.size() - 1 - size);
    }
    ::close(maps);
    buffer[size] = 0;
    for (const char* line = buffer.data(); line != nullptr && *line != 0;) {
        unsigned long start = 0;
        unsigned long end = 0;
        REQUIRE(std::sscanf(line, "%lx-%lx", &start, &end) == 2);
        const char* newline = std::strchr(line, '\n');
        const std::string_view text(line,
                                    newline != nullptr ? static_cast<std::size_t>(newline - line) : std::strlen(line));
        if (end <= task_size.value()) {
            const std::uint64_t stack = text.ends_with("[stack]") ? map_growsdown : 0;
            const auto copied = machine.mm->map(MapRequest{.hint = VirtAddr(start),
                                                           .length_bytes = end - start,
                                                           .prot = 0,
                                                           .flags = test::private_anonymous | map_fixed | stack,
                                                           .file = nullptr,
                                                           .pgoff = 0});
            REQUIRE(copied.has_value());
        }
        line = newline != nullptr ? newline + 1 : nullptr;
    }
}

// Multiples of 2 MiB, and only they, lie on huge-page boundaries: Linux 6.13 and later.
bool host_aligns_as_we_do() {
    const std::uint64_t page = native_map(0, page_size, MAP_PRIVATE | MAP_ANONYMOUS);
    const std::uint64_t aligned = native_map(0, huge_page_bytes, MAP_PRIVATE | MAP_ANONYMOUS);
    const std::uint64_t more = native_map(0, huge_page_bytes + page_size, MAP_PRIVATE | MAP_ANONYMOUS);
    const std::uint64_t shared_page = native_map(0, 3 * page_size, MAP_PRIVATE | MAP_ANONYMOUS);
    const std::uint64_t shared = native_map(0, huge_page_bytes, MAP_SHARED | MAP_ANONYMOUS);
    const bool as_we_do = aligned % huge_page_bytes == 0 && more % huge_page_bytes != 0;
    const bool shared_unaligned = shared % huge_page_bytes != 0 || shared + huge_page_bytes == aligned;
    ::munmap(reinterpret_cast<void*>(page), page_size);
    ::munmap(reinterpret_cast<void*>(aligned), huge_page_bytes);
    ::munmap(reinterpret_cast<void*>(more), huge_page_bytes + page_size);
    ::munmap(reinterpret_cast<void*>(shared_page), 3 * page_size);
    ::munmap(reinterpret_cast<void*>(shared), huge_page_bytes);
    return as_we_do && shared_unaligned;
}

struct Placed {
    std::uint64_t at;
    std::uint64_t length_bytes;
};

MapRequest random_request(std::mt19937_64& random, const std::vector<Placed>& placed) {
    MapRequest request;
    request.length_bytes = (1 + random() % 6) * page_size;
    if (random() % 4 == 0) request.length_bytes = (1 + random() % 3) * huge_page_bytes;
    if (random() % 8 == 0) request.length_bytes += huge_page_bytes;
    request.flags = map_anonymous | map_noreserve | (random() % 4 == 0 ? map_shared : map_private);
    if (random() % 6 == 0) request.flags |= map_32bit;
    if (!placed.empty() && random() % 2 == 0) {
        // In, at the edge of, or near what was placed before.
        const Placed& near = placed[random() % placed.size()];
        request.hint = VirtAddr(near.at + random() % (near.length_bytes + 8 * page_size) - 4 * page_size);
        if (random() % 6 == 0) request.flags |= map_fixed_noreplace;
    } else if (random() % 6 == 0) {
        request.hint = VirtAddr(stack_top.value() - random() % (400 * page_size));
    }
    if ((request.flags & map_fixed_noreplace) != 0 && random() % 4 != 0) request.hint = request.hint.page_floor();
    return request;
}

void compare_placements() {
    rlimit stack{};
    REQUIRE(::getrlimit(RLIMIT_STACK, &stack) == 0);
    if (stack.rlim_cur == RLIM_INFINITY) {
        MESSAGE("skipped: with an unlimited stack the kernel places mappings from below");
        return;
    }
    ResourceLimits limits;
    limits.stack_bytes = stack.rlim_cur;
    Machine machine(64, limits);
    machine.handler.observe(nullptr, nullptr);
    std::vector<Placed> placed;
    placed.reserve(64);
    std::mt19937_64 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ones in every run
    for (int step = 0; step < 600; ++step) {
        CAPTURE(step);
        if (placed.size() > 40 || (placed.size() > 4 && random() % 3 == 0)) {
            const std::size_t pick = random() % placed.size();
            REQUIRE(::syscall(SYS_munmap, placed[pick].at, placed[pick].length_bytes) == 0);
            placed[pick] = placed.back();
            placed.pop_back();
        }
        const MapRequest request = random_request(random, placed);
        CAPTURE(request.hint);
        CAPTURE(request.length_bytes);
        CAPTURE(request.flags);
        copy_own_layout(machine);
        const std::uint64_t native = native_map(request.hint.value(), request.length_bytes, request.flags);
        const std::string host = native != 0 ? "ok" : errno_name(static_cast<Errno>(errno));
        const auto ours = machine.mm->map(request);
        REQUIRE(test::outcome(ours) == host);
        if (!ours) continue;
        REQUIRE(*ours == VirtAddr(native));
        placed.push_back({native, request.length_bytes});
    }
    for (const Placed& each : placed) ::syscall(SYS_munmap, each.at, each.length_bytes);
}

}  // namespace

TEST_CASE("host kernel: where mappings are placed") {
    const int persona = ::personality(0xffffffff);
    REQUIRE(persona >= 0);
    if ((persona & ADDR_NO_RANDOMIZE) != 0) {
        if (!host_aligns_as_we_do()) {
            MESSAGE("skipped: this kernel lays large mappings out by other rules than those of Linux 6.13");
            return;
        }
        compare_placements();
        return;
    }
    // Without randomisation the area begins where ours does; that takes a new start of this very program.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::personality(static_cast<unsigned long>(persona) | ADDR_NO_RANDOMIZE) < 0) ::_exit(77);
        const std::string filter = std::string("--test-case=") + test_name;
        ::execl("/proc/self/exe", "unit_mm", filter.c_str(), static_cast<char*>(nullptr));
        ::_exit(77);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        MESSAGE("skipped: address randomisation cannot be switched off here");
        return;
    }
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace fl::mm
