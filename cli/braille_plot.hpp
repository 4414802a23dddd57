// BraillePlot: falling and rising curves on a terminal, with logarithmic axes, two by four dots in each character.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace fl::cli {

struct PlotFrame {
    std::string title{};
    std::size_t width = 80;   // columns of all of it, labels included; 40 or more
    std::size_t height = 12;  // lines of the curves, 2 or more
    double x_least = 1, x_most = 1;
    // How numbers are written beside the axis, in 8 columns or less.
    std::function<std::string(double)> y_label{};
};

class BraillePlot {
public:
    // The value at an x of the frame, which is a whole number; 0 or less: nothing is drawn there.
    using Curve = std::function<double(double x)>;

    explicit BraillePlot(PlotFrame frame) : frame_(std::move(frame)) {}

    void add(Curve curve) { curves_.push_back(std::move(curve)); }
    // Lines, each with its end. Empty where no curve has a value.
    std::string text() const;

private:
    PlotFrame frame_;
    std::vector<Curve> curves_;
};

}  // namespace fl::cli
