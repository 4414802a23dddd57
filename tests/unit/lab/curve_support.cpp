#include "curve_support.hpp"

#include "lab/replay.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <utility>

namespace fl::lab {

namespace {

using Known = std::map<std::pair<std::size_t, std::set<PageId>>, std::uint64_t>;

// From run `index` on.
std::uint64_t fewest_faults(const ReferenceString& string, std::size_t index, const std::set<PageId>& resident,
                            std::size_t frames, Known& known) {
    if (index == string.size()) return 0;
    if (const auto found = known.find({index, resident}); found != known.end()) return found->second;
    const Run& run = string[index];
    std::uint64_t best = string.size() + 1;
    std::set<PageId> next = resident;
    if (run.is_gone()) {
        next.erase(run.page);
        best = fewest_faults(string, index + 1, next, frames, known);
    } else if (resident.contains(run.page)) {
        best = fewest_faults(string, index + 1, next, frames, known);
    } else {
        next.insert(run.page);
        if (resident.size() < frames) best = 1 + fewest_faults(string, index + 1, next, frames, known);
        for (const PageId victim : resident) {
            if (resident.size() < frames) break;
            std::set<PageId> without = next;
            without.erase(victim);
            best = std::min(best, 1 + fewest_faults(string, index + 1, without, frames, known));
        }
    }
    known[{index, resident}] = best;
    return best;
}

}  // namespace

ReferenceString string_of_shape(const StringShape& shape) {
    std::mt19937_64 random(shape.seed);
    ReferenceString string;
    std::vector<bool> exists(shape.pages);
    std::uint64_t base = 0;
    const std::uint64_t pages = shape.pages;
    for (std::size_t i = 0; i < shape.runs; ++i) {
        std::uint64_t page = random() % pages;
        switch (shape.seed % 6) {
            case 1: page = page * page / pages; break;
            case 2: page = random() % 8 != 0 ? i % (pages / 2 + 1) : page; break;
            case 3:
                if (random() % 50 == 0) base = page;
                page = (base + page / 3) % pages;
                break;
            case 4: page = i / pages % 2 == 0 ? i % pages : pages - 1 - i % pages; break;
            case 5: page = (i / 10 + page / 4) % pages; break;
            default: break;
        }
        const auto number = static_cast<PageId>(page);
        if (shape.gone_every != 0 && exists[number] && random() % shape.gone_every == 0) {
            string.push_back(Run::gone(number));
            exists[number] = false;
            continue;
        }
        const auto count = static_cast<std::uint32_t>(random() % 4 == 0 ? 1 + random() % 6 : 1);
        string.emplace_back(number, random() % 3 == 0 ? Access::write : Access::read, count);
        exists[number] = true;
        if (random() % 20 == 0) string.push_back(Run::needed(number));
    }
    return string;
}

std::uint64_t replay_faults(const ReferenceString& string, const std::string& policy, std::uint32_t frames) {
    const auto choice = replacement::parse_policy(policy);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    const auto result = replay(string, *choice, {.frames = frames});
    REQUIRE_MESSAGE(result.has_value(), result.error());
    return result->faults;
}

const nlohmann::json& textbook_strings() {
    static const nlohmann::json data = [] {
        std::ifstream file(FAULTLINE_TEST_DATA "/textbook-strings.json");
        return nlohmann::json::parse(file).at("strings");
    }();
    return data;
}

ReferenceString textbook_string(const nlohmann::json& entry) {
    ReferenceString string;
    for (const auto& page : entry.at("string")) string.emplace_back(page.get<PageId>());
    return string;
}

std::uint64_t fewest_faults(const ReferenceString& string, std::size_t frames) {
    Known known;
    return fewest_faults(string, 0, {}, frames, known);
}

}  // namespace fl::lab
