#include "lab/window_curves.hpp"

#include <algorithm>

namespace fl::lab {

WindowCurves::WindowCurves(const ReuseTimes& times) : references_(times.references), compulsory_(times.first_uses) {
    // A window of 0 would keep nothing: every reference would be a fault. A reference then adds 1 to both sums for each
    // reference that the window is longer, until it is as long as the reference's page stays in use.
    WindowPoint point{.window = 0, .faults = references_, .working_set_slope = references_};
    auto again = times.again.begin();
    auto last = times.last.begin();
    const auto advance = [&](std::uint64_t window) {
        point.working_set_sum += point.working_set_slope * (window - point.window);
        point.window = window;
        if (again != times.again.end() && again->first == window) {
            point.faults -= again->second;
            point.working_set_slope -= again->second;
            // Kept from one use to the next, instead of for the first of them alone.
            point.vmin_sum += again->second * (window - 1);
            ++again;
        }
        if (last != times.last.end() && last->first == window) point.working_set_slope -= (last++)->second;
    };
    point.vmin_sum = references_;
    advance(1);
    points_.push_back(point);
    while (again != times.again.end() || last != times.last.end()) {
        std::uint64_t window = UINT64_MAX;
        if (again != times.again.end()) window = std::min(window, again->first);
        if (last != times.last.end()) window = std::min(window, last->first);
        advance(window);
        points_.push_back(point);
    }
}

WindowPoint WindowCurves::at(std::uint64_t window) const {
    const auto after =
        std::upper_bound(points_.begin(), points_.end(), window,
                         [](std::uint64_t value, const WindowPoint& point) { return value < point.window; });
    WindowPoint point = *(after - 1);
    point.working_set_sum += point.working_set_slope * (window - point.window);
    point.window = window;
    return point;
}

}  // namespace fl::lab
