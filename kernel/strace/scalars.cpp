#include "kernel/strace/scalars.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

namespace fl::kernel::strace {

std::string print_int(const Argument& a) { return std::to_string(a.int_value()); }
std::string print_unsigned(const Argument& a) { return std::to_string(a.unsigned_value()); }
std::string print_long(const Argument& a) { return std::to_string(static_cast<std::int64_t>(a.value())); }
std::string print_size(const Argument& a) { return std::to_string(a.value()); }
std::string print_hexadecimal(const Argument& a) { return hexadecimal_text(a.value()); }
std::string print_address(const Argument& a) { return address_text(a.value()); }
std::string print_permissions(const Argument& a) { return octal_text(a.unsigned_value()); }
std::string print_owner(const Argument& a) { return owner_text(a.unsigned_value()); }
std::string print_signal(const Argument& a) { return signal_text(a.int_value()); }

std::string print_directory_fd(const Argument& a) {
    return a.int_value() == AT_FDCWD ? "AT_FDCWD" : std::to_string(a.int_value());
}

std::string print_flags(const Argument& a) { return flags_text(*a.names, a.unsigned_value()); }
std::string print_code(const Argument& a) { return value_text(*a.names, a.unsigned_value()); }
std::string print_long_flags(const Argument& a) { return flags_text(*a.names, a.value()); }

std::string print_path(const Argument& a) { return path_text(a.call, a.value()); }
std::string print_string(const Argument& a) { return string_text(a.call, a.value()); }
std::string print_buffer(const Argument& a) { return buffer_text(a.call, a.value(), a.neighbour(1)); }
std::string print_filled_buffer(const Argument& a) { return buffer_text(a.call, a.value(), a.call.value()); }
std::string print_random_bytes(const Argument& a) { return hexadecimal_quoted(a.call, a.value(), a.call.value()); }

std::string print_int_pointer(const Argument& a) { return int_pointer_text(a.call, a.value()); }

std::string print_long_pointer(const Argument& a) {
    return pointed_to<std::int64_t>(a.call, a.value(), [](std::int64_t value) { return fmt::format("[{}]", value); });
}

std::string print_address_pointer(const Argument& a) {
    return pointed_to<std::uint64_t>(a.call, a.value(),
                                     [](std::uint64_t value) { return "[" + address_text(value) + "]"; });
}

std::string print_int_pair(const Argument& a) {
    return pointed_to<std::array<std::int32_t, 2>>(
        a.call, a.value(), [](const auto& pair) { return fmt::format("[{}, {}]", pair[0], pair[1]); });
}

std::string hexadecimal_result(const Call& call) { return hexadecimal_text(call.value()); }
std::string octal_result(const Call& call) { return octal_text(static_cast<std::uint32_t>(call.value())); }

std::string signal_text(int number) {
    if (number >= 1 && number <= signal_count) return signal_name(number);
    return std::to_string(number);
}

std::string string_text(const Call& call, std::uint64_t address, std::size_t shown_bytes) {
    if (address == 0) return "NULL";
    // One byte more than is shown: it is NUL, or something is cut off.
    std::vector<std::byte> bytes(shown_bytes + 1);
    const std::size_t got = call.read(address, bytes);
    const auto text = std::span(bytes).first(got);
    const auto end = std::find(text.begin(), text.end(), std::byte{0});
    const auto length = static_cast<std::size_t>(end - text.begin());
    if (end == text.end() && got < bytes.size()) return address_text(address);
    return "\"" + escaped(text.first(std::min(length, shown_bytes))) + (length > shown_bytes ? "\"..." : "\"");
}

std::string path_text(const Call& call, std::uint64_t address) {
    return string_text(call, address, max_path_bytes - 1);
}

std::string buffer_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    std::array<std::byte, max_shown + 1> bytes{};
    const auto wanted = std::span(bytes).first(std::min<std::uint64_t>(size_bytes, bytes.size()));
    if (address == 0) return "NULL";
    if (call.read(address, wanted) != wanted.size()) return address_text(address);
    return quoted(wanted);
}

std::string hexadecimal_quoted(const Call& call, std::uint64_t address, std::uint64_t size_bytes) {
    std::array<std::byte, max_shown> bytes{};
    const auto wanted = std::span(bytes).first(std::min<std::uint64_t>(size_bytes, bytes.size()));
    if (address == 0 || call.read(address, wanted) != wanted.size()) return address_text(address);
    std::string text;
    for (const std::byte byte : wanted) text += fmt::format("\\x{:02x}", static_cast<unsigned>(byte));
    return "\"" + text + (size_bytes > bytes.size() ? "\"..." : "\"");
}

std::string int_pointer_text(const Call& call, std::uint64_t address) {
    return pointed_to<std::int32_t>(call, address, [](std::int32_t value) { return fmt::format("[{}]", value); });
}

}  // namespace fl::kernel::strace
