#include "mm/replacement/nearest_name.hpp"
#include "trace/filter.hpp"
#include "trace/filter_node.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fl::trace {

namespace {

using Node = Filter::Node;
using Operator = Node::Operator;

constexpr std::string_view blanks = " \t\r\n";
// Deeper ones would use up the stack.
constexpr unsigned max_depth = 100;
constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

class ParseError : public std::runtime_error {
public:
    ParseError(std::size_t column, const std::string& what)
        : std::runtime_error(fmt::format("column {}: {}", column, what)) {}
};

struct Spelling {
    std::string_view text;
    Operator op;
};
// Those that others begin with come behind them.
constexpr Spelling operators[] = {{"==", Operator::equal},   {"!=", Operator::unequal},  {"!~", Operator::unlike},
                                  {"<=", Operator::at_most}, {">=", Operator::at_least}, {"=", Operator::equal},
                                  {"<", Operator::less},     {">", Operator::more},      {"~", Operator::like}};

struct Unit {
    std::string_view name;
    double factor;
};
constexpr Unit sizes[] = {{"", 1}, {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}};
constexpr Unit times[] = {{"", 1}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};

std::string quoted(std::string_view text) {
    constexpr std::size_t enough = 40;
    return "'" + printable(text.substr(0, enough)) + "'";
}

// nullopt: no number, or one that is too large.
std::optional<std::uint64_t> number_from(std::string_view text, std::span<const Unit> units) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    const std::size_t digits_end = text.find_first_not_of(is_hex ? "0123456789abcdefABCDEFxX" : "0123456789.");
    const std::string_view digits = text.substr(0, digits_end);
    const std::string_view name = digits_end == std::string_view::npos ? "" : text.substr(digits_end);
    const Unit* unit = nullptr;
    for (const Unit& known : units) {
        if (known.name == name) unit = &known;
    }
    if (unit == nullptr || digits.empty()) return std::nullopt;
    if (digits.find('.') != std::string_view::npos) {
        double value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
        value = std::round(value * unit->factor);
        return value < 0x1p64 ? std::optional(static_cast<std::uint64_t>(value)) : std::nullopt;
    }
    std::uint64_t value = 0;
    const char* first = digits.data() + (is_hex ? 2 : 0);
    const auto [end, error] = std::from_chars(first, digits.data() + digits.size(), value, is_hex ? 16 : 10);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    const auto factor = static_cast<std::uint64_t>(unit->factor);
    return value <= largest / factor ? std::optional(value * factor) : std::nullopt;
}

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    std::unique_ptr<const Node> parse() {
        auto root = any();
        skip_blanks();
        if (at_ < text_.size()) fail(at_, fmt::format("{} is not expected here", quoted(text_.substr(at_, 1))));
        return root;
    }

