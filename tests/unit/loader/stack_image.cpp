// The initial stack against numbers observed natively (Linux 6.18, setarch -R, a static program that prints where its
// argc is).
#include "loader/stack_image.hpp"

#include "mm/mm_struct.hpp"

#include <doctest/doctest.h>
#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace fl::test {

namespace {

constexpr std::uint64_t default_stack_bytes = 8ULL << 20;
constexpr loader::AuxiliaryFacts facts{.vdso = VirtAddr(0x7ffff7ffd000),
                                       .program_headers = VirtAddr(0x400040),
                                       .program_header_count = 10,
                                       .program_header_entry_bytes = 56,
                                       .entry = VirtAddr(0x401560)};

tl::expected<loader::StackStrings, std::string> strings_of(const loader::ProgramArguments& arguments,
                                                           std::uint64_t stack_limit_bytes = default_stack_bytes) {
    return loader::lay_out_strings(arguments, mm::stack_top, stack_limit_bytes);
}

loader::StackVectors vectors_of(const loader::ProgramArguments& arguments) {
    return loader::lay_out_vectors(strings_of(arguments).value(), facts, arguments.random_bytes);
}

// The program that was observed: `env -i A=B setarch -R ./auxv x y`.
loader::ProgramArguments observed() {
    loader::ProgramArguments arguments{.execfn = "./auxv", .argv = {"./auxv", "x", "y"}, .envp = {"A=B"}};
    std::fill(arguments.random_bytes.begin(), arguments.random_bytes.end(), std::byte{0x5a});
    return arguments;
}

loader::ProgramArguments with_variables(std::size_t count) {
    return {.execfn = "./auxv", .argv = {"./auxv"}, .envp = std::vector<std::string>(count, "E")};
}

std::uint64_t word(const loader::PlacedBytes& content, VirtAddr address) {
    std::uint64_t value = 0;
    std::memcpy(&value, content.bytes.data() + (address - content.start), sizeof(value));
    return value;
}

std::uint64_t auxiliary_value(const std::vector<std::uint64_t>& auxv, std::uint64_t type) {
    for (std::size_t i = 0; i + 1 < auxv.size(); i += 2) {
        if (auxv[i] == type) return auxv[i + 1];
    }
    FAIL("no such entry: " << type);
    return 0;
}

}  // namespace

TEST_CASE("strings lie where Linux puts them") {
    const auto strings = strings_of(observed());
    REQUIRE(strings.has_value());
    CHECK(strings->argv == std::vector{VirtAddr(0x7fffffffefe2), VirtAddr(0x7fffffffefe9), VirtAddr(0x7fffffffefeb)});
    CHECK(strings->envp == std::vector{VirtAddr(0x7fffffffefed)});
    CHECK(strings->execfn == VirtAddr(0x7fffffffeff1));
    CHECK(strings->arguments == VirtRange{VirtAddr(0x7fffffffefe2), VirtAddr(0x7fffffffefed)});
    CHECK(strings->environment == VirtRange{VirtAddr(0x7fffffffefed), VirtAddr(0x7fffffffeff1)});
    CHECK(strings->content.start == VirtAddr(0x7fffffffefe2));
    const std::string_view text(reinterpret_cast<const char*>(strings->content.bytes.data()),
                                strings->content.bytes.size());
    CHECK(text == std::string_view("./auxv\0x\0y\0A=B\0./auxv\0", 22));
}

TEST_CASE("the vectors lie where Linux puts them") {
    const loader::StackVectors stack = vectors_of(observed());
    const loader::PlacedBytes& vectors = stack.vectors;
    CHECK(vectors.start == VirtAddr(0x7fffffffee20));
    CHECK(word(vectors, VirtAddr(0x7fffffffee20)) == 3);
    CHECK(word(vectors, VirtAddr(0x7fffffffee28)) == 0x7fffffffefe2);
    CHECK(word(vectors, VirtAddr(0x7fffffffee38)) == 0x7fffffffefeb);
    CHECK(word(vectors, VirtAddr(0x7fffffffee40)) == 0);
    CHECK(word(vectors, VirtAddr(0x7fffffffee48)) == 0x7fffffffefed);
    CHECK(word(vectors, VirtAddr(0x7fffffffee50)) == 0);
    CHECK(word(vectors, VirtAddr(0x7fffffffee58)) == stack.auxv[0]);
    CHECK(stack.identity.start == VirtAddr(0x7fffffffefc9));
    CHECK(stack.identity.bytes[15] == std::byte{0x5a});
    CHECK(std::memcmp(stack.identity.bytes.data() + 16, "x86_64", 7) == 0);
}

