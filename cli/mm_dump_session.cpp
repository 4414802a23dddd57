#include "cli/mm_dump_session.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstring>
#include <utility>

namespace fl::cli {

namespace {

std::string faults_text(std::uint64_t count) { return fmt::format("{} page fault{}", count, count == 1 ? "" : "s"); }

}  // namespace

tl::expected<std::set<std::uint64_t>, std::string> parse_fault_numbers(std::string_view text) {
    const auto refuse = [text] {
        return tl::unexpected(fmt::format("'{}' is not a list of fault numbers; say 3 or 3,17", text));
    };
    std::set<std::uint64_t> numbers;
    std::string_view rest = text;
    while (true) {
        const std::string_view word = rest.substr(0, rest.find(','));
        std::uint64_t number = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
        if (error != std::errc() || end != word.data() + word.size() || number == 0) return refuse();
        numbers.insert(number);
        if (word.size() == rest.size()) return numbers;
        rest.remove_prefix(word.size() + 1);
    }
}

MmDumpSession::MmDumpSession(OutputFile file, std::set<std::uint64_t> at_faults, DumpAtEnd at_end)
    : file_(std::move(file)), at_faults_(std::move(at_faults)), at_end_(at_end) {}

void MmDumpSession::on_fault(const mm::FaultEvent& event) {
    if (next_ != nullptr) next_->on_fault(event);
    if (at_faults_.erase(event.sequence) == 0) return;
    dump(fmt::format("at page fault {} ({} at {:#x})", event.sequence, mm::fault_kind_name(event.kind),
                     event.address.value()));
}

void MmDumpSession::begin() {
    begun_ = true;
    file_.begin();
    flush();
}

void MmDumpSession::at_end() {
    fault_count_ = machine_->statistics().faults.total();
    if (at_end_ == DumpAtEnd::yes) dump(fmt::format("at its end, after {}", faults_text(fault_count_)));
}

void MmDumpSession::dump(std::string_view occasion) {
    if (!std::exchange(empty_, false)) waiting_ += "\n";
    waiting_ += machine_->dump_mm(occasion);
    flush();
}

// What exec's own faults asked for waits until the program is known to start.
void MmDumpSession::flush() {
    if (!begun_ || error_) return;
    error_ = file_.write(std::exchange(waiting_, {}));
}

std::vector<std::string> MmDumpSession::finish() {
    std::vector<std::string> problems;
    if (!at_faults_.empty()) {
        problems.push_back(fmt::format("--dump-at: page fault {} did not happen; there {} {}",
                                       fmt::join(at_faults_, ", "), fault_count_ == 1 ? "was" : "were",
                                       faults_text(fault_count_)));
    }
    const std::optional<int> close_error = file_.close();
    if (!error_) error_ = close_error;
    if (error_) {
        problems.push_back(fmt::format("{}: the dump could not be written: {}", file_.name(), std::strerror(*error_)));
    }
    return problems;
}

}  // namespace fl::cli
