// How --strace looks at a system call: the call, one of its arguments, and the function that prints it.
//
// A call is printed in two steps, as strace(1) does it: what the program passes when the call is made, and from the
// first argument on that the call fills, when it is over. Everything here looks at the program's memory through
// peek_memory(), so that watching a program changes nothing about it, and reads a bounded number of bytes whatever the
// program passes.
#pragma once

#include "kernel/peek.hpp"
#include "kernel/strace/text.hpp"
#include "kernel/syscalls.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace fl::kernel::strace {

// How a call that a signal ended will go on; strace names what the kernel answers inside.
enum class Restart : std::uint8_t { none, sys, no_handler, block };

struct Call {
    const System& system;
    const char* name;  // nullptr: a number that no call has
    std::uint64_t number;
    Arguments arguments;
    // Not before the call is over.
    std::optional<Result<std::uint64_t>> result{};
    Restart restart = Restart::none;
    bool ends_task = false;  // the answer reaches nobody
    // What ArgumentFormat::remember found before the call was made.
    std::uint64_t remembered = 0;

    bool succeeded() const { return result && result->has_value(); }
    std::uint64_t value() const { return succeeded() ? **result : 0; }

    // Bytes at `address` as far as they can be read.
    std::size_t read(std::uint64_t address, std::span<std::byte> into) const {
        return peek_memory(system.memory.ram(), *system.task.mm, VirtAddr(address), into);
    }
    template <class T>
    std::optional<T> peek(std::uint64_t address) const {
        T value{};
        const auto bytes = std::as_writable_bytes(std::span(&value, 1));
        if (address == 0 || read(address, bytes) != bytes.size()) return std::nullopt;
        return value;
    }
};

struct Argument {
    const Call& call;
    std::size_t index;
    const Names* names;

    std::uint64_t value() const { return call.arguments[index]; }
    std::int32_t int_value() const { return int_argument(value()); }
    std::uint32_t unsigned_value() const { return static_cast<std::uint32_t>(value()); }
    // Of the argument `distance` places behind this one, or before it.
    std::uint64_t neighbour(int distance) const {
        return call.arguments.at(index + static_cast<std::size_t>(static_cast<std::ptrdiff_t>(distance)));
    }
};

// An empty text: the call does not take this argument, given those before it.
using Printer = std::string (*)(const Argument&);

struct ArgumentFormat {
    enum class When : std::uint8_t {
        entry,
        exit,           // the call fills it
        exit_as_is,     // printed at the end, and by its own printer where the call failed as well
        exit_appended,  // the same, with a comma of its own: for what the call fills only under some flags or commands
    };

    Printer print = nullptr;  // nullptr: the end of the list
    When when = When::entry;
    const Names* names = nullptr;
    std::uint64_t (*remember)(const Argument&) = nullptr;
};
using ArgumentFormats = std::array<ArgumentFormat, 6>;

// What stands behind " = " where the call worked; nullptr: a signed number.
using ResultPrinter = std::string (*)(const Call&);

// The most elements of an array, and bytes of a string, that are shown (-s 32).
inline constexpr std::size_t max_shown = 32;

// print(T) of what an address leads to, or the address where it leads nowhere.
template <class T, class Print>
std::string pointed_to(const Call& call, std::uint64_t address, Print&& print) {
    const auto value = call.peek<T>(address);
    return value ? print(*value) : address_text(address);
}

// "[1, 2, ...]": what was read before memory ended, and the address where nothing was.
template <class T, class Print>
std::string array_text(const Call& call, std::uint64_t address, std::uint64_t count, Print&& print) {
    if (address == 0) return "NULL";
    std::string text;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t place = address + i * sizeof(T);
        if (i == max_shown) return "[" + text + ", ...]";
        const auto element = call.peek<T>(place);
        if (!element && i == 0) return address_text(address);
        if (!element) return "[" + text + ", ... /* " + address_text(place) + " */]";
        text += (i > 0 ? ", " : "") + print(*element);
    }
    return "[" + text + "]";
}

// Up to a NUL, and cut as buffers are.
std::string string_text(const Call& call, std::uint64_t address, std::size_t shown_bytes = max_shown);
// Up to a NUL, as long as a path may be.
std::string path_text(const Call& call, std::uint64_t address);
std::string buffer_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes);
// "[5]".
std::string int_pointer_text(const Call& call, std::uint64_t address);

}  // namespace fl::kernel::strace
