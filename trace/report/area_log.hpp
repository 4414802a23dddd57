// AreaLog: which mappings there were, and when: the bands of the map.
#pragma once

#include "emu/address.hpp"
#include "trace/events.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fl::trace::report {

struct Area {
    std::uint32_t pid = 0;
    VirtRange range{};
    std::string protection;  // "rwxp"
    std::string name;
    std::uint64_t from_ns = 0;
    std::uint64_t to_ns = 0;  // meaningless while it is open
    bool open = true;         // to the end
};

class AreaLog {
public:
    static constexpr std::size_t max_areas = 32768;

    void note(const MappingsEvent& event);
    // The process is over, or loads another program: it has no mappings any more.
    void close_all(std::uint32_t pid, std::uint64_t time_ns);

    const std::vector<Area>& areas() const { return areas_; }
    // Mappings for which there was no room.
    std::uint64_t refused() const { return refused_; }

private:
    using Open = std::map<VirtAddr, std::size_t>;  // by start, index of the area

    void close(Open& open, Open::iterator area, std::uint64_t time_ns);

    std::vector<Area> areas_;
    std::map<std::uint32_t, Open> open_;  // by pid
    std::uint64_t refused_ = 0;
};

}  // namespace fl::trace::report
