// The kernel's log as files: /dev/kmsg, a record for each read and write (Linux: kernel/printk/printk.c, devkmsg_*;
// Documentation/ABI/testing/dev-kmsg), and /proc/kmsg, which gives what SYSLOG_ACTION_READ gives (fs/proc/kmsg.c).
#pragma once

#include "kernel/kernel_log.hpp"
#include "kernel/vfs/file_description.hpp"

namespace fl::kernel {

Result<std::shared_ptr<FileDescription>> open_dev_kmsg(System& system, const DentryPointer& dentry, int flags);
// EPERM without CAP_SYSLOG.
Result<std::shared_ptr<FileDescription>> open_proc_kmsg(System& system, const DentryPointer& dentry, int flags);

// Whether it is one of these: neither can be spliced (kmsg_fops, kmsg_proc_ops).
bool is_kernel_log(const FileDescription& file);

enum class UntilRecord : std::uint8_t { waited, not_waited };
// Whole lines that nobody has read yet by this way, as many as fit, or a part of one (syslog_print). EFAULT; EAGAIN;
// a signal ends the wait.
Result<std::uint64_t> read_syslog(System& system, UserSegments& into, UntilRecord until);
// How many bytes that would be.
std::uint64_t unread_syslog_bytes(KernelLog& log);

}  // namespace fl::kernel
