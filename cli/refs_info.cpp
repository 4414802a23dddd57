#include "cli/refs_info.hpp"

#include "cli/event_text.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/progress_bar.hpp"
#include "cli/standard_output.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace fl::cli {

namespace {

constexpr std::size_t listed_ranges = 32;

constexpr const char* footer =
    R"(A run is references in a row to one page, all of one kind. A page counts again where its number comes to mean another.

  faultline refs info program.refs
  zstdcat trace.zst | faultline refs info --format u64 -)";

// Sums up what it is told of.
class Summary final : public lab::RecordingVisitor {
public:
    std::string text(const lab::Trace& trace, const std::string& path) const;

private:
    enum PageKind : std::uint8_t { private_page, file_page, numbered_page, page_kinds };

    void on_about(const std::string& key, const std::string& value) override { about_.emplace_back(key, value); }
    void on_touch(lab::PageId page, lab::Touch touch, std::uint64_t count) override {
        touches_.at(static_cast<std::size_t>(touch)) += count;
        if (std::exchange(last_, {page, touch}) != std::pair{page, touch} || runs_ == 0) ++runs_;
    }
    void on_page(lab::PageId /*page*/, const lab::PageOrigin& origin) override {
        const PageKind kind = !origin.file.empty() ? file_page : origin.process != 0 ? private_page : numbered_page;
        ++pages_.at(kind);
        if (origin.process != 0) processes_.insert(origin.process);
        most_at_once_ = std::max(most_at_once_, page_count() - gone_);
    }
    void on_page_gone(lab::PageId /*page*/) override { ++gone_; }
    void on_page_needed(lab::PageId /*page*/) override { ++needed_; }
    void on_process(std::uint32_t process) override { processes_.insert(process); }
    void on_fork(std::uint32_t parent, std::uint32_t child) override {
        processes_.insert({parent, child});
        ++forks_;
    }
    void on_exec(std::uint32_t process, const std::string& /*path*/) override {
        processes_.insert(process);
        ++execs_;
    }
    void on_exit(std::uint32_t process) override {
        processes_.insert(process);
        ++exits_;
    }
    void on_map(const lab::MappedRange& range) override {
        if (++mapped_ <= listed_ranges) ranges_.push_back(range);
    }
    void on_unmap(std::uint32_t, std::uint64_t, std::uint64_t) override { ++unmapped_; }

    std::uint64_t page_count() const { return pages_[private_page] + pages_[file_page] + pages_[numbered_page]; }

    std::vector<std::pair<std::string, std::string>> about_;
    std::array<std::uint64_t, 3> touches_{};  // by Touch
    std::pair<lab::PageId, lab::Touch> last_{};
    std::uint64_t runs_ = 0;
    std::array<std::uint64_t, page_kinds> pages_{};
    std::uint64_t gone_ = 0, needed_ = 0, most_at_once_ = 0;
    std::set<std::uint32_t> processes_;
    std::uint64_t forks_ = 0, execs_ = 0, exits_ = 0;
    std::uint64_t mapped_ = 0, unmapped_ = 0;
    std::vector<lab::MappedRange> ranges_;  // the first of them
};

std::string row(const std::string& name, const std::string& value) {
    return trace::printable(fmt::format("{:<13} {}", name, value)) + "\n";
}

std::string Summary::text(const lab::Trace& trace, const std::string& path) const {
    const std::uint64_t references = trace.touches();
    const auto per = [](std::uint64_t count, std::uint64_t whole) {
        return static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(whole, 1));
    };
    std::string text = row("file", fmt::format("{} ({})", path, lab::trace_format_name(trace.format())));
    for (const auto& [key, value] : about_) text += row(key, value);
    text += row("references",
                fmt::format("{}: {} fetches, {} reads, {} writes", references, touches_[0], touches_[1], touches_[2]));
    text += row("runs", fmt::format("{}, of {:.1f} references", runs_, per(references, runs_)));
    text += row("pages", fmt::format("{} distinct: {} private, {} of files, {} known by number; {} at once at most",
                                     page_count(), pages_[private_page], pages_[file_page], pages_[numbered_page],
                                     most_at_once_));
    text += row("ends", fmt::format("{} pages gone, {} needed by the kernel", gone_, needed_));
    std::string processes = fmt::format("{}", processes_.size());
    if (!processes_.empty()) {
        processes += fmt::format(": {} forks, {} execs, {} exits", forks_, execs_, exits_);
    }
    text += row("processes", processes);
    text += row("mappings", fmt::format("{} ranges mapped, {} unmapped", mapped_, unmapped_));
    for (const lab::MappedRange& range : ranges_) {
        text += row("", fmt::format("process {}: {}", range.process, range_text(range)));
    }
    if (mapped_ > listed_ranges) text += row("", fmt::format("and {} more", mapped_ - listed_ranges));
    text += row("size", fmt::format("{} bytes, {:.2f} per 10 references", trace.file_bytes(),
                                    10 * per(trace.file_bytes(), references)));
    return text + row("damage", trace.damage().empty() ? "none" : trace.damage());
}

}  // namespace

RefsInfo::RefsInfo(CLI::App& refs)
    : subcommand_(add_subcommand(refs, {.name = "info",
                                        .meaning = "Say what was recorded, and how much of it",
                                        .operands = "[OPTIONS] FILE.refs",
                                        .footer = footer})),
      recording_(subcommand_) {}

int RefsInfo::execute() const {
    auto trace = recording_.open();
    if (!trace) {
        report(trace.error());
        return exit_usage;
    }
    Summary summary;
    {
        BackgroundProgress progress(bytes_to_read(recording_.path()), ProgressUnit::bytes);
        while (trace->read_some(summary) == lab::Trace::State::more) progress.set(trace->file_bytes());
    }
    if (!report_damage(*trace)) return exit_usage;
    return print_output(summary.text(*trace, recording_.path())) ? 0 : exit_output_failed;
}

}  // namespace fl::cli
