#include "lab/text_writer.hpp"

#include <fmt/format.h>

#include <utility>

namespace fl::lab {

using replacement::no_page;

namespace {

constexpr std::size_t line_width = 100;

std::string in_quotes(const std::string& text) {
    std::string result = "\"";
    for (const char byte : text) {
        if (byte == '"' || byte == '\\') result += '\\';
        if (byte >= ' ' && byte <= '~') {
            result += byte;
        } else {
            result += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
        }
    }
    return result + '"';
}

}  // namespace

void TextWriter::on_touch(PageId page, Touch touch, std::uint64_t count) {
    settle_waiting(page);
    std::string word = name_of(page);
    if (touch != Touch::read) word += touch == Touch::write ? 'w' : 'i';
    if (count != 1) word += fmt::format("*{}", count);
    if (column_ + 1 + word.size() > line_width) end_line();
    if (column_ > 0) word.insert(0, 1, ' ');
    column_ += word.size();
    out_.put(word);
}

void TextWriter::on_page(PageId page, const PageOrigin& origin) {
    settle_waiting(no_page);
    const bool is_next = page == pages_.size();
    if (is_next) pages_.emplace_back();
    const bool has_own_name =
        is_next && origin.process == 0 && origin.file.empty() && names_.find(origin.page_number) == no_page;
    if (!has_own_name) return declare(page, origin);
    pages_[page] = {.declared = false, .number = origin.page_number};
    names_.add(origin.page_number, page);
    waiting_ = page;
}

void TextWriter::on_page_gone(PageId page) {
    settle_waiting(no_page);
    event(fmt::format("gone {}", name_of(page)));
    if (!pages_[page].declared) names_.remove(pages_[page].number);
}

void TextWriter::on_page_needed(PageId page) {
    settle_waiting(page);
    event(fmt::format("needed {}", name_of(page)));
}

void TextWriter::on_about(const std::string& key, const std::string& value) {
    event(fmt::format("about {} {}", in_quotes(key), in_quotes(value)));
}

void TextWriter::on_process(std::uint32_t process) { event(fmt::format("process {}", process)); }

void TextWriter::on_fork(std::uint32_t parent, std::uint32_t child) { event(fmt::format("fork {} {}", parent, child)); }

void TextWriter::on_exec(std::uint32_t process, const std::string& path) {
    event(fmt::format("exec {} {}", process, in_quotes(path)));
}

void TextWriter::on_exit(std::uint32_t process) { event(fmt::format("exit {}", process)); }

void TextWriter::on_map(const MappedRange& range) {
    const auto right = [&](unsigned bit, char letter) { return (range.protection & bit) != 0 ? letter : '-'; };
    event(fmt::format("map {} {:#x} {} {}{}{}{} {}", range.process, range.first_page, range.page_count, right(1, 'r'),
                      right(2, 'w'), right(4, 'x'), range.shared ? 's' : 'p', in_quotes(range.name)));
}

void TextWriter::on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) {
    event(fmt::format("unmap {} {:#x} {}", process, first_page, page_count));
}

void TextWriter::finish() {
    settle_waiting(no_page);
    end_line();
    out_.flush();
}

std::string TextWriter::name_of(PageId page) const {
    return pages_[page].declared ? fmt::format("%{}", page) : fmt::format("{}", pages_[page].number);
}

void TextWriter::declare(PageId page, const PageOrigin& origin) {
    pages_[page] = {.declared = true, .number = 0};
    event(fmt::format("page %{} {} {:#x} {}", page, origin.process, origin.page_number, in_quotes(origin.file)));
}

void TextWriter::settle_waiting(PageId used) {
    const PageId page = std::exchange(waiting_, no_page);
    if (page == no_page || page == used) return;
    const std::uint64_t number = pages_[page].number;
    names_.remove(number);
    declare(page, {.process = 0, .page_number = number, .file = {}});
}

void TextWriter::event(const std::string& line) {
    settle_waiting(no_page);
    end_line();
    out_.put(line + "\n");
}

void TextWriter::end_line() {
    if (std::exchange(column_, 0) > 0) out_.put("\n");
}

}  // namespace fl::lab
