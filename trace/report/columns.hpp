// Columns: rows of whole numbers, packed column by column, so that neighbours are alike and deflate finds it.
//
// A column is a number of planes, one after the other, each with one byte for each row: the lowest bytes of all rows,
// then the next ones, as many as the largest takes. `plain` columns hold the values, `delta` columns the difference
// from the row before (0 before the first), `predicted` ones that from a value which whoever reads them can work out
// (history.hpp). Differences are zigzag-coded: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...
//
// Values lie below 2^53, so that JavaScript's numbers hold them; what is larger is clamped.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace fl::trace::report {

enum class Encoding : std::uint8_t { plain, delta, predicted };
// "plain", "delta", "predicted".
const char* encoding_name(Encoding encoding);

class Column {
public:
    static constexpr std::uint64_t max_value = (std::uint64_t{1} << 53U) - 1;

    explicit Column(Encoding encoding) : encoding_(encoding) {}

    // Of a plain or a delta column.
    void append(std::uint64_t value);
    // Of a predicted one.
    void append(std::uint64_t value, std::uint64_t prediction);

    Encoding encoding() const { return encoding_; }
    // Each of row_count() bytes.
    const std::vector<std::string>& planes() const { return planes_; }
    std::uint64_t row_count() const { return rows_; }
    std::uint64_t largest() const { return largest_; }

private:
    void append_difference(std::uint64_t value, std::uint64_t from);
    void append_code(std::uint64_t code);

    Encoding encoding_;
    std::vector<std::string> planes_;
    std::uint64_t rows_ = 0;
    std::uint64_t last_ = 0;
    std::uint64_t largest_ = 0;
};

// Columns of equal length under one name each. A column that add() returned stays where it is.
class Table {
public:
    struct Named {
        std::string name;
        Column column;
    };

    explicit Table(std::string name) : name_(std::move(name)) {}
    Column& add(std::string_view column, Encoding encoding) {
        return columns_.emplace_back(Named{std::string(column), Column(encoding)}).column;
    }

    const std::string& name() const { return name_; }
    const std::deque<Named>& columns() const { return columns_; }
    std::uint64_t row_count() const { return columns_.empty() ? 0 : columns_.front().column.row_count(); }

private:
    std::string name_;
    std::deque<Named> columns_;
};

}  // namespace fl::trace::report
