// Arguments of calls that make, wait for, describe and end tasks.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_clone_stack(const Argument&);
std::string print_clone_flags(const Argument&);
std::string print_clone_parent_tid(const Argument&);
std::string print_clone_child_tid(const Argument&);
std::string print_clone_tls(const Argument&);
std::string print_clone_structure(const Argument&);
std::string print_clone_filled(const Argument&);  // what clone3 wrote: " => {parent_tid=[5]}"
std::string print_strings(const Argument&);       // argv
std::string print_environment(const Argument&);   // its address and how many there are
std::string print_wait_status(const Argument&);
std::string print_usage(const Argument&);
std::string print_wait_usage(const Argument&);  // filled where there is a child to tell of

std::string print_futex_operation(const Argument&);
std::string print_futex_value(const Argument&);
std::string print_futex_timeout(const Argument&);
std::string print_futex_second(const Argument&);
std::string print_futex_third(const Argument&);
std::string print_futex_waiters(const Argument&);

std::string print_limit(const Argument&);
std::string print_processor_set(const Argument&);         // as many bytes as the argument before says
std::string print_filled_processor_set(const Argument&);  // as many bytes as the call answered
std::string print_schedule_attributes(const Argument&);
std::string scheduler_result(const Call&);
std::string print_io_priority(const Argument&);
std::string io_priority_result(const Call&);
std::string print_capability_header(const Argument&);
std::string print_capability_sets(const Argument&);
std::string print_groups(const Argument&);         // as many as the argument before says
std::string print_filled_groups(const Argument&);  // as many as the call answered
std::string print_names(const Argument&);          // struct utsname
std::string print_system_information(const Argument&);
std::string print_persona(const Argument&);
std::string persona_result(const Call&);

std::string print_prctl_option(const Argument&);
// All arguments behind the option; and the one that the call fills, where there is one.
std::string print_prctl_arguments(const Argument&);
std::string print_prctl_filled(const Argument&);
std::string prctl_result(const Call&);
std::string print_arch_prctl_argument(const Argument&);
std::string print_arch_prctl_filled(const Argument&);

std::string capability_text(std::uint64_t number);

extern const Names clone_flag_names;
extern const Names wait_flag_names;
extern const Names wait_kind_names;
extern const Names resource_names;
extern const Names usage_who_names;
extern const Names scheduler_names;
extern const Names schedule_flag_names;
extern const Names priority_who_names;
extern const Names io_priority_who_names;
extern const Names random_flag_names;
extern const Names pidfd_flag_names;
extern const Names namespace_names;
extern const Names kcmp_names;
extern const Names arch_prctl_names;

}  // namespace fl::kernel::strace
