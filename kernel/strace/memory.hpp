// Arguments of calls on memory.
#pragma once

#include "kernel/strace/argument.hpp"

namespace fl::kernel::strace {

std::string print_protection(const Argument&);
std::string print_map_flags(const Argument&);
std::string print_remap_target(const Argument&);  // only where the flags before it ask for one
std::string print_residency(const Argument&);     // mincore's bytes, one for each page of the argument before
std::string print_segments(const Argument&);      // struct iovec with their bytes, as many as the next argument says
std::string print_filled_segments(const Argument&);
std::string print_segment_places(const Argument&);  // where they are, without their bytes

std::string print_policy_mode(const Argument&);
std::string print_policy_pointer(const Argument&);
std::string print_node_mask(const Argument&);       // as many bits as the next argument says
std::string print_migrated_nodes(const Argument&);  // as many bits as the call's second argument says
std::string print_page_addresses(const Argument&);
std::string print_page_nodes(const Argument&);
std::string print_page_status(const Argument&);
std::string print_barrier_flags(const Argument&);
std::string print_barrier_processor(const Argument&);  // only where the flags before it are set
std::string barrier_result(const Call&);

std::string print_segment_id(const Argument&);  // System V: a key
std::string print_ipc_permissions(const Argument&);
std::string print_shm_flags(const Argument&);
std::string print_shm_structure(const Argument&);
std::string print_sem_operations(const Argument&);
std::string print_sem_argument(const Argument&);
std::string print_message(const Argument&);
std::string print_filled_message(const Argument&);
std::string print_msg_structure(const Argument&);

// "[{iov_base="a", iov_len=1}]"; `filled`: how many bytes of them to show; nullopt: where they are.
std::string segments_text(const Call& call, std::uint64_t address, std::uint64_t count,
                          std::optional<std::uint64_t> filled);

extern const Names advice_names;
extern const Names sync_flag_names;
extern const Names remap_flag_names;
extern const Names lock_flag_names;
extern const Names lock_all_flag_names;
extern const Names memfd_flag_names;
extern const Names pkey_access_names;
extern const Names policy_flag_names;
extern const Names policy_query_names;
extern const Names policy_move_names;
extern const Names barrier_names;
extern const Names userfault_flag_names;
extern const Names open_cloexec_names;
extern const Names pipe_flag_names;
extern const Names shm_attach_flag_names;
extern const Names shm_command_names;
extern const Names sem_command_names;
extern const Names msg_command_names;
extern const Names msg_receive_flag_names;

}  // namespace fl::kernel::strace
