// SweepFolder: where a sweep lies while it is measured: the plan as plan.json, and the results so far in shards/.
#pragma once

#include "lab/sweep_plan.hpp"

#include <tl/expected.hpp>

#include <string>

namespace fl::cli {

class SweepFolder {
public:
    // Makes it, or goes on with one that has this very plan. The error is one line: another is there already, or it
    // cannot be made.
    static tl::expected<SweepFolder, std::string> make(const std::string& path, const lab::SweepPlanFile& file);
    // One that is there. The error is one line.
    static tl::expected<SweepFolder, std::string> open(const std::string& path);

    const std::string& path() const { return path_; }
    const lab::SweepPlanFile& file() const { return file_; }
    std::string shards() const { return path_ + "/shards"; }

    // Takes it until the process ends; false: another has it.
    bool lock();
    // Takes away all that a sweep puts there.
    void remove() const;

private:
    SweepFolder(std::string path, lab::SweepPlanFile file) : path_(std::move(path)), file_(std::move(file)) {}

    std::string path_;
    lab::SweepPlanFile file_;
};

}  // namespace fl::cli
