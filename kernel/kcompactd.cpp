#include "kernel/kcompactd.hpp"

#include <utility>

namespace fl::kernel {

namespace {

constexpr std::uint32_t pf_kcompactd = 0x1'0000;  // include/linux/sched.h

}  // namespace

void Kcompactd::add_thread(const System& like) {
    if (!parts_.options.kcompactd) return;
    System& system = parts_.processes.add_kernel_thread(
        like, {.name = "kcompactd0", .flags = pf_kcompactd, .work = [this](System& own) { run(own); }});
    thread_ = &system.task;
    parts_.memory.compaction().set_daemon([this] { wake(); });
}

void Kcompactd::wake() {
    is_due_ = true;
    parts_.scheduler.wake(*thread_, WakeReason::event);
    parts_.stop_program();
}

void Kcompactd::run(System& system) {
    while (!system.task.exit) {
        if (std::exchange(is_due_, false)) {
            parts_.memory.compaction().run_daemon();
        } else {
            (void)parts_.scheduler.wait(system.task, WaitRequest{});
        }
    }
    parts_.memory.compaction().set_daemon({});
    thread_ = nullptr;
}

}  // namespace fl::kernel
