// The shards of a sweep: files of result lines, in the folder `shards` of the sweep's folder.
//
// Whoever measures writes files of his own, one line with one write() for each result, so that a file is good up to
// where its writer ended, and tasks that run twice, at the same time or not, do not touch each other's. Every file that
// is there counts: a result that is there several times is the same one.
#pragma once

#include "lab/sweep_result.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fl::lab {

class ShardWriter {
public:
    // Makes the file: TASK.jsonl, or TASK.1.jsonl and so on where there is one already. The error is one line.
    static tl::expected<ShardWriter, std::string> create(const std::string& folder, std::uint64_t task);
    ShardWriter(ShardWriter&& other) noexcept;
    ShardWriter& operator=(ShardWriter&&) = delete;
    ShardWriter(const ShardWriter&) = delete;
    ShardWriter& operator=(const ShardWriter&) = delete;
    // Removes the file where it has stayed empty.
    ~ShardWriter();

    // The error is one line. It may be called from one thread at a time.
    tl::expected<void, std::string> add(const std::string& line);
    // The results are on the disk, not only on their way there.
    tl::expected<void, std::string> sync();

private:
    ShardWriter(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
    std::string complaint() const;

    int descriptor_;
    std::string path_;
    bool is_empty_ = true;
};

// All results that the shards have.
struct CollectedResults {
    std::vector<std::optional<SweepResult>> results{};  // by configuration
    // One line for each file that has lines which are damaged, or of another plan; they are left out.
    std::vector<std::string> damage{};

    std::uint64_t missing_count() const;
};

// Of the files of one task, or of all. The error is one line: the shards cannot be read, or tell different things of
// one configuration.
tl::expected<CollectedResults, std::string> collect_results(const std::string& folder, const SweepPlan& plan,
                                                            std::optional<std::uint64_t> task = std::nullopt);

}  // namespace fl::lab
