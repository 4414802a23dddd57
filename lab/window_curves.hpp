// WindowCurves: the faults and the memory of the working set and of VMIN, for every window.
//
// With a window of T references a fault is a reference to a page that was not referenced within the last T. Both
// policies have the same faults; VMIN, which knows the future, keeps no page that will not be used in time. (P. J.
// Denning, The working set model for program behavior, Communications of the ACM 11(5), 1968; P. J. Denning, S. C.
// Schwartz, Properties of the working-set model, Communications of the ACM 15(3), 1972; B. G. Prieve, R. S. Fabry,
// VMIN: an optimal variable-space page replacement algorithm, Communications of the ACM 19(5), 1976.)
#pragma once

#include "lab/reuse_times.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

struct WindowPoint {
    std::uint64_t window = 1;
    std::uint64_t faults = 0;           // first uses included
    std::uint64_t working_set_sum = 0;  // resident pages after each reference, summed up
    std::uint64_t vmin_sum = 0;         // as that
    std::uint64_t working_set_slope =
        0;  // by how much working_set_sum grows for each reference that the window is longer
};

class WindowCurves {
public:
    explicit WindowCurves(const ReuseTimes& times);

    std::uint64_t references() const { return references_; }
    // Faults that any window has.
    std::uint64_t compulsory() const { return compulsory_; }
    // Where something changes, the shortest window first; the first is 1, and there is one at least. From a point to
    // the next one working_set_sum is a straight line, and the rest stays.
    const std::vector<WindowPoint>& points() const { return points_; }
    // As a replay of `working-set` with that window, and with as many frames as it wants, and replay_vmin() count it.
    // `window`: 1 or more.
    WindowPoint at(std::uint64_t window) const;
    // Resident pages on average.
    double working_set_pages(const WindowPoint& point) const { return mean(point.working_set_sum); }
    double vmin_pages(const WindowPoint& point) const { return mean(point.vmin_sum); }

private:
    double mean(std::uint64_t sum) const {
        return references_ == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(references_);
    }

    std::uint64_t references_;
    std::uint64_t compulsory_;
    std::vector<WindowPoint> points_;
};

}  // namespace fl::lab
