// Arguments of calls on clocks and timers.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_timespec(const Argument&);
std::string print_timeval(const Argument&);
std::string print_time_left(const Argument&);  // nanosleep's: only a sleep that a signal ended fills it
std::string print_clock_time_left(const Argument&);
std::string print_timezone(const Argument&);
std::string print_seconds(const Argument&);  // time(2)
std::string seconds_result(const Call&);
std::string print_itimerval(const Argument&);
std::string print_itimerspec(const Argument&);
std::string print_sigevent(const Argument&);
std::string print_tms(const Argument&);
std::string print_timex(const Argument&);
std::string timex_result(const Call&);
std::string print_utimbuf(const Argument&);
std::string print_file_times(const Argument&);     // two of struct timespec
std::string print_file_times_us(const Argument&);  // two of struct timeval

std::string timespec_text(const Call& call, std::uint64_t address);
std::string timeval_text(const Call& call, std::uint64_t address);

extern const Names clock_names;
extern const Names clock_flag_names;
extern const Names itimer_names;
extern const Names timerfd_flag_names;
extern const Names timerfd_set_flag_names;

}  // namespace fl::kernel::strace
