#include "lab/text_reader.hpp"

#include "lab/quoted.hpp"
#include "lab/refs_format.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace fl::lab {

using replacement::no_page;

namespace {

using Traits = std::istream::traits_type;

// A text of which each byte is written as \xHH.
constexpr std::size_t max_word_bytes = 4 * refs::max_text_bytes + 2;
constexpr std::uint64_t max_number = std::numeric_limits<std::uint64_t>::max();

bool is_space(int byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == ','; }
bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

// The number that `text` begins with, decimal or 0x and hexadecimal, which is taken off. nullopt: none, or too large.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    const char* first = text.data() + (is_hex ? 2 : 0);
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(first, text.data() + text.size(), value, is_hex ? 16 : 10);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return value;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    const auto value = take_number(text);
    return text.empty() ? value : std::nullopt;
}

// What stands between the quotes of a word, or nullopt.
std::optional<std::string> unquoted(std::string_view word) {
    if (word.size() < 2 || word.front() != '"' || word.back() != '"') return std::nullopt;
    word = word.substr(1, word.size() - 2);
    std::string text;
    while (!word.empty()) {
        if (word.front() == '"') return std::nullopt;
        if (word.front() != '\\') {
            text += word.front();
            word.remove_prefix(1);
        } else if (word.size() >= 2 && (word[1] == '"' || word[1] == '\\')) {
            text += word[1];
            word.remove_prefix(2);
        } else {
            unsigned char byte = 0;
            if (word.size() < 4 || word[1] != 'x') return std::nullopt;
            const auto [end, error] = std::from_chars(word.data() + 2, word.data() + 4, byte, 16);
            if (error != std::errc() || end != word.data() + 4) return std::nullopt;
            text += static_cast<char>(byte);
            word.remove_prefix(4);
        }
    }
    return text;
}

}  // namespace

TraceReader::State TextReader::read_some(RecordingVisitor& visitor) {
    if (is_damaged()) return State::damaged;
    constexpr unsigned words_at_once = 4096;
    for (unsigned i = 0; i < words_at_once; ++i) {
        if (!read_word()) return State::complete;
        const std::uint64_t line = word_line_;
        if (is_well()) take_word(visitor);
        if (!is_well()) return damaged(fmt::format("line {}: {}", line, problem_));
    }
    return State::more;
}

bool TextReader::read_word() {
    std::streambuf& bytes = *in_.rdbuf();
    word_.clear();
    int byte = bytes.sbumpc();
    for (; is_space(byte) || byte == '#'; byte = bytes.sbumpc()) {
        if (byte == '#') skip_comment();
        if (byte == '\n') ++line_;
    }
    if (byte == Traits::eof()) return false;
    word_line_ = line_;
    bool is_quoted = byte == '"';
    bool is_over = false;
    while (!is_over) {
        if (word_.size() == max_word_bytes) complain(fmt::format("the word {} is too long", quoted(word_)));
        if (!is_well()) return true;
        word_ += Traits::to_char_type(byte);
        if (byte == '"' && word_.size() > 1) is_quoted = false;
        const bool is_escape = is_quoted && byte == '\\';
        byte = bytes.sgetc();
        if (is_escape && byte != '\n' && byte != Traits::eof()) {
            word_ += Traits::to_char_type(byte);
            byte = bytes.snextc();
        }
        is_over = byte == Traits::eof() || byte == '\n' || (!is_quoted && (is_space(byte) || byte == '#'));
        if (!is_over) bytes.sbumpc();
    }
    return true;
}

void TextReader::skip_comment() {
    std::streambuf& bytes = *in_.rdbuf();
    for (int byte = bytes.sgetc(); byte != '\n' && byte != Traits::eof(); byte = bytes.snextc()) {
    }
}

void TextReader::take_word(RecordingVisitor& visitor) {
    if (is_digit(word_.front()) || word_.front() == '%') return take_reference(visitor);
    event_ = word_;
    take_event(visitor);
}

