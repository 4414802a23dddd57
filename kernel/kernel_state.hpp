// KernelState: what the kernel keeps of itself: its log, its modules, its command line, and settings of /proc/sys that
// it follows.
#pragma once

#include "kernel/kernel_log.hpp"
#include "kernel/modules/modules.hpp"
#include "kernel/rate_limit.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace fl::kernel {

// /proc/sys/vm/dirty_*_centisecs (Linux: mm/page-writeback.c), which Flusher goes by.
struct WritebackSettings {
    std::uint32_t interval_centisecs = 500;  // dirty_writeback_centisecs; 0: never
    std::uint32_t expire_centisecs = 3000;   // dirty_expire_centisecs
    std::function<void()> changed{};         // called when somebody has set these; empty: nobody cares
};

struct KernelState {
    explicit KernelState(std::function<std::uint64_t()> now_ns) : log(std::move(now_ns)) {}

    KernelLog log;
    Modules modules;
    std::string command_line;  // as /proc/cmdline shows it, without the new line
    WritebackSettings writeback;
    RateLimit printk_rate;  // of what programs can make the kernel say
};

}  // namespace fl::kernel
