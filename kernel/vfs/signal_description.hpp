// signalfd(2): the signals of whoever reads it (Linux: fs/signalfd.c).
#pragma once

#include "kernel/scheduler.hpp"
#include "kernel/signals.hpp"
#include "kernel/vfs/pipe.hpp"

namespace fl::kernel {

class SignalDescription final : public NamelessDescription {
public:
    SignalDescription(int flags, NamelessFile file, Scheduler& scheduler, SignalSet wanted)
        : NamelessDescription(flags, file), scheduler_(scheduler) {
        set_wanted(wanted);
    }
    bool can_write() const override { return false; }
    std::string path() const override { return "anon_inode:[signalfd]"; }
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> seek(System&, std::int64_t, int) override { return 0; }  // noop_llseek()
    // For the task whose turn it is, as what is waiting for one is not there for another.
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override { return {&scheduler_.signal_queued()}; }

    void set_wanted(SignalSet wanted) { wanted_ = wanted & ~Signals::unblockable; }

private:
    Scheduler& scheduler_;
    SignalSet wanted_;
};

}  // namespace fl::kernel