// PAGE [r|w|i] [*COUNT]
void TextReader::take_reference(RecordingVisitor& visitor) {
    const std::string_view word = word_;
    std::string_view rest = word.substr(word.front() == '%' ? 1 : 0);
    const std::string_view id = rest;
    const auto number = take_number(rest);
    const std::string_view digits = id.substr(0, id.size() - rest.size());
    Touch touch = Touch::read;
    if (!rest.empty() && (rest.front() == 'r' || rest.front() == 'w' || rest.front() == 'i')) {
        touch = rest.front() == 'r' ? Touch::read : rest.front() == 'w' ? Touch::write : Touch::fetch;
        rest.remove_prefix(1);
    }
    std::optional<std::uint64_t> count = 1;
    if (rest.starts_with('*')) {
        count = whole_number(rest.substr(1));
        rest = {};
    }
    if (!number || !count || *count == 0 || !rest.empty()) {
        return complain(fmt::format("{} is no reference, as 12, 0x7ff, 12w or 12i*3 are", quoted(word)));
    }
    if (*count > refs::max_touches - touches_) return complain(fmt::format("{}: too many references", quoted(word)));
    const PageId page = word.front() == '%' ? declared_page(digits) : numbered_page(*number, visitor);
    if (page == no_page) return;
    touches_ += *count;
    visitor.on_touch(page, touch, *count);
}

void TextReader::take_event(RecordingVisitor& visitor) {
    if (event_ == "about") {
        const std::string key = text_argument("a key");
        const std::string value = text_argument("a value");
        if (is_well()) visitor.on_about(key, value);
    } else if (event_ == "page") {
        take_page(visitor);
    } else if (event_ == "gone") {
        const PageId page = page_argument(visitor);
        if (!is_well()) return;
        end_page(page);
        visitor.on_page_gone(page);
    } else if (event_ == "needed") {
        const PageId page = page_argument(visitor);
        if (is_well()) visitor.on_page_needed(page);
    } else if (event_ == "process") {
        const std::uint32_t process = process_argument();
        if (is_well()) visitor.on_process(process);
    } else if (event_ == "fork") {
        const std::uint32_t parent = process_argument();
        const std::uint32_t child = process_argument();
        if (is_well()) visitor.on_fork(parent, child);
    } else if (event_ == "exec") {
        const std::uint32_t process = process_argument();
        const std::string path = text_argument("a path");
        if (is_well()) visitor.on_exec(process, path);
    } else if (event_ == "exit") {
        const std::uint32_t process = process_argument();
        if (is_well()) visitor.on_exit(process);
    } else if (event_ == "map") {
        take_map(visitor);
    } else if (event_ == "unmap") {
        const std::uint32_t process = process_argument();
        const std::uint64_t first_page = number_argument("a page number");
        const std::uint64_t page_count = number_argument("a number of pages");
        if (is_well()) visitor.on_unmap(process, first_page, page_count);
    } else {
        complain(fmt::format("{} is neither a page number nor an event", quoted(event_)));
    }
}

// page %ID PROCESS NUMBER FILE
void TextReader::take_page(RecordingVisitor& visitor) {
    const auto word = argument("%ID");
    if (!word) return;
    const auto id = word->starts_with('%') ? whole_number(word->substr(1)) : std::nullopt;
    const bool is_new =
        id && (*id == pages_.size() ? *id < no_page : *id < pages_.size() && pages_[*id].kind == Kind::none);
    if (!is_new) {
        const std::size_t next = pages_.size();
        return complain(fmt::format("page: {} is not %{}, nor one whose page is gone", quoted(*word), next));
    }
    PageOrigin origin{.process = process_argument(), .page_number = number_argument("a page number"), .file = {}};
    origin.file = text_argument("a file");
    if (!is_well()) return;
    if (*id == pages_.size()) pages_.emplace_back();
    pages_[*id] = {.kind = Kind::declared, .number = 0};
    visitor.on_page(static_cast<PageId>(*id), origin);
}

