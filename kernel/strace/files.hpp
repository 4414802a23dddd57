// Arguments of calls on files and file systems.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_open_flags(const Argument&);
std::string print_create_mode(const Argument&);  // of a new file: only where the flags before it ask for one
std::string print_open_how(const Argument&);     // struct open_how, as many bytes as the next argument says
std::string print_access_mode(const Argument&);
std::string print_directory_entries(const Argument&);  // as many bytes as the call returned
std::string print_fcntl_argument(const Argument&);     // of the command before it
std::string print_fcntl_filled(const Argument&);       // what the command fills, in its argument's place
std::string fcntl_result(const Call&);
std::string print_position(const Argument&);        // "[5]" behind an address
std::string print_moved_position(const Argument&);  // sendfile's: "[0] => [5]"
std::uint64_t remember_position(const Argument&);
std::string print_node_mode(const Argument&);
std::string print_node_device(const Argument&);
std::string print_device_number(const Argument&);
std::string print_swap_flags(const Argument&);
std::string print_read_write_flags(const Argument&);  // of preadv2(2)
std::string print_attribute_value(const Argument&);   // of setxattr(2)
std::string print_mount_text(const Argument&);        // of mount(2): a string

std::string print_status(const Argument&);  // struct stat
std::string print_statx(const Argument&);
std::string print_statx_flags(const Argument&);
std::string print_file_system(const Argument&);  // struct statfs

// "O_RDWR|O_CREAT".
std::string open_flags_text(std::uint64_t flags);
// "S_IFREG|0644".
std::string file_mode_text(std::uint32_t mode);

extern const Names at_flag_names;
extern const Names access_flag_names;
extern const Names unlink_flag_names;
extern const Names seek_names;
extern const Names statx_mask_names;
extern const Names fcntl_command_names;
extern const Names seal_names;
extern const Names lock_command_names;
extern const Names rename_flag_names;
extern const Names allocate_flag_names;
extern const Names file_advice_names;
extern const Names sync_range_flag_names;
extern const Names attribute_flag_names;
extern const Names close_range_flag_names;
extern const Names mount_flag_names;
extern const Names unmount_flag_names;
extern const Names splice_flag_names;
extern const Names eventfd_flag_names;
extern const Names inotify_flag_names;
extern const Names inotify_event_names;

}  // namespace fl::kernel::strace
