// Arguments of calls that wait for descriptors: poll, select, epoll.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_poll_set(const Argument&);
std::string poll_result(const Call&);
std::string ppoll_result(const Call&);
std::string print_descriptor_set(const Argument&);  // as many as the call's first argument says
std::string select_result(const Call&);
std::string pselect_result(const Call&);
std::string print_pselect_mask(const Argument&);
std::string print_epoll_event(const Argument&);
std::string print_epoll_events(const Argument&);  // as many as the call answered

extern const Names epoll_command_names;
extern const Names epoll_flag_names;

}  // namespace fl::kernel::strace
