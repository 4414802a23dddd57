#include "cli/curve_set.hpp"

#include "cli/progress_bar.hpp"
#include "lab/lru_curve.hpp"
#include "lab/opt_curve.hpp"
#include "mm/print_to.hpp"

#include <nlohmann/json.hpp>

#include <utility>
#include <vector>

namespace fl::cli {

namespace {

double ratio(std::uint64_t faults, std::uint64_t references) {
    return references == 0 ? 0 : static_cast<double>(faults) / static_cast<double>(references);
}

void add_rows(std::string& text, const std::string& name, const lab::MissCurve& curve) {
    for (std::uint64_t frames = 1; frames <= curve.enough_frames(); ++frames) {
        const std::uint64_t faults = curve.faults(frames);
        print_to(text, "{},{},{},{},{},{},,\n", name, frames, faults, curve.compulsory(), faults - curve.compulsory(),
                 ratio(faults, curve.references()));
    }
}

std::uint64_t resident_sum(CurveKind kind, const lab::WindowPoint& point) {
    return kind == CurveKind::vmin ? point.vmin_sum : point.working_set_sum;
}

nlohmann::ordered_json object_of(const lab::MissCurve& curve) {
    nlohmann::ordered_json faults = nlohmann::ordered_json::array();
    for (std::uint64_t frames = 1; frames <= curve.enough_frames(); ++frames) faults.push_back(curve.faults(frames));
    return {{"compulsory", curve.compulsory()}, {"faults", std::move(faults)}};
}

nlohmann::ordered_json object_of(CurveKind kind, const lab::WindowCurves& curves) {
    std::vector<std::uint64_t> windows, faults, sums;
    for (const lab::WindowPoint& point : curves.points()) {
        windows.push_back(point.window);
        faults.push_back(point.faults);
        sums.push_back(resident_sum(kind, point));
    }
    return {{"compulsory", curves.compulsory()}, {"windows", windows}, {"faults", faults}, {"resident_sums", sums}};
}

}  // namespace

std::string curve_name(CurveKind kind) {
    switch (kind) {
        case CurveKind::lru: return "lru";
        case CurveKind::opt: return "opt";
        case CurveKind::working_set: return "ws";
        case CurveKind::vmin: return "vmin";
        case CurveKind::reuse: return "irh";
    }
    return {};
}

CurveSet::CurveSet(const lab::ReferenceString& string, std::set<CurveKind> kinds_)
    : kinds(std::move(kinds_)), references(lab::reference_count(string)) {
    const bool has_windows = has(CurveKind::working_set) || has(CurveKind::vmin);
    const bool has_reuse = has_windows || has(CurveKind::reuse);
    BackgroundProgress progress(std::uint64_t{has(CurveKind::lru)} + has(CurveKind::opt) + has_reuse + has_windows);
    if (has(CurveKind::lru)) lru = lab::lru_curve(string);
    if (has(CurveKind::lru)) progress.add(1);
    if (has(CurveKind::opt)) opt = lab::opt_curve(string);
    if (has(CurveKind::opt)) progress.add(1);
    if (has_reuse) reuse = lab::reuse_times(string);
    if (has_reuse) progress.add(1);
    if (has_windows) windows.emplace(*reuse);
}

std::string curves_csv(const CurveSet& curves) {
    std::string text = "curve,at,faults,compulsory,others,miss_ratio,resident_sum,count\n";
    if (curves.lru) add_rows(text, "lru", *curves.lru);
    if (curves.opt) add_rows(text, "opt", *curves.opt);
    for (const CurveKind kind : {CurveKind::working_set, CurveKind::vmin}) {
        if (!curves.has(kind)) continue;
        for (const lab::WindowPoint& point : curves.windows->points()) {
            print_to(text, "{},{},{},{},{},{},{},\n", curve_name(kind), point.window, point.faults,
                     curves.windows->compulsory(), point.faults - curves.windows->compulsory(),
                     ratio(point.faults, curves.references), resident_sum(kind, point));
        }
    }
    if (curves.has(CurveKind::reuse)) {
        for (const auto& [distance, count] : curves.reuse->again) print_to(text, "irh,{},,,,,,{}\n", distance, count);
    }
    return text;
}

std::string curves_json(const CurveSet& curves) {
    nlohmann::ordered_json all = {{"references", curves.references}};
    if (curves.lru) all["lru"] = object_of(*curves.lru);
    if (curves.opt) all["opt"] = object_of(*curves.opt);
    for (const CurveKind kind : {CurveKind::working_set, CurveKind::vmin})
        if (curves.has(kind)) all[curve_name(kind)] = object_of(kind, *curves.windows);
    if (curves.has(CurveKind::reuse)) {
        std::vector<std::uint64_t> distances, counts;
        for (const auto& [distance, count] : curves.reuse->again) {
            distances.push_back(distance);
            counts.push_back(count);
        }
        all["irh"] = {{"first_uses", curves.reuse->first_uses}, {"distances", distances}, {"counts", counts}};
    }
    return all.dump() + "\n";
}

}  // namespace fl::cli
