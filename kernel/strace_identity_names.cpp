// The names of what strace_processes.hpp prints of identities, scheduling and descriptors of processes.
#include "kernel/strace_names.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace fl::kernel {

namespace {

#define NAMED(value) \
    { static_cast<std::uint32_t>(value), #value }

constexpr FlagName policies[] = {{0, "SCHED_OTHER"}, NAMED(SCHED_FIFO), NAMED(SCHED_RR),
                                 {3, "SCHED_BATCH"}, {5, "SCHED_IDLE"}, {6, "SCHED_DEADLINE"}};
constexpr FlagName priority_whos[] = {NAMED(PRIO_PROCESS), NAMED(PRIO_PGRP), NAMED(PRIO_USER)};
constexpr FlagName io_priority_whos[] = {{1, "IOPRIO_WHO_PROCESS"}, {2, "IOPRIO_WHO_PGRP"}, {3, "IOPRIO_WHO_USER"}};
constexpr FlagName pidfd_flags[] = {{O_NONBLOCK, "PIDFD_NONBLOCK"}, {O_EXCL, "PIDFD_THREAD"}};
constexpr FlagName pidfd_signal_flags[] = {
    {1, "PIDFD_SIGNAL_THREAD"}, {2, "PIDFD_SIGNAL_THREAD_GROUP"}, {4, "PIDFD_SIGNAL_PROCESS_GROUP"}};
constexpr FlagName wait_whos[] = {NAMED(P_ALL), NAMED(P_PID), NAMED(P_PGID), NAMED(P_PIDFD)};
constexpr FlagName log_actions[] = {
    {0, "SYSLOG_ACTION_CLOSE"},       {1, "SYSLOG_ACTION_OPEN"},        {2, "SYSLOG_ACTION_READ"},
    {3, "SYSLOG_ACTION_READ_ALL"},    {4, "SYSLOG_ACTION_READ_CLEAR"},  {5, "SYSLOG_ACTION_CLEAR"},
    {6, "SYSLOG_ACTION_CONSOLE_OFF"}, {7, "SYSLOG_ACTION_CONSOLE_ON"},  {8, "SYSLOG_ACTION_CONSOLE_LEVEL"},
    {9, "SYSLOG_ACTION_SIZE_UNREAD"}, {10, "SYSLOG_ACTION_SIZE_BUFFER"}};
constexpr FlagName task_controls[] = {NAMED(PR_SET_PDEATHSIG),
                                      NAMED(PR_GET_PDEATHSIG),
                                      NAMED(PR_GET_DUMPABLE),
                                      NAMED(PR_SET_DUMPABLE),
                                      NAMED(PR_GET_KEEPCAPS),
                                      NAMED(PR_SET_KEEPCAPS),
                                      NAMED(PR_GET_TIMING),
                                      NAMED(PR_SET_TIMING),
                                      NAMED(PR_SET_NAME),
                                      NAMED(PR_GET_NAME),
                                      NAMED(PR_GET_SECCOMP),
                                      NAMED(PR_SET_SECCOMP),
                                      NAMED(PR_CAPBSET_READ),
                                      NAMED(PR_CAPBSET_DROP),
                                      NAMED(PR_GET_TSC),
                                      NAMED(PR_SET_TSC),
                                      NAMED(PR_GET_SECUREBITS),
                                      NAMED(PR_SET_SECUREBITS),
                                      NAMED(PR_SET_TIMERSLACK),
                                      NAMED(PR_GET_TIMERSLACK),
                                      NAMED(PR_TASK_PERF_EVENTS_DISABLE),
                                      NAMED(PR_TASK_PERF_EVENTS_ENABLE),
                                      NAMED(PR_MCE_KILL),
                                      NAMED(PR_MCE_KILL_GET),
                                      NAMED(PR_SET_MM),
                                      NAMED(PR_SET_CHILD_SUBREAPER),
                                      NAMED(PR_GET_CHILD_SUBREAPER),
                                      NAMED(PR_SET_NO_NEW_PRIVS),
                                      NAMED(PR_GET_NO_NEW_PRIVS),
                                      NAMED(PR_GET_TID_ADDRESS),
                                      NAMED(PR_SET_THP_DISABLE),
                                      NAMED(PR_GET_THP_DISABLE),
                                      NAMED(PR_CAP_AMBIENT),
                                      NAMED(PR_GET_SPECULATION_CTRL),
                                      NAMED(PR_SET_SPECULATION_CTRL),
                                      NAMED(PR_SET_IO_FLUSHER),
                                      NAMED(PR_GET_IO_FLUSHER),
                                      NAMED(PR_SET_SYSCALL_USER_DISPATCH),
                                      NAMED(PR_SET_PTRACER),
                                      {0x5356'4d41, "PR_SET_VMA"},
                                      {0x4155'5856, "PR_GET_AUXV"}};

#undef NAMED

}  // namespace

const FlagNames policy_names = policies;
const FlagNames priority_who_names = priority_whos;
const FlagNames io_priority_who_names = io_priority_whos;
const FlagNames pidfd_flag_names = pidfd_flags;
const FlagNames pidfd_signal_flag_names = pidfd_signal_flags;
const FlagNames task_control_names = task_controls;
const FlagNames wait_who_names = wait_whos;
const FlagNames log_action_names = log_actions;

}  // namespace fl::kernel
