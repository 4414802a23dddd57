#include "cli/curve.hpp"

#include "cli/curve_report.hpp"
#include "cli/curve_set.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/output_file.hpp"
#include "cli/standard_output.hpp"
#include "trace/terminal.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* footer =
    R"(lru, opt   the faults of LRU and of OPT at each number of frames, as replays would count them
ws, vmin   the faults and the resident pages of the working set and of VMIN, by window
irh        how many references ago each reference's page was referenced

The files hold every number of frames, and every window where something changes. docs/curves.md says what the numbers
mean.

  faultline curve program.refs
  faultline curve --kind lru,opt --csv curves.csv program.refs)";

constexpr std::array all_kinds = {CurveKind::lru, CurveKind::opt, CurveKind::working_set, CurveKind::vmin,
                                  CurveKind::reuse};

std::set<CurveKind> kinds_of(const std::vector<std::string>& names) {
    std::set<CurveKind> kinds;
    for (const CurveKind kind : all_kinds) {
        const auto is_asked = [&](const std::string& name) { return name == "all" || name == curve_name(kind); };
        if (std::any_of(names.begin(), names.end(), is_asked)) kinds.insert(kind);
    }
    return kinds;
}

// A plot is readable, and fits on a page, whatever the terminal is like.
std::size_t plot_width() {
    constexpr std::size_t least = 60, usual = 80, most = 120;
    const std::optional<unsigned> width = trace::terminal_traits(STDOUT_FILENO).width;
    return width ? std::clamp<std::size_t>(*width, least, most) : usual;
}

// Whether all of it was written; says why not.
bool write(OutputFile& file, const std::string& bytes) {
    file.begin();
    std::optional<int> error = file.write(bytes);
    if (const std::optional<int> late = file.close(); !error) error = late;
    if (error) report(fmt::format("{}: cannot be written: {}", file.name(), std::strerror(*error)));
    return !error;
}

int refuse(const std::string& line) {
    report(line);
    return exit_usage;
}

}  // namespace

CurveCommand::CurveCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Show a reference string's faults at every number of frames",
                                               .operands = "[OPTIONS] FILE.refs",
                                               .footer = footer})),
      recording_(subcommand_) {
    add_option(subcommand_, "--kind", kinds_, "What to compute (all)")
        .delimiter(',')
        .allow_extra_args(false)
        .one_of({"lru", "opt", "ws", "vmin", "irh", "all"})
        .option_text("lru,opt,ws,vmin,irh|all");
    add_option(subcommand_, "--csv", csv_, "Write all of the curves to FILE, as rows").option_text("FILE");
    add_option(subcommand_, "--json", json_, "Write all of the curves to FILE, as one object").option_text("FILE");
}

int CurveCommand::execute() const {
    std::vector<std::pair<OutputFile, std::string (*)(const CurveSet&)>> files;
    for (const auto& [path, content] : {std::pair(csv_, &curves_csv), std::pair(json_, &curves_json)}) {
        if (!path) continue;
        auto file = OutputFile::open(*path);
        if (!file) return refuse(file.error());
        if (file->is_same_file(recording_.path())) {
            return refuse(fmt::format("{}: is the reference string itself", *path));
        }
        if (!files.empty() && files.front().first.is_same_file(*path)) {
            return refuse(fmt::format("{}: both files would be the same", *path));
        }
        files.emplace_back(*std::move(file), content);
    }
    const auto recording = recording_.load();
    if (!recording) return refuse(recording.error());
    const CurveSet curves(recording->string, kinds_of(kinds_));
    bool is_written = print_output(curve_report(curves, recording_.path(), plot_width()));
    for (auto& [file, content] : files) is_written &= write(file, content(curves));
    return is_written ? 0 : exit_output_failed;
}

}  // namespace fl::cli
