#include "trace/fault_comparison.hpp"

#include <doctest/doctest.h>

#include <string>

namespace fl::trace {

namespace {

constexpr VdsoBlock block{.data = {VirtAddr(0x7ffff7ff7000), VirtAddr(0x7ffff7ffd000)},
                          .image = {VirtAddr(0x7ffff7ffd000), VirtAddr(0x7ffff7fff000)}};

UserFault fault(std::uint64_t instruction, std::uint64_t address) { return {VirtAddr(instruction), VirtAddr(address)}; }

// "=" both, "<" native only, ">" emulated only, in order; and every fault appears once, in order.
std::string shape(const std::vector<UserFault>& native, const std::vector<UserFault>& emulated) {
    std::string text;
    std::size_t n = 0, e = 0;
    for (const ComparedRow& row : compare_faults(native, emulated, block)) {
        if (row.native) CHECK(*row.native == n++);
        if (row.emulated) CHECK(*row.emulated == e++);
        text += row.equal() ? '=' : row.native ? '<' : '>';
    }
    CHECK(n == native.size());
    CHECK(e == emulated.size());
    return text;
}

}  // namespace

TEST_CASE("comparison: faults are equal in instruction and address") {
    CHECK(shape({}, {}) == "");
    CHECK(shape({fault(1, 2), fault(3, 4)}, {fault(1, 2), fault(3, 4)}) == "==");
    CHECK(shape({fault(1, 2)}, {fault(1, 3)}) == "<>");
    CHECK(shape({fault(1, 2)}, {fault(2, 2)}) == "<>");
}

TEST_CASE("comparison: a fault that one side has alone does not set the rest apart") {
    const UserFault a = fault(1, 1), b = fault(2, 2), c = fault(3, 3), d = fault(4, 4);
    CHECK(shape({a, b, c, d}, {a, c, d}) == "=<==");
    CHECK(shape({a, c, d}, {a, b, c, d}) == "=>==");
    CHECK(shape({a, b, c}, {c}) == "<<=");
    CHECK(shape({}, {a, b}) == ">>");
    // The order counts.
    CHECK(shape({a, b}, {b, a}) == "<=>");
}

TEST_CASE("comparison: each kernel has its own code and data in the vDSO") {
    CHECK(shape({fault(0x7ffff7ffdb26, 0x7ffff7ff7000)}, {fault(0x7ffff7ffd60f, 0x7ffff7ff7000)}) == "=");
    CHECK(shape({fault(0x7ffff7ffdb26, 0x7ffff7ff7004)}, {fault(0x7ffff7ffd60f, 0x7ffff7ff7000)}) == "=");
    CHECK(shape({fault(0x7ffff7ffdb26, 0x7ffff7ff8000)}, {fault(0x7ffff7ffd60f, 0x7ffff7ff7000)}) == "<>");
    CHECK(shape({fault(0x401000, 0x7ffff7ff7000)}, {fault(0x7ffff7ffd60f, 0x7ffff7ff7000)}) == "<>");
    CHECK(shape({fault(0x401000, 0x7ffff7ffd020)}, {fault(0x401000, 0x7ffff7ffd024)}) == "<>");
}

TEST_CASE("comparison: lists too long and too different for an alignment are shown one behind the other") {
    std::vector<UserFault> native(5000, fault(1, 1)), emulated(5000, fault(2, 2));
    native.insert(native.begin(), fault(9, 9));
    emulated.insert(emulated.begin(), fault(9, 9));
    CHECK(shape(native, emulated) == "=" + std::string(5000, '<') + std::string(5000, '>'));
}

TEST_CASE("layouts: the block is found in maps") {
    const auto found = find_vdso_block(
        "00400000-00401000 r--p 00000000 fe:00 7 /bin/x\n"
        "7ffff7ff7000-7ffff7ffb000 r--p 00000000 00:00 0 [vvar]\n"
        "7ffff7ffb000-7ffff7ffd000 r--p 00000000 00:00 0 [vvar_vclock]\n"
        "7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0 [vdso]\n");
    REQUIRE(found.has_value());
    CHECK(found->data == block.data);
    CHECK(found->image == block.image);
    CHECK(found->size_bytes() == 0x8000);
    CHECK(!find_vdso_block("00400000-00401000 r--p 00000000 fe:00 7 /bin/x\n").has_value());
    CHECK(!find_vdso_block("").has_value());
}

TEST_CASE("layouts: what lies below a block of another size is moved") {
    constexpr VdsoBlock smaller{.data = {VirtAddr(0x7ffff7ff9000), VirtAddr(0x7ffff7ffd000)},
                                .image = {VirtAddr(0x7ffff7ffd000), VirtAddr(0x7ffff7fff000)}};
    const auto moved = [&](std::uint64_t address) {
        return move_between_layouts(VirtAddr(address), smaller, block).value();
    };
    CHECK(moved(0x401000) == 0x401000);              // the program
    CHECK(moved(0x555555555000) == 0x555555555000);  // a heap
    CHECK(moved(0x7ffff7ff8000) == 0x7ffff7ff6000);  // mapped later
    CHECK(moved(0x7ffff7ff9008) == 0x7ffff7ff7008);  // [vvar]
    CHECK(moved(0x7ffff7ffd020) == 0x7ffff7ffd020);  // [vdso]
    CHECK(moved(0x7fffffffe000) == 0x7fffffffe000);  // the stack
}

}  // namespace fl::trace
