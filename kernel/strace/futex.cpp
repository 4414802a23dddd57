// futex(2): which arguments there are, and of what kind, depends on the operation; see processes.hpp.
#include "kernel/strace/processes.hpp"
#include "kernel/strace/scalars.hpp"
#include "kernel/strace/time.hpp"

#include <fmt/format.h>
#include <linux/futex.h>

namespace fl::kernel::strace {

namespace {

// What the third to sixth argument of an operation are.
struct Shape {
    const char* name;
    bool value, timeout, second_count, second_address, bits, comparison, wake_operation;
};
constexpr Shape shapes[] = {
    {"WAIT", true, true, false, false, false, false, false},
    {"WAKE", true, false, false, false, false, false, false},
    {"FD", true, false, false, false, false, false, false},
    {"REQUEUE", true, false, true, true, false, false, false},
    {"CMP_REQUEUE", true, false, true, true, false, true, false},
    {"WAKE_OP", true, false, true, true, false, false, true},
    {"LOCK_PI", false, true, false, false, false, false, false},
    {"UNLOCK_PI", false, false, false, false, false, false, false},
    {"TRYLOCK_PI", false, false, false, false, false, false, false},
    {"WAIT_BITSET", true, true, false, false, true, false, false},
    {"WAKE_BITSET", true, false, false, false, true, false, false},
    {"WAIT_REQUEUE_PI", true, true, false, true, false, false, false},
    {"CMP_REQUEUE_PI", true, false, true, true, false, true, false},
    {"LOCK_PI2", false, true, false, false, false, false, false},
};

const Shape* shape_of(const Call& call) {
    const std::uint64_t command = call.arguments[1] & FUTEX_CMD_MASK & 0xffff'ffff;
    return command < std::size(shapes) ? &shapes[command] : nullptr;
}

// Bits 28-30 the operation, 31 whether its operand is a shift, 24-27 the comparison, 12 bits for each operand.
std::string wake_operation_text(std::uint32_t value) {
    static constexpr std::array operations = {"SET", "ADD", "OR", "ANDN", "XOR"};
    static constexpr std::array comparisons = {"EQ", "NE", "LT", "LE", "GT", "GE"};
    const std::uint32_t operation = value >> 28 & 7, comparison = value >> 24 & 0xf;
    const auto named = [](std::string_view prefix, const auto& names, std::uint32_t index, std::string_view unknown) {
        if (index < names.size()) return fmt::format("{}{}", prefix, names.at(index));
        return fmt::format("{:#x} /* {} */", index, unknown);
    };
    return fmt::format("{}{}<<28|{}<<12|{}<<24|{}", (value >> 31) != 0 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "",
                       named("FUTEX_OP_", operations, operation, "FUTEX_OP_???"), hexadecimal_text(value >> 12 & 0xfff),
                       named("FUTEX_OP_CMP_", comparisons, comparison, "FUTEX_OP_CMP_???"),
                       hexadecimal_text(value & 0xfff));
}

}  // namespace

std::string print_futex_operation(const Argument& a) {
    const Shape* shape = shape_of(a.call);
    if (shape == nullptr) return fmt::format("{:#x} /* FUTEX_??? */", a.unsigned_value());
    return fmt::format("FUTEX_{}{}{}", shape->name, (a.value() & FUTEX_PRIVATE_FLAG) != 0 ? "_PRIVATE" : "",
                       (a.value() & FUTEX_CLOCK_REALTIME) != 0 ? "|FUTEX_CLOCK_REALTIME" : "");
}

std::string print_futex_value(const Argument& a) {
    const Shape* shape = shape_of(a.call);
    return shape == nullptr || shape->value ? std::to_string(a.unsigned_value()) : "";
}

std::string print_futex_timeout(const Argument& a) {
    const Shape* shape = shape_of(a.call);
    if (shape == nullptr) return hexadecimal_text(a.value());
    if (shape->timeout) return timespec_text(a.call, a.value());
    return shape->second_count ? std::to_string(a.unsigned_value()) : "";
}

std::string print_futex_second(const Argument& a) {
    const Shape* shape = shape_of(a.call);
    if (shape == nullptr) return hexadecimal_text(a.value());
    return shape->second_address ? address_text(a.value()) : "";
}

std::string print_futex_third(const Argument& a) {
    const Shape* shape = shape_of(a.call);
    if (shape == nullptr) return hexadecimal_text(a.value());
    if (shape->comparison) return std::to_string(a.unsigned_value());
    if (shape->wake_operation) return wake_operation_text(a.unsigned_value());
    if (!shape->bits) return "";
    const bool any = a.unsigned_value() == FUTEX_BITSET_MATCH_ANY;
    return any ? "FUTEX_BITSET_MATCH_ANY" : hexadecimal_text(a.unsigned_value());
}

std::string print_futex_waiters(const Argument& a) {
    struct Waiter {
        std::uint64_t value, address;
        std::uint32_t flags, reserved;
    };
    static constexpr FlagName flags[] = {{2, "FUTEX_32"}, {128, "FUTEX_PRIVATE_FLAG"}};
    return array_text<Waiter>(a.call, a.value(), static_cast<std::uint32_t>(a.neighbour(1)), [](const Waiter& waiter) {
        return fmt::format("{{val={}, uaddr={}, flags={}}}", hexadecimal_text(waiter.value),
                           address_text(waiter.address), flags_text({flags, "FUTEX_???"}, waiter.flags));
    });
}

}  // namespace fl::kernel::strace
