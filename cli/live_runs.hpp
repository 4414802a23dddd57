// LiveRuns: programs that run under `faultline run`, each in a process of its own, for their statistics.
#pragma once

#include "lab/sweep_result.hpp"

#include <sys/types.h>
#include <tl/expected.hpp>

#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace fl::cli {

class LiveRuns {
public:
    // Runs the configuration's program and waits for it; from any number of threads. What the program prints is lost.
    // The error is one line: there is no result, and another time there may be one.
    tl::expected<lab::SweepResult, std::string> run(const lab::SweepPlan& plan,
                                                    const lab::SweepConfiguration& configuration);
    // Ends all that run at present, and all that would begin later: run() has an error for each.
    void end_all();

private:
    tl::expected<int, std::string> spawn_and_wait(const std::vector<std::string>& words, int statistics, int messages);

    std::mutex mutex_;
    std::set<pid_t> running_;
    bool is_over_ = false;
};

}  // namespace fl::cli
