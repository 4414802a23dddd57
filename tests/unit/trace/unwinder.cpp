#include "trace/unwinder.hpp"

#include <doctest/doctest.h>
#include <elf.h>
#include <link.h>

#include <fstream>
#include <iterator>

using namespace fl;
using namespace fl::trace;

namespace {

// What the functions below find of themselves.
struct Seen {
    CallState state;
    std::array<std::byte, 2048> stack{};
    std::vector<std::uint64_t> return_addresses;  // the innermost first
};

std::uint64_t own_return_address(void* address) { return reinterpret_cast<std::uint64_t>(address); }

// Nobody else may look at other functions' frames.
[[gnu::noinline, gnu::no_sanitize_address]] void copy_stack(Seen& seen) {
    const auto* from = reinterpret_cast<const volatile std::byte*>(seen.state.registers[CallState::rsp]);
    for (std::byte& byte : seen.stack) byte = *from++;
    seen.state.stack = seen.stack;
}

[[gnu::noinline]] void innermost(Seen& seen) {
    std::uint64_t* to = seen.state.registers.data();
    asm volatile(
        "lea (%%rip), %%rax\n\t"
        "mov %%rax, 128(%0)\n\t"
        "mov %%rsp, 56(%0)\n\t"
        "mov %%rbp, 48(%0)\n\t"
        "mov %%rbx, 24(%0)\n\t"
        "mov %%r12, 96(%0)\n\t"
        "mov %%r13, 104(%0)\n\t"
        "mov %%r14, 112(%0)\n\t"
        "mov %%r15, 120(%0)\n\t"
        :
        : "r"(to)
        : "rax", "memory");
    copy_stack(seen);
    seen.return_addresses.push_back(own_return_address(__builtin_return_address(0)));
}

[[gnu::noinline]] void outer(Seen& seen) {
    innermost(seen);
    seen.return_addresses.push_back(own_return_address(__builtin_return_address(0)));
}

std::vector<std::byte> own_file() {
    std::ifstream file("/proc/self/exe", std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto view = std::as_bytes(std::span(bytes));
    return {view.begin(), view.end()};
}

std::uint64_t own_bias() {
    std::uint64_t bias = 0;
    ::dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* to) {
            *static_cast<std::uint64_t*>(to) = info->dlpi_addr;
            return 1;  // the first is the program
        },
        &bias);
    return bias;
}

// The program as if it had been built without call frame information.
void hide_frames(std::vector<std::byte>& file) {
    auto* header = reinterpret_cast<Elf64_Ehdr*>(file.data());
    auto* segments = reinterpret_cast<Elf64_Phdr*>(file.data() + header->e_phoff);
    for (std::size_t i = 0; i < header->e_phnum; ++i) {
        if (segments[i].p_type == PT_GNU_EH_FRAME) segments[i].p_type = PT_NULL;
    }
    auto* sections = reinterpret_cast<Elf64_Shdr*>(file.data() + header->e_shoff);
    auto* names = reinterpret_cast<char*>(file.data() + sections[header->e_shstrndx].sh_offset);
    for (std::size_t i = 0; i < header->e_shnum; ++i) {
        char* name = names + sections[i].sh_name;
        if (std::string_view(name).starts_with(".eh_frame")) *name = '-';
    }
}

}  // namespace

TEST_CASE("callers are found by call frame information") {
    Seen seen;
    outer(seen);
    Unwinder unwinder(own_file(), own_bias());
    const std::vector<VirtAddr> callers = unwinder.callers(seen.state, 2);
    REQUIRE(callers.size() == 2);
    CHECK(callers[0].value() == seen.return_addresses[0]);
    CHECK(callers[1].value() == seen.return_addresses[1]);
    CHECK(unwinder.callers(seen.state, 1).size() == 1);
    CHECK(unwinder.callers(seen.state, 100).size() < 100);
}

TEST_CASE("without it they are found by the CALL in front of where they return to") {
    Seen seen;
    outer(seen);
    std::vector<std::byte> file = own_file();
    hide_frames(file);
    Unwinder unwinder(std::move(file), own_bias());
    const std::vector<VirtAddr> callers = unwinder.callers(seen.state, 2);
    REQUIRE(callers.size() == 2);
    CHECK(callers[0].value() == seen.return_addresses[0]);
    CHECK(callers[1].value() == seen.return_addresses[1]);
}

TEST_CASE("nothing is said where the stack or the file is not what it should be") {
    Seen seen;
    outer(seen);
    CallState no_stack = seen.state;
    no_stack.stack = {};
    CHECK(Unwinder(own_file(), own_bias()).callers(no_stack, 4).empty());
    CHECK(Unwinder({}, 0).callers(seen.state, 4).empty());
    CHECK(Unwinder(std::vector<std::byte>(5000), 0).callers(seen.state, 4).empty());
    CHECK(Unwinder(own_file(), 0x123000).callers(seen.state, 4).empty());
    std::vector<std::byte> cut = own_file();
    cut.resize(cut.size() / 2);
    (void)Unwinder(std::move(cut), own_bias()).callers(seen.state, 4);
}
