#include "lab/miss_curve.hpp"

namespace fl::lab {

MissCurve::MissCurve(std::uint64_t references, const std::vector<std::uint64_t>& depths)
    : references_(references), compulsory_(depths.empty() ? 0 : depths[0]) {
    std::size_t deepest = depths.size();
    while (deepest > 2 && depths[deepest - 1] == 0) --deepest;
    if (deepest <= 2) return;
    others_.resize(deepest - 2);
    std::uint64_t deeper = 0;
    for (std::size_t frames = others_.size(); frames > 0; --frames) others_[frames - 1] = deeper += depths[frames + 1];
}

double MissCurve::miss_ratio(std::uint64_t frames) const {
    return references_ == 0 ? 0 : static_cast<double>(faults(frames)) / static_cast<double>(references_);
}

}  // namespace fl::lab
