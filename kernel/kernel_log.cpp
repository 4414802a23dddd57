#include "kernel/kernel_log.hpp"

#include "kernel/inspect.hpp"
#include "mm/print_to.hpp"

namespace fl::kernel {

namespace {

constexpr std::size_t max_records = KernelLog::capacity_bytes >> 5;  // PRB_AVGBITS

// A block of the ring: its number, then the text (to_blk_size).
std::uint64_t ring_bytes(const LogRecord& record) {
    constexpr std::uint64_t unit = 8;
    return (unit + record.text.size() + unit - 1) / unit * unit;
}

}  // namespace

void KernelLog::store(std::uint32_t facility, LogLevel level, std::string text) {
    if (text.size() > max_text_bytes) text.resize(max_text_bytes);
    if (text.ends_with('\n')) text.pop_back();
    records_.push_back({next_sequence_++, now_ns_(), facility, level, std::move(text)});
    size_bytes_ += ring_bytes(records_.back());
    while (records_.size() > 1 && (size_bytes_ > capacity_bytes || records_.size() > max_records)) {
        size_bytes_ -= ring_bytes(records_.front());
        records_.pop_front();
    }
    if (sink_) sink_(log_lines(records_.back(), LogPrefix::time));
    changed_.wake_all();
}

const LogRecord* KernelLog::find(std::uint64_t sequence) const {
    if (sequence < first_sequence() || sequence >= next_sequence_) return nullptr;
    return &records_[sequence - first_sequence()];
}

// info_print_ext_header(), msg_add_ext_text().
std::string kmsg_text(const LogRecord& record) {
    std::string text = fmt::format("{},{},{},-;", record.priority(), record.sequence, record.time_ns / 1000);
    for (const char letter : record.text) {
        const auto byte = static_cast<unsigned char>(letter);
        constexpr unsigned char first_printable = ' ', last_printable = '~';
        if (byte < first_printable || byte > last_printable || letter == '\\') {
            print_to(text, "\\x{:02x}", byte);
        } else {
            text += letter;
        }
    }
    return text + "\n";
}

// record_print_text().
std::string log_lines(const LogRecord& record, LogPrefix prefix) {
    constexpr std::uint64_t ns_per_s = 1'000'000'000, ns_per_us = 1000;
    std::string start;
    if (prefix == LogPrefix::priority_and_time) start = fmt::format("<{}>", record.priority());
    print_to(start, "[{:>5}.{:06}] ", record.time_ns / ns_per_s, record.time_ns % ns_per_s / ns_per_us);
    std::string lines;
    std::string_view rest = record.text;
    while (true) {
        const std::size_t end = rest.find('\n');
        lines += start;
        lines += rest.substr(0, end);
        lines += '\n';
        if (end == std::string_view::npos) return lines;
        rest.remove_prefix(end + 1);
    }
}

std::string show_log(const Inspection& machine) {
    const KernelLog& log = *machine.log;
    std::string text = "log: the kernel's, since the machine started\n";
    for (std::uint64_t at = log.first_sequence(); at < log.next_sequence(); ++at) {
        text += log_lines(*log.find(at), LogPrefix::time);
    }
    return text;
}

}  // namespace fl::kernel
