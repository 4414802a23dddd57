#include "cli/curve_report.hpp"

#include "cli/braille_plot.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <set>

namespace fl::cli {

namespace {

using lab::MissCurve;
using lab::WindowPoint;

constexpr std::size_t plot_height = 12;

std::string percent(double share) {
    const double value = 100 * share;
    return value != 0 && value < 0.001 ? fmt::format("{:.0e}%", value) : fmt::format("{:.3f}%", value);
}

double share_of(std::uint64_t count, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(count) / static_cast<double>(whole);
}

// Columns with their names above, each as wide as it must be, to the right; the last may be a note, to the left.
class Table {
public:
    explicit Table(std::vector<std::string> names) : rows_{std::move(names)} {}
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    std::string text() const {
        std::vector<std::size_t> widths(rows_.front().size());
        for (const auto& row : rows_)
            for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
        std::string text;
        for (const auto& row : rows_) {
            std::string line;
            for (std::size_t i = 0; i < row.size(); ++i) {
                const bool is_note = i + 1 == row.size() && i > 0;
                line += is_note ? "  " + row[i] : fmt::format("{}{:>{}}", i == 0 ? "" : "  ", row[i], widths[i]);
            }
            line.erase(line.find_last_not_of(' ') + 1);
            text += line + "\n";
        }
        return text;
    }

private:
    std::vector<std::vector<std::string>> rows_;
};

// 1, 2, 4, ... below `most`.
std::set<std::uint64_t> powers_below(std::uint64_t most) {
    std::set<std::uint64_t> powers;
    for (std::uint64_t power = 1; power < most && power != 0; power *= 2) powers.insert(power);
    return powers;
}

struct Named {
    std::string name;
    const MissCurve& curve;
};

// "knee of lru; enough for opt": from the latter on only compulsory faults are left.
std::string note_on(std::uint64_t frames, const std::vector<Named>& curves) {
    std::string knee, enough;
    for (const auto& [name, curve] : curves) {
        const std::vector<std::uint64_t> all = knees(curve);
        if (frames == curve.enough_frames()) {
            enough += (enough.empty() ? "enough for " : ", ") + name;
        } else if (std::find(all.begin(), all.end(), frames) != all.end()) {
            knee += (knee.empty() ? "knee of " : ", ") + name;
        }
    }
    return knee + (knee.empty() || enough.empty() ? "" : "; ") + enough;
}

std::string frames_part(const std::vector<Named>& curves, std::size_t width) {
    std::uint64_t most = 1;
    std::string names;
    for (const auto& [name, curve] : curves) {
        most = std::max(most, curve.enough_frames());
        names += (names.empty() ? "" : " above, ") + name;
    }
    if (curves.size() > 1) names += " below";
    BraillePlot plot({.title = fmt::format("faults per reference by number of frames ({})", names),
                      .width = width,
                      .height = plot_height,
                      .x_least = 1,
                      .x_most = static_cast<double>(most),
                      .y_label = percent});
    std::set<std::uint64_t> sizes = powers_below(most);
    std::vector<std::string> head = {"frames"};
    for (const auto& [name, curve] : curves) {
        plot.add([&curve = curve](double frames) { return curve.miss_ratio(static_cast<std::uint64_t>(frames)); });
        for (const std::uint64_t knee : knees(curve)) sizes.insert(knee);
        sizes.insert(curve.enough_frames());
        head.insert(head.end(), {name + " faults", "not compulsory", "ratio"});
    }
    head.emplace_back();
    Table table(std::move(head));
    for (const std::uint64_t frames : sizes) {
        std::vector<std::string> row = {std::to_string(frames)};
        for (const auto& [name, curve] : curves) {
            row.push_back(std::to_string(curve.faults(frames)));
            row.push_back(std::to_string(curve.faults(frames) - curve.compulsory()));
            row.push_back(percent(curve.miss_ratio(frames)));
        }
        row.push_back(note_on(frames, curves));
        table.add(std::move(row));
    }
    const std::string drawn = plot.text();
    return "\n" + drawn + (drawn.empty() ? "" : "\n") + table.text();
}

std::string windows_part(const CurveSet& curves, std::size_t width) {
    const lab::WindowCurves& windows = *curves.windows;
    const std::uint64_t last = windows.points().back().window;
    const bool has_set = curves.has(CurveKind::working_set), has_vmin = curves.has(CurveKind::vmin);
    BraillePlot plot({.title = fmt::format("resident pages on average by window, in references ({})",
                                           has_set && has_vmin ? "ws above, vmin below"
                                           : has_set           ? "ws"
                                                               : "vmin"),
                      .width = width,
                      .height = plot_height,
                      .x_least = 1,
                      .x_most = static_cast<double>(last),
                      .y_label = [](double pages) { return fmt::format("{:.1f}", pages); }});
    const auto at = [&windows](double window) { return windows.at(static_cast<std::uint64_t>(window)); };
    if (has_set) plot.add([&windows, at](double window) { return windows.working_set_pages(at(window)); });
    if (has_vmin) plot.add([&windows, at](double window) { return windows.vmin_pages(at(window)); });
    std::vector<std::string> head = {"window", "faults", "not compulsory", "ratio"};
    if (has_set) head.emplace_back("ws pages");
    if (has_vmin) head.emplace_back("vmin pages");
    head.emplace_back();
    Table table(std::move(head));
    std::set<std::uint64_t> sizes = powers_below(last);
    const auto enough = std::find_if(windows.points().begin(), windows.points().end(),
                                     [&](const WindowPoint& point) { return point.faults == windows.compulsory(); });
    sizes.insert({enough->window, last});
    for (const std::uint64_t window : sizes) {
        const WindowPoint point = windows.at(window);
        std::vector<std::string> row = {std::to_string(window), std::to_string(point.faults),
                                        std::to_string(point.faults - windows.compulsory()),
                                        percent(share_of(point.faults, curves.references))};
        if (has_set) row.push_back(fmt::format("{:.2f}", windows.working_set_pages(point)));
        if (has_vmin) row.push_back(fmt::format("{:.2f}", windows.vmin_pages(point)));
        row.emplace_back(window == enough->window ? "enough" : "");
        table.add(std::move(row));
    }
    const std::string drawn = plot.text();
    return "\n" + drawn + (drawn.empty() ? "" : "\n") + table.text();
}

// How many characters of eighths a bar is long.
std::string bar(double share, std::size_t width) {
    const auto eighths = static_cast<std::size_t>(share * static_cast<double>(8 * width) + 0.5);
    std::string text;
    for (std::size_t i = 0; i < eighths / 8; ++i) text += "\u2588";
    // U+2588 is whole, U+258F one eighth.
    if (eighths % 8 != 0) text += {'\xe2', '\x96', static_cast<char>(0x90 - eighths % 8)};
    return text;
}

std::string reuse_part(const lab::ReuseTimes& reuse, std::size_t width) {
    std::vector<std::uint64_t> bins;
    for (const auto& [distance, count] : reuse.again) {
        const auto bin = static_cast<std::size_t>(std::bit_width(distance) - 1);
        if (bin >= bins.size()) bins.resize(bin + 1);
        bins[bin] += count;
    }
    constexpr std::size_t columns_beside = 60;
    Table table({"references since", "count", "share", ""});
    for (std::size_t bin = 0; bin < bins.size(); ++bin) {
        const std::uint64_t from = std::uint64_t{1} << bin, to = 2 * from - 1;
        const double share = share_of(bins[bin], reuse.references);
        table.add({bin == 0 ? "1" : fmt::format("{}..{}", from, to), std::to_string(bins[bin]), percent(share),
                   bar(share, width > columns_beside + 10 ? width - columns_beside : 10)});
    }
    table.add({"first use", std::to_string(reuse.first_uses), percent(share_of(reuse.first_uses, reuse.references))});
    return "\nreferences by how many references ago their page was referenced\n" + table.text();
}

}  // namespace

std::vector<std::uint64_t> knees(const MissCurve& curve) {
    constexpr std::size_t most = 4;
    constexpr double least_share = 0.2;
    std::vector<std::pair<double, std::uint64_t>> falls;
    for (std::uint64_t frames = 3; frames < curve.enough_frames(); ++frames) {
        const std::uint64_t before = curve.faults(frames - 1);
        const double share = share_of(before - curve.faults(frames), before);
        if (share >= least_share) falls.emplace_back(share, frames);
    }
    std::stable_sort(falls.begin(), falls.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    falls.resize(std::min(falls.size(), most));
    std::vector<std::uint64_t> frames;
    for (const auto& fall : falls) frames.push_back(fall.second);
    std::sort(frames.begin(), frames.end());
    return frames;
}

std::string curve_report(const CurveSet& curves, const std::string& source, std::size_t width) {
    std::string text = fmt::format("{}: {} references\n", trace::printable(source), curves.references);
    std::vector<Named> by_frames;
    if (curves.lru) by_frames.push_back({curve_name(CurveKind::lru), *curves.lru});
    if (curves.opt) by_frames.push_back({curve_name(CurveKind::opt), *curves.opt});
    if (!by_frames.empty()) text += frames_part(by_frames, width);
    if (curves.windows) text += windows_part(curves, width);
    if (curves.has(CurveKind::reuse)) text += reuse_part(*curves.reuse, width);
    return text;
}

}  // namespace fl::cli