// map PROCESS FIRST COUNT rwxs NAME
void TextReader::take_map(RecordingVisitor& visitor) {
    MappedRange range{.process = process_argument(),
                      .first_page = number_argument("a page number"),
                      .page_count = number_argument("a number of pages")};
    const std::string_view rights = argument("rights").value_or("");
    if (is_well()) {
        const auto has = [&](std::size_t at, char letter) { return rights[at] == letter || rights[at] == '-'; };
        const bool is_known =
            rights.size() == 4 && has(0, 'r') && has(1, 'w') && has(2, 'x') && (rights[3] == 's' || rights[3] == 'p');
        if (!is_known) return complain(fmt::format("map: {} is not of the form rwxp or ---s", quoted(rights)));
        range.protection = static_cast<std::uint8_t>((rights[0] == 'r' ? 1U : 0U) | (rights[1] == 'w' ? 2U : 0U) |
                                                     (rights[2] == 'x' ? 4U : 0U));
        range.shared = rights[3] == 's';
    }
    range.name = text_argument("a name");
    if (is_well()) visitor.on_map(range);
}

std::optional<std::string_view> TextReader::argument(std::string_view what) {
    if (is_well() && !read_word()) complain(fmt::format("{} needs {}, and the file ends", event_, what));
    if (!is_well()) return std::nullopt;
    return word_;
}

std::uint64_t TextReader::number_argument(std::string_view what, std::uint64_t most) {
    const auto word = argument(what);
    if (!word) return 0;
    const auto value = whole_number(*word);
    if (value && *value <= most) return *value;
    complain(fmt::format("{} needs {} up to {}, and {} is none", event_, what, most, quoted(*word)));
    return 0;
}

std::uint64_t TextReader::number_argument(std::string_view what) { return number_argument(what, max_number); }

std::uint32_t TextReader::process_argument() {
    return static_cast<std::uint32_t>(number_argument("a process", std::numeric_limits<std::uint32_t>::max()));
}

std::string TextReader::text_argument(std::string_view what) {
    const auto word = argument(what);
    if (!word) return {};
    auto text = unquoted(*word);
    if (text && text->size() <= refs::max_text_bytes) return *std::move(text);
    complain(fmt::format("{} needs {} in double quotes, of {} bytes at most, and {} is none", event_, what,
                         refs::max_text_bytes, quoted(*word)));
    return {};
}

PageId TextReader::page_argument(RecordingVisitor& visitor) {
    const auto word = argument("a page");
    if (!word) return no_page;
    if (word->starts_with('%')) return declared_page(word->substr(1));
    const auto number = whole_number(*word);
    if (!number) {
        complain(fmt::format("{} needs a page, and {} is none", event_, quoted(*word)));
        return no_page;
    }
    if (event_ == "gone" && names_.find(*number) == no_page) {
        complain(fmt::format("gone: there is no page {}", *number));
        return no_page;
    }
    return numbered_page(*number, visitor);
}

PageId TextReader::declared_page(std::string_view id) {
    const auto page = whole_number(id);
    if (page && *page < pages_.size() && pages_[*page].kind == Kind::declared) return static_cast<PageId>(*page);
    complain(fmt::format("there is no page {}", quoted(fmt::format("%{}", id))));
    return no_page;
}

PageId TextReader::numbered_page(std::uint64_t number, RecordingVisitor& visitor) {
    PageId page = names_.find(number);
    if (page != no_page) return page;
    if (pages_.size() == no_page) {
        complain("there are more pages than can be numbered");
        return no_page;
    }
    page = static_cast<PageId>(pages_.size());
    names_.add(number, page);
    pages_.push_back({.kind = Kind::numbered, .number = number});
    visitor.on_page(page, {.process = 0, .page_number = number, .file = {}});
    return page;
}

void TextReader::end_page(PageId page) {
    if (pages_[page].kind == Kind::numbered) names_.remove(pages_[page].number);
    pages_[page] = {};
}

}  // namespace fl::lab
