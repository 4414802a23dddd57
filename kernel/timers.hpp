// Timers: what is to happen at a point of CLOCK_MONOTONIC (Linux: hrtimers). Nothing happens by itself: whoever keeps
// the time calls expire().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace fl::kernel {

class Timers {
public:
    using Id = std::pair<std::uint64_t, std::uint64_t>;  // when, and a number of its own

    Id add(std::uint64_t deadline_ns, std::function<void()> action) {
        const Id id{deadline_ns, ++last_number_};
        actions_.emplace(id, std::move(action));
        return id;
    }
    // Nothing happens where it has expired already.
    void cancel(const Id& id) { actions_.erase(id); }

    bool empty() const { return actions_.empty(); }
    std::size_t count() const { return actions_.size(); }
    std::optional<std::uint64_t> first_deadline_ns() const {
        if (actions_.empty()) return std::nullopt;
        return actions_.begin()->first.first;
    }
    // In the order of their deadlines, those that actions add included.
    void expire(std::uint64_t now_ns) {
        while (!actions_.empty() && actions_.begin()->first.first <= now_ns) {
            const auto action = std::move(actions_.begin()->second);
            actions_.erase(actions_.begin());
            action();
        }
    }

private:
    std::map<Id, std::function<void()>> actions_;
    std::uint64_t last_number_ = 0;
};

}  // namespace fl::kernel
