// Arguments of calls on sockets.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_socket_type(const Argument&);
std::string print_socket_protocol(const Argument&);  // of the family two arguments before
std::string print_socket_address(const Argument&);   // as long as the next argument says
// What the call fills in; the length behind it was there before the call, and says how much there is now.
std::string print_filled_socket_address(const Argument&);
std::string print_socket_length(const Argument&);
std::uint64_t remember_socket_length(const Argument&);
std::string print_option_name(const Argument&);
std::string print_option(const Argument&);
std::string print_filled_option(const Argument&);

std::string print_message_header(const Argument&);
std::string print_filled_message_header(const Argument&);
std::uint64_t remember_name_length(const Argument&);
std::string print_message_headers(const Argument&);         // struct mmsghdr, as many as the next argument says
std::string print_filled_message_headers(const Argument&);  // as many as the call answered

// `size_bytes` of a struct sockaddr.
std::string socket_address_text(const Call& call, std::uint64_t address, std::uint64_t size_bytes);

extern const Names socket_family_names;
extern const Names socket_level_names;
extern const Names accept_flag_names;
extern const Names shutdown_names;
extern const Names message_flag_names;

}  // namespace fl::kernel::strace
