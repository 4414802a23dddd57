#include "cli/shell_words.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::cli {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

class Splitter {
public:
    explicit Splitter(std::string_view text) : text_(text) {}

    tl::expected<std::vector<std::string>, std::string> split() {
        while (!left_.empty()) {
            const char c = take();
            if (is_blank(c)) {
                end_word();
                continue;
            }
            is_in_word_ = true;
            const bool is_well = c == '\'' ? single_quoted() : c == '"' ? double_quoted() : plain(c);
            if (!is_well) return tl::unexpected(fmt::format("'{}': {}", text_, problem_));
        }
        end_word();
        return std::move(words_);
    }

private:
    char take() {
        const char c = left_.front();
        left_.remove_prefix(1);
        return c;
    }
    void end_word() {
        if (is_in_word_) words_.push_back(std::move(word_));
        word_.clear();
        is_in_word_ = false;
    }
    bool plain(char c) {
        if (c == '\\') {
            problem_ = "nothing follows the last '\\'";
            if (left_.empty()) return false;
            c = take();
        }
        word_ += c;
        return true;
    }
    bool single_quoted() {
        const std::size_t end = left_.find('\'');
        problem_ = "a ' has no other";
        if (end == std::string_view::npos) return false;
        word_ += left_.substr(0, end);
        left_.remove_prefix(end + 1);
        return true;
    }
    bool double_quoted() {
        problem_ = "a \" has no other";
        while (!left_.empty()) {
            char c = take();
            if (c == '"') return true;
            const bool is_escape = c == '\\' && !left_.empty() && (left_.front() == '"' || left_.front() == '\\');
            if (is_escape) c = take();
            word_ += c;
        }
        return false;
    }

    std::string_view text_;
    std::string_view left_ = text_;
    std::vector<std::string> words_;
    std::string word_;
    bool is_in_word_ = false;  // "" is a word as well
    const char* problem_ = "";
};

}  // namespace

tl::expected<std::vector<std::string>, std::string> shell_words(std::string_view text) {
    return Splitter(text).split();
}

std::string shell_quoted(const std::string& text) {
    constexpr std::string_view harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:@%+=";
    if (!text.empty() && text.find_first_not_of(harmless) == std::string::npos) return text;
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'') {
            quoted += R"('\'')";
        } else {
            quoted += c;
        }
    }
    return quoted + "'";
}

}  // namespace fl::cli
