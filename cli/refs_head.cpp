#include "cli/refs_head.hpp"

#include "cli/event_text.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/standard_output.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(Each line is an event: the process, the page's number in the recording, what happened, how often in a row, and where the
page is: its address, or its file and its page number there, or its number alone.)";

// The events as lines, as many as are wanted.
class Lines final : public lab::RecordingVisitor {
public:
    explicit Lines(std::uint64_t wanted) : left_(wanted) { text_ = line("process", "page", "event", "count", "where"); }

    bool is_full() const { return left_ == 0; }
    std::string take() { return std::exchange(text_, {}); }

private:
    void on_about(const std::string& key, const std::string& value) override {
        add("", "about", "", key + ": " + value);
    }
    void on_touch(lab::PageId page, lab::Touch touch, std::uint64_t count) override {
        if (!is_full()) add(page, touch_text(touch), std::to_string(count));
    }
    void on_page(lab::PageId page, const lab::PageOrigin& origin) override {
        if (is_full()) return;
        if (origins_.size() <= page) origins_.resize(page + std::size_t{1});
        origins_[page] = origin;
        add(page, "new", "");
    }
    void on_page_gone(lab::PageId page) override {
        if (!is_full()) add(page, "gone", "");
    }
    void on_page_needed(lab::PageId page) override {
        if (!is_full()) add(page, "needed", "");
    }
    void on_process(std::uint32_t process) override {
        process_ = process;
        add("", "process", "", "");
    }
    void on_fork(std::uint32_t parent, std::uint32_t child) override {
        add("", "fork", "", fmt::format("process {} makes {}", parent, child));
    }
    void on_exec(std::uint32_t process, const std::string& path) override {
        add("", "exec", "", fmt::format("process {}: {}", process, path));
    }
    void on_exit(std::uint32_t process) override { add("", "exit", "", fmt::format("process {}", process)); }
    void on_map(const lab::MappedRange& range) override {
        add("", "map", "", fmt::format("process {}: {}", range.process, range_text(range)));
    }
    void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) override {
        add("", "unmap", "", fmt::format("process {}: {}", process, addresses_text(first_page, page_count)));
    }

    static std::string line(const std::string& process, const std::string& page, const std::string& event,
                            const std::string& count, const std::string& where) {
        std::string text = fmt::format("{:>7} {:>8}  {:<7} {:>10}  {}", process, page, event, count, where);
        text.erase(text.find_last_not_of(' ') + 1);
        return trace::printable(text) + "\n";
    }
    void add(lab::PageId page, const char* event, const std::string& count) {
        add(std::to_string(page), event, count, origin_text(origins_[page]));
    }
    void add(const std::string& page, const char* event, const std::string& count, const std::string& where) {
        if (is_full()) return;
        --left_;
        text_ += line(process_ == 0 ? "-" : std::to_string(process_), page, event, count, where);
    }

    std::uint64_t left_;
    std::string text_;
    std::uint32_t process_ = 0;             // 0: not known
    std::vector<lab::PageOrigin> origins_;  // by page
};

}  // namespace

RefsHead::RefsHead(CLI::App& refs)
    : subcommand_(add_subcommand(
          refs,
          {.name = "head", .meaning = "Show the first events", .operands = "[OPTIONS] FILE.refs", .footer = footer})),
      recording_(subcommand_) {
    add_value_option(subcommand_, "-n", count_, "How many (10)", "N");
}

int RefsHead::execute() const {
    auto trace = recording_.open();
    if (!trace) {
        report(trace.error());
        return exit_usage;
    }
    Lines lines(count_);
    lab::Trace::State state = lab::Trace::State::more;
    while (state == lab::Trace::State::more && !lines.is_full()) {
        state = trace->read_some(lines);
        if (trace->is_useless() && !lines.is_full()) break;
        if (!print_output(lines.take())) return exit_output_failed;
    }
    // Damage behind what was asked for is nobody's concern.
    return lines.is_full() || report_damage(*trace) ? 0 : exit_usage;
}

}  // namespace fl::cli
