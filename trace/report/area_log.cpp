#include "trace/report/area_log.hpp"

namespace fl::trace::report {

void AreaLog::close(Open& open, Open::iterator area, std::uint64_t time_ns) {
    areas_[area->second].to_ns = time_ns;
    areas_[area->second].open = false;
    open.erase(area);
}

void AreaLog::close_all(std::uint32_t pid, std::uint64_t time_ns) {
    Open& open = open_[pid];
    while (!open.empty()) close(open, open.begin(), time_ns);
    open_.erase(pid);
}

void AreaLog::note(const MappingsEvent& event) {
    if (event.all) close_all(event.pid, event.time_ns);
    Open& open = open_[event.pid];
    for (const VirtRange& gone : event.gone) {
        const auto found = open.find(gone.start);
        if (found != open.end()) close(open, found, event.time_ns);
    }
    for (const Mapping& mapping : event.mapped) {
        const auto found = open.find(mapping.range.start);
        if (found != open.end()) close(open, found, event.time_ns);
        if (areas_.size() >= max_areas) {
            ++refused_;
            continue;
        }
        open[mapping.range.start] = areas_.size();
        areas_.push_back({event.pid, mapping.range, mapping.protection, mapping.name, event.time_ns, 0, true});
    }
}

}  // namespace fl::trace::report
