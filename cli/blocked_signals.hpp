// BlockedSignals: while it lives, SIGINT, SIGTERM and SIGHUP wait until they are asked for, in this thread and in all
// that begin in it meanwhile. Those that are ignored stay so: a shell's background commands and nohup(1) ignore some.
#pragma once

#include <csignal>

namespace fl::cli {

class BlockedSignals {
public:
    BlockedSignals();
    BlockedSignals(const BlockedSignals&) = delete;
    BlockedSignals& operator=(const BlockedSignals&) = delete;
    // One that nobody has taken does then what it does.
    ~BlockedSignals();

    // For poll(): readable once one has come.
    int descriptor() const { return descriptor_; }
    // One that has come, or 0.
    int take() const;

private:
    sigset_t before_{};
    int descriptor_ = -1;
};

}  // namespace fl::cli
