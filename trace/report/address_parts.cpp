#include "trace/report/address_parts.hpp"

#include <algorithm>
#include <functional>

namespace fl::trace::report {

namespace {

struct Cut {
    std::uint64_t gap;  // pages
    std::size_t at;     // index of the page behind it
};

std::vector<Cut> cuts_between(const std::vector<TouchedPage>& touched) {
    std::vector<Cut> cuts;
    for (std::size_t i = 1; i < touched.size(); ++i) {
        const std::uint64_t gap = touched[i].page - touched[i - 1].page - 1;
        if (gap > near_pages || touched[i].area != touched[i - 1].area) cuts.push_back({gap, i});
    }
    return cuts;
}

}  // namespace

std::vector<AddressPart> address_parts(std::vector<TouchedPage> touched, std::size_t most) {
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end(),
                              [](const TouchedPage& a, const TouchedPage& b) { return a.page == b.page; }),
                  touched.end());
    if (touched.empty()) return {};
    std::vector<Cut> cuts = cuts_between(touched);
    if (cuts.size() >= most) {
        std::stable_sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.gap > b.gap; });
        cuts.resize(most - 1);
        std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.at < b.at; });
    }
    std::vector<AddressPart> parts;
    std::size_t first = 0;
    const auto close = [&](std::size_t end) {
        parts.push_back({touched[first].page, touched[end - 1].page - touched[first].page + 1});
        first = end;
    };
    for (const Cut& cut : cuts) close(cut.at);
    close(touched.size());
    return parts;
}

}  // namespace fl::trace::report
