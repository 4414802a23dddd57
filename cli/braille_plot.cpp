#include "cli/braille_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

namespace fl::cli {

namespace {

constexpr std::size_t label_width = 8;
constexpr std::size_t dots_across = 2;
constexpr std::size_t dots_down = 4;

// The bits of a braille character, by column and row (Unicode 15, chapter 21.1).
constexpr std::array<std::array<std::uint8_t, dots_down>, dots_across> dot_bits = {
    {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};

std::string braille(std::uint8_t dots) {
    if (dots == 0) return " ";
    // U+2800 + dots, in UTF-8.
    return {'\xe2', static_cast<char>(0xa0 | (dots >> 6U)), static_cast<char>(0x80 | (dots & 0x3fU))};
}

// Cells of a grid of dots.
class Canvas {
public:
    Canvas(std::size_t columns, std::size_t rows) : columns_(columns), cells_(columns * rows) {}

    std::size_t dot_columns() const { return columns_ * dots_across; }
    std::size_t dot_rows() const { return cells_.size() / columns_ * dots_down; }
    void set(std::size_t x, std::size_t y) {
        cells_[y / dots_down * columns_ + x / dots_across] |= dot_bits[x % dots_across][y % dots_down];
    }
    std::string row(std::size_t index) const {
        std::string text;
        for (std::size_t i = 0; i < columns_; ++i) text += braille(cells_[index * columns_ + i]);
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    }

private:
    std::size_t columns_;
    std::vector<std::uint8_t> cells_;
};

std::string whole(double number) { return fmt::format("{:.0f}", number); }

}  // namespace

std::string BraillePlot::text() const {
    Canvas canvas(frame_.width - label_width - 2, frame_.height);
    const std::size_t columns = canvas.dot_columns();
    const auto x_at = [&](std::size_t column) {
        const double share = static_cast<double>(column) / static_cast<double>(columns - 1);
        return std::floor(frame_.x_least * std::pow(frame_.x_most / frame_.x_least, share) + 1e-9);
    };
    std::vector<std::vector<double>> values;
    std::optional<double> least, most;
    for (const Curve& curve : curves_) {
        values.emplace_back();
        for (std::size_t column = 0; column < columns; ++column) {
            const double value = values.back().emplace_back(curve(x_at(column)));
            if (value <= 0) continue;
            least = std::min(least.value_or(value), value);
            most = std::max(most.value_or(value), value);
        }
    }
    if (!least) return {};

    const double height = static_cast<double>(canvas.dot_rows() - 1);
    const double range = std::log(*most / *least);
    const auto row_of = [&](double value) {
        return static_cast<std::size_t>(std::lround(range <= 0 ? height : height * std::log(*most / value) / range));
    };
    for (const std::vector<double>& curve : values) {
        std::optional<std::size_t> before;
        for (std::size_t column = 0; column < columns; ++column) {
            if (curve[column] <= 0) {
                before.reset();
                continue;
            }
            // A step is drawn to its whole height.
            const std::size_t row = row_of(curve[column]);
            const std::size_t last = std::exchange(before, row).value_or(row);
            for (std::size_t y = std::min(last, row); y <= std::max(last, row); ++y) canvas.set(column, y);
        }
    }

    std::string text = frame_.title + "\n";
    for (std::size_t row = 0; row < frame_.height; ++row) {
        const bool is_labelled = row == 0 || row + 1 == frame_.height;
        const std::string label = !is_labelled ? "" : frame_.y_label(row == 0 ? *most : *least);
        text += fmt::format("{:>{}} |{}\n", label, label_width, canvas.row(row));
    }
    const std::string left = whole(frame_.x_least), right = whole(frame_.x_most);
    text += fmt::format("{:>{}} {}{:>{}}\n", "", label_width + 1, left, right,
                        frame_.width - label_width - 2 - left.size());
    return text;
}

}  // namespace fl::cli
