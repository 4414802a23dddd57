// The names of flags and codes, as strace(1) prints them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace fl::kernel {

struct FlagName {
    std::uint64_t value;
    const char* text;
};
using FlagNames = std::span<const FlagName>;

// "PROT_READ|PROT_WRITE"; what has no name as a number at the end; the name of 0 where nothing is set.
std::string flags_text(FlagNames names, std::uint64_t flags);
// The one name of a value, or the number.
std::string value_text(FlagNames names, std::uint64_t value);
std::string map_flags_text(std::uint64_t flags);
// personality(2): "PER_LINUX|ADDR_NO_RANDOMIZE"; the query as a number.
std::string persona_text(std::uint64_t value);
// Whether a call answers with an address: brk, mmap, mremap, shmat.
bool answers_with_address(std::uint64_t syscall_number);

extern const FlagNames protection_names;
extern const FlagNames advice_names;
extern const FlagNames sync_flag_names;
extern const FlagNames remap_flag_names;
extern const FlagNames lock_flag_names;
extern const FlagNames lock_all_flag_names;
extern const FlagNames signal_how_names;
extern const FlagNames action_flag_names;
extern const FlagNames stack_flag_names;
extern const FlagNames clock_names;
extern const FlagNames clock_flag_names;
extern const FlagNames resource_names;
extern const FlagNames usage_who_names;
extern const FlagNames random_flag_names;
extern const FlagNames prctl_code_names;
extern const FlagNames at_flag_names;
extern const FlagNames ioctl_request_names;
extern const FlagNames seek_names;
extern const FlagNames open_mode_names;
extern const FlagNames open_flag_names;
extern const FlagNames access_names;
extern const FlagNames statx_mask_names;
extern const FlagNames fcntl_command_names;
extern const FlagNames seal_names;
extern const FlagNames lock_command_names;
extern const FlagNames rename_flag_names;
extern const FlagNames allocate_flag_names;
extern const FlagNames duplicate_flag_names;
extern const FlagNames memfd_flag_names;
extern const FlagNames file_advice_names;
extern const FlagNames sync_range_flag_names;
extern const FlagNames attribute_flag_names;
extern const FlagNames close_range_flag_names;
extern const FlagNames statx_attribute_names;
extern const FlagNames mount_flag_names;
extern const FlagNames unmount_flag_names;
extern const FlagNames file_system_type_names;
extern const FlagNames file_system_flag_names;
extern const FlagNames policy_names;
extern const FlagNames priority_who_names;
extern const FlagNames io_priority_who_names;
extern const FlagNames pidfd_flag_names;
extern const FlagNames pidfd_signal_flag_names;
extern const FlagNames task_control_names;
extern const FlagNames wait_who_names;
extern const FlagNames log_action_names;

struct CodeName {
    int signal;
    int code;
    const char* text;
};
extern const std::span<const CodeName> fault_code_names;

}  // namespace fl::kernel
