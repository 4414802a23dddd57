// Arguments that many calls have: numbers, names, addresses, strings, paths, bytes.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_int(const Argument&);
std::string print_unsigned(const Argument&);  // 32 bits
std::string print_long(const Argument&);
std::string print_size(const Argument&);  // 64 bits, unsigned
std::string print_hexadecimal(const Argument&);
std::string print_address(const Argument&);
std::string print_permissions(const Argument&);  // octal
std::string print_owner(const Argument&);
std::string print_directory_fd(const Argument&);
std::string print_signal(const Argument&);

// Named by Argument::names; the first two look at 32 bits.
std::string print_flags(const Argument&);
std::string print_code(const Argument&);
std::string print_long_flags(const Argument&);

std::string print_path(const Argument&);
std::string print_string(const Argument&);
// As many bytes as the next argument says; as the call answered.
std::string print_buffer(const Argument&);
std::string print_filled_buffer(const Argument&);
std::string print_random_bytes(const Argument&);

std::string print_int_pointer(const Argument&);   // "[5]"
std::string print_long_pointer(const Argument&);  // "[5]", 64 bits
std::string print_address_pointer(const Argument&);
std::string print_int_pair(const Argument&);  // "[3, 4]"

std::string hexadecimal_result(const Call&);
std::string octal_result(const Call&);

// "SIGTERM", "SIGRT_1", "99".
std::string signal_text(int number);
// A quoted text, with all bytes as "\x41".
std::string hexadecimal_quoted(const Call& call, std::uint64_t address, std::uint64_t size_bytes);

}  // namespace fl::kernel::strace