private:
    // A value as it was written, and where.
    struct Value {
        std::string text;
        std::size_t column;
        bool is_quoted;
    };

    [[noreturn]] static void fail(std::size_t at, const std::string& what) { throw ParseError(at + 1, what); }

    void skip_blanks() { at_ = std::min(text_.find_first_not_of(blanks, at_), text_.size()); }
    bool take(std::string_view token) {
        skip_blanks();
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }

    std::unique_ptr<const Node> joined(Node::Kind kind, std::string_view token,
                                       std::unique_ptr<const Node> (Parser::*part)()) {
        auto first = (this->*part)();
        if (!take(token)) return first;
        auto node = std::make_unique<Node>();
        node->kind = kind;
        node->parts.push_back(std::move(first));
        do node->parts.push_back((this->*part)());
        while (take(token));
        return node;
    }
    std::unique_ptr<const Node> any() { return joined(Node::Kind::any, "||", &Parser::all); }
    std::unique_ptr<const Node> all() { return joined(Node::Kind::all, "&&", &Parser::one); }

    std::unique_ptr<const Node> one() {
        if (++depth_ > max_depth) fail(at_, fmt::format("more than {} levels of parentheses and '!'", max_depth));
        std::unique_ptr<const Node> node;
        if (take("!")) {
            auto negated = std::make_unique<Node>();
            negated->kind = Node::Kind::none;
            negated->parts.push_back(one());
            node = std::move(negated);
        } else if (take("(")) {
            const std::size_t opened = at_ - 1;
            node = any();
            if (!take(")")) fail(opened, "this '(' is not closed");
        } else {
            node = comparison();
        }
        --depth_;
        return node;
    }

    const FilterField& field() {
        skip_blanks();
        const std::size_t start = at_;
        const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
        while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
        const std::string_view name = text_.substr(start, at_ - start);
        if (name.empty()) {
            fail(start, at_ < text_.size()
                            ? fmt::format("a field's name is expected, not {}", quoted(text_.substr(at_, 1)))
                            : std::string("a field's name is expected"));
        }
        std::vector<std::string_view> names;
        for (const FilterField& known : filter_fields()) {
            if (known.name == name) return known;
            names.push_back(known.name);
        }
        fail(start, replacement::unknown_name("field", printable(name), names));
    }

    Operator op() {
        for (const Spelling& known : operators) {
            if (take(known.text)) return known.op;
        }
        fail(at_, "one of = != < <= > >= ~ !~ is expected");
    }

    Value value() {
        skip_blanks();
        const std::size_t start = at_;
        if (take("\"")) return quoted_value(start);
        at_ = std::min(text_.find_first_of(" \t\r\n()&|\"", at_), text_.size());
        if (at_ == start) fail(start, "a value is expected");
        return {std::string(text_.substr(start, at_ - start)), start, false};
    }

    Value quoted_value(std::size_t start) {
        std::string text;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
            text += text_[at_++];
        }
        if (at_ == text_.size()) fail(start, "this '\"' is not closed");
        ++at_;
        return {std::move(text), start, true};
    }

    std::unique_ptr<const Node> comparison() {
        auto node = std::make_unique<Node>();
        node->kind = Node::Kind::comparison;
        node->field = &field();
        skip_blanks();
        const std::size_t at_operator = at_;
        node->op = op();
        Value value = this->value();
        const bool is_numeric = node->field->kind != FieldKind::word && node->field->kind != FieldKind::text;
        const bool is_like = node->op == Operator::like || node->op == Operator::unlike;
        const bool is_equality = node->op == Operator::equal || node->op == Operator::unequal;
        if (is_numeric ? is_like : !is_like && !is_equality) {
            fail(at_operator, fmt::format("'{}' is a {}: it has only {}", node->field->name,
                                          is_numeric ? "number" : "text", is_numeric ? "= != < <= > >=" : "= != ~ !~"));
        }
        if (is_numeric) {
            read_number(*node, value, is_equality);
        } else {
            if (node->field->kind == FieldKind::word && is_equality) check_word(*node->field, value);
            node->is_pattern = is_like && value.text.find_first_of("*?") != std::string::npos;
            node->text = std::move(value.text);
        }
        return node;
    }

    static void check_word(const FilterField& field, const Value& value) {
        for (const std::string_view word : field.words) {
            if (word == value.text) return;
        }
        fail(value.column, replacement::unknown_name(field.name, printable(value.text), field.words));
    }

    static void read_number(Node& node, const Value& value, bool may_be_range) {
        const std::size_t dots = value.text.find("..");
        const auto number = [&](std::string_view text, std::size_t column) {
            const bool is_time = node.field->kind == FieldKind::time;
            const auto found = number_from(text, is_time ? std::span<const Unit>(times) : std::span<const Unit>(sizes));
            if (!found) {
                fail(column, fmt::format("{} is no {}", quoted(text),
                                         is_time ? "time, as 1500, 1.5us, 20ms" : "number, as 12, 0x400000, 64K"));
            }
            return *found;
        };
        if (dots == std::string::npos) {
            node.first = node.last = number(value.text, value.column);
            return;
        }
        if (!may_be_range) fail(value.column, "a range goes with = and != alone");
        const std::string_view text = value.text;
        node.first = number(text.substr(0, dots), value.column);
        node.last = number(text.substr(dots + 2), value.column + dots + 2);
        const bool is_address = node.field->kind == FieldKind::address;
        if (node.last < node.first || (is_address && node.last == node.first)) {
            fail(value.column, fmt::format("{} is empty", quoted(text)));
        }
        if (is_address) --node.last;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    unsigned depth_ = 0;
};

}  // namespace

tl::expected<Filter, std::string> Filter::parse(std::string_view text) {
    try {
        return Filter(Parser(text).parse());
    } catch (const ParseError& error) {
        return tl::unexpected(std::string(error.what()));
    }
}

}  // namespace fl::trace
