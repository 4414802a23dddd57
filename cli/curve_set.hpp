// CurveSet: the curves of one reference string that somebody asked for.
#pragma once

#include "lab/miss_curve.hpp"
#include "lab/reference_string.hpp"
#include "lab/window_curves.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace fl::cli {

enum class CurveKind : std::uint8_t { lru, opt, working_set, vmin, reuse };

// "lru", "opt", "ws", "vmin", "irh".
std::string curve_name(CurveKind kind);

struct CurveSet {
    // Computes these kinds, and what they need.
    CurveSet(const lab::ReferenceString& string, std::set<CurveKind> kinds_);

    bool has(CurveKind kind) const { return kinds.contains(kind); }

    std::set<CurveKind> kinds;
    std::uint64_t references;
    std::optional<lab::MissCurve> lru{}, opt{};
    std::optional<lab::ReuseTimes> reuse{};      // for any of working_set, vmin and reuse
    std::optional<lab::WindowCurves> windows{};  // for working_set or vmin
};

// Every number of frames and every window where something changes, as rows under one head / as one object.
// docs/curves.md describes both.
std::string curves_csv(const CurveSet& curves);
std::string curves_json(const CurveSet& curves);

}  // namespace fl::cli
