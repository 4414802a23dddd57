#include "cli/replay_explain.hpp"

#include "cli/event_text.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::cli {

namespace {

constexpr std::size_t listed_losses = 20;

std::string references_text(std::uint64_t count) { return fmt::format("{} reference{}", count, count == 1 ? "" : "s"); }

std::string next_use_text(const std::optional<std::uint64_t>& distance) {
    return distance ? fmt::format("next used in {}", references_text(*distance)) : "never used again";
}

// "page 7 (0x400000 of process 1)".
std::string page_text(const lab::Recording& recording, lab::PageId page) {
    if (page >= recording.origins.size()) return fmt::format("page {}", page);
    const lab::PageOrigin& origin = recording.origins[page];
    if (origin.file.empty() && origin.process == 0 && origin.page_number == page) return fmt::format("page {}", page);
    return fmt::format("page {} ({})", page, origin_text(origin));
}

std::string eviction_text(const lab::Recording& recording, const lab::ExplainedEviction& eviction) {
    const std::string victim = page_text(recording, eviction.victim);
    std::string text = fmt::format("eviction {} at reference {}: ", eviction.number, eviction.time);
    if (eviction.incoming == replacement::no_page) {
        text += fmt::format("{} is let go, no page comes\n", victim);
    } else {
        text += fmt::format("{} comes, {} leaves{}\n", page_text(recording, eviction.incoming), victim,
                            eviction.lost ? "   LOST: opt has no fault here" : "");
    }
    std::string why = eviction.state;
    if (!eviction.description.empty()) why += (why.empty() ? "it: " : "; it: ") + eviction.description;
    if (!why.empty()) text += fmt::format("    why   {}\n", trace::printable(why));
    text += fmt::format("    it    {}, resident for {}, last used {} ago, {}\n", eviction.dirty ? "dirty" : "clean",
                        references_text(eviction.resident_for), references_text(eviction.last_use_ago),
                        next_use_text(eviction.next_use_in));
    if (eviction.best == eviction.victim) return text + "    opt   takes the same of these pages\n";
    return text + fmt::format("    opt   takes {} of these pages, {}\n", page_text(recording, eviction.best),
                              next_use_text(eviction.best_next_use_in));
}

std::string summary_text(const NamedPolicy& policy, const lab::Explanation& explanation) {
    const auto& lost_at = explanation.lost_at;
    std::string text =
        fmt::format("{}: {} faults, {} evictions; opt: {} faults, {} evictions\n", trace::printable(policy.text),
                    explanation.counts.faults, explanation.counts.evictions(), explanation.opt_counts.faults,
                    explanation.opt_counts.evictions());
    text += fmt::format("lost to opt: {} faults that opt does not have; {} of opt's it does not have\n", lost_at.size(),
                        explanation.won);
    if (lost_at.empty()) return text;
    const std::size_t listed = std::min(lost_at.size(), listed_losses);
    text += fmt::format("lost at reference {}",
                        fmt::join(lost_at.begin(), lost_at.begin() + static_cast<long>(listed), ", "));
    if (listed < lost_at.size()) text += fmt::format(" and {} more", lost_at.size() - listed);
    return text + "\n";
}

}  // namespace

tl::expected<std::string, std::string> explanation_text(const lab::Recording& recording,
                                                        const lab::PreparedString& string, const NamedPolicy& policy,
                                                        const lab::ExplainOptions& options) {
    const auto explanation = lab::explain(string, policy.choice, options);
    if (!explanation) return tl::unexpected(explanation.error());
    std::string text = fmt::format("{} with {} frame{}\n\n", trace::printable(policy.text), options.frames,
                                   options.frames == 1 ? "" : "s");
    for (const lab::ExplainedEviction& eviction : explanation->evictions) text += eviction_text(recording, eviction);
    const std::uint64_t shown = explanation->evictions.size();
    if (shown < explanation->counts.evictions()) {
        text +=
            fmt::format("({} of {} evictions; -n and --from choose others)\n", shown, explanation->counts.evictions());
    }
    if (explanation->counts.evictions() > 0) text += "\n";
    return text + summary_text(policy, *explanation);
}

}  // namespace fl::cli
