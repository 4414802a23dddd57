// RefsWriter: a recording, as its events come, to a .refs file.
#pragma once

#include "lab/recording_visitor.hpp"
#include "lab/refs_format.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fl::lab {

class RefsWriter final : public RecordingVisitor {
public:
    // Takes all of the bytes; errno of what went wrong, or nothing. After an error nothing more is written.
    using Sink = std::function<std::optional<int>(std::string_view)>;

    explicit RefsWriter(Sink sink);
    ~RefsWriter();
    RefsWriter(const RefsWriter&) = delete;
    RefsWriter& operator=(const RefsWriter&) = delete;

    void on_about(const std::string& key, const std::string& value) override;
    void on_touch(PageId page, Touch touch, std::uint64_t count) override;
    void on_page(PageId page, const PageOrigin& origin) override;
    void on_page_gone(PageId page) override;
    void on_page_needed(PageId page) override;
    void on_process(std::uint32_t process) override;
    void on_fork(std::uint32_t parent, std::uint32_t child) override;
    void on_exec(std::uint32_t process, const std::string& path) override;
    void on_exit(std::uint32_t process) override;
    void on_map(const MappedRange& range) override;
    void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) override;

    // Says that the recording is whole, and writes what is left. Without it the file ends where the last block does.
    void finish();
    // Of the first write that failed.
    std::optional<int> error() const { return error_; }

    std::uint64_t touches() const { return touches_; }
    std::uint64_t written_bytes() const { return written_bytes_; }

private:
    struct Compressor;

    void begin(refs::Event event);
    void put(std::uint64_t value);
    void put_text(const std::string& text);
    void end_record();
    void write_block();
    void write(std::string_view bytes);

    Sink sink_;
    std::unique_ptr<Compressor> compressor_;
    std::vector<std::uint8_t> plain_;  // the block that is being filled
    std::string packed_;
    refs::LatestPages latest_;
    std::uint64_t touches_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t written_bytes_ = 0;
    std::optional<int> error_;
};

}  // namespace fl::lab