TEST_CASE("the auxiliary vector is complete and ends with AT_NULL") {
    const std::vector<std::uint64_t> auxv = vectors_of(observed()).auxv;
    CHECK(auxv.size() == 46);  // 23 entries, as natively: the addresses below depend on it
    CHECK((auxv[44] == AT_NULL && auxv[45] == 0));
    CHECK((auxv[0] == AT_SYSINFO_EHDR && auxv[1] == 0x7ffff7ffd000));
    CHECK(auxiliary_value(auxv, AT_PHDR) == 0x400040);
    CHECK(auxiliary_value(auxv, AT_PHENT) == 56);
    CHECK(auxiliary_value(auxv, AT_PHNUM) == 10);
    CHECK(auxiliary_value(auxv, AT_ENTRY) == 0x401560);
    CHECK(auxiliary_value(auxv, AT_PAGESZ) == 4096);
    CHECK(auxiliary_value(auxv, AT_CLKTCK) == 100);
    CHECK(auxiliary_value(auxv, AT_BASE) == 0);
    CHECK(auxiliary_value(auxv, AT_SECURE) == 0);
    CHECK(auxiliary_value(auxv, AT_RANDOM) == 0x7fffffffefc9);
    CHECK(auxiliary_value(auxv, AT_PLATFORM) == 0x7fffffffefd9);
    CHECK(auxiliary_value(auxv, AT_EXECFN) == 0x7fffffffeff1);
    CHECK(auxiliary_value(auxv, 27) == 28);  // AT_RSEQ_FEATURE_SIZE
    CHECK(auxiliary_value(auxv, 28) == 32);  // AT_RSEQ_ALIGN
}

TEST_CASE("many strings move the stack pointer as they do natively") {
    const auto stack_pointer = [](std::size_t count) { return vectors_of(with_variables(count)).vectors.start; };
    CHECK(stack_pointer(10) == VirtAddr(0x7fffffffedd0));
    CHECK(stack_pointer(10000) == VirtAddr(0x7ffffffe6790));
    CHECK(stack_pointer(50000) == VirtAddr(0x7ffffff84d10));
    CHECK(stack_pointer(209000) == VirtAddr(0x7fffffe00a20));
}

TEST_CASE("the stack pointer is aligned for every length of the strings") {
    for (std::size_t length = 0; length < 64; ++length) {
        loader::ProgramArguments arguments = observed();
        arguments.argv.emplace_back(length, 'a');
        const loader::StackVectors stack = vectors_of(arguments);
        CHECK(stack.vectors.start.value() % 16 == 0);
        // Nothing overlaps: vectors, then random bytes and platform, then strings.
        CHECK(stack.vectors.start + stack.vectors.bytes.size() <= stack.identity.start);
        CHECK(stack.identity.start + stack.identity.bytes.size() <= strings_of(arguments)->content.start);
    }
}

TEST_CASE("a program without arguments gets an empty one") {
    const auto strings = strings_of({.execfn = "x", .argv = {}, .envp = {}});
    REQUIRE(strings.has_value());
    CHECK(strings->argv.size() == 1);
    CHECK(strings->arguments.size_bytes() == 1);
}

TEST_CASE("arguments and environment may take a quarter of the stack's limit, to the byte") {
    // 10 bytes a variable, and 22 for the path, one argument and its pointer: observed natively as well.
    CHECK(strings_of(with_variables(209713)).has_value());
    const auto refused = strings_of(with_variables(209714));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error() == "arguments and environment are too long: the stack limit leaves 2048 KiB for them");
    CHECK_FALSE(strings_of(with_variables(300000)).has_value());
}

TEST_CASE("the room for arguments has a floor and a ceiling") {
    const auto limit_text = [](std::uint64_t stack_bytes) {
        return strings_of(with_variables(1000000), stack_bytes).error();
    };
    CHECK(limit_text(0).find("128 KiB") != std::string::npos);
    CHECK(limit_text(mm::ResourceLimits::infinity).find("6144 KiB") != std::string::npos);
    loader::ProgramArguments arguments{.execfn = "x", .argv = {std::string(100000, 'a')}, .envp = {}};
    CHECK(strings_of(arguments, 0).has_value());
    arguments.argv.emplace_back(40000, 'b');
    CHECK_FALSE(strings_of(arguments, 0).has_value());
    arguments.argv.clear();
    arguments.execfn = std::string(131000, 'p');
    arguments.envp = std::vector<std::string>(20, "E");
    CHECK_FALSE(strings_of(arguments, 0).has_value());
}

TEST_CASE("one string may take 128 KiB with its NUL") {
    const std::string longest(131071, 'a');
    CHECK(strings_of({.execfn = "x", .argv = {longest}, .envp = {}}).has_value());
    const std::string text = "an argument or environment string is longer than 128 KiB";
    CHECK(strings_of({.execfn = "x", .argv = {longest + "a"}, .envp = {}}).error() == text);
    CHECK(strings_of({.execfn = "x", .argv = {}, .envp = {longest + "a"}}).error() == text);
    CHECK(strings_of({.execfn = longest + "a", .argv = {}, .envp = {}}).error() == text);
}

}  // namespace fl::test
