// What Chrome's trace-event format asks for ("Trace Event Format", the JSON object form), as far as ui.perfetto.dev and
// chrome://tracing rely on it.
#pragma once

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace fl::trace_events {

class Check {
public:
    // What is wrong with the file, in words; empty: nothing.
    std::string check(const std::string& text) {
        const Json file = Json::parse(text, nullptr, false);
        if (file.is_discarded()) return "is no JSON";
        if (!file.is_object() || !file.contains("traceEvents") || !file["traceEvents"].is_array()) {
            return "has no list 'traceEvents'";
        }
        std::size_t number = 0;
        for (const Json& event : file["traceEvents"]) {
            if (std::string wrong = check_event(event); !wrong.empty()) {
                return "event " + std::to_string(number) + ": " + wrong + ": " + event.dump();
            }
            ++number;
        }
        for (const auto& thread : used_threads_) {
            if (!named_threads_.contains(thread)) return "thread " + std::to_string(thread.second) + " has no name";
        }
        return {};
    }
    // Events by phase, and of counters by name.
    std::map<std::string, std::size_t> counts;

private:
    using Json = nlohmann::json;
    using Thread = std::pair<std::uint64_t, std::uint64_t>;  // pid, tid

    static bool is_text(const Json& event, const char* name) {
        return event.contains(name) && event[name].is_string() && !event[name].get<std::string>().empty();
    }
    // Nanoseconds; times have three decimals at most.
    static std::optional<std::int64_t> time_of(const Json& event, const char* name) {
        if (!event.contains(name) || !event[name].is_number()) return std::nullopt;
        const double us = event[name].get<double>();
        if (us < 0) return std::nullopt;
        return static_cast<std::int64_t>(us * 1000 + 0.5);
    }

    std::string check_event(const Json& event) {
        if (!event.is_object()) return "is no object";
        if (!is_text(event, "ph")) return "has no phase";
        if (!is_text(event, "name")) return "has no name";
        for (const char* id : {"pid", "tid"}) {
            if (!event.contains(id) || !event[id].is_number_unsigned()) return std::string("has no ") + id;
        }
        if (!event.contains("args") || !event["args"].is_object()) return "has no arguments";
        const std::string phase = event["ph"];
        ++counts[phase];
        const Thread thread{event["pid"], event["tid"]};
        if (phase == "M") return check_metadata(event, thread);
        if (!time_of(event, "ts")) return "has no time";
        if (phase == "X") return check_slice(event, thread);
        if (phase == "C") return check_counter(event);
        if (phase != "i") return "is of a phase that nobody writes";
        if (!is_text(event, "s") || std::string("gpt").find(event["s"].get<std::string>()) == std::string::npos) {
            return "has no scope";
        }
        used_threads_.insert(thread);
        return {};
    }

    std::string check_metadata(const Json& event, const Thread& thread) {
        if (event["name"] != "process_name" && event["name"] != "thread_name") return "is no metadata that is known";
        if (!event["args"].contains("name") || !event["args"]["name"].is_string()) return "names nothing";
        if (event["name"] == "thread_name") named_threads_.insert(thread);
        return {};
    }

    // Slices of one thread must not overlap, or they are drawn into each other.
    std::string check_slice(const Json& event, const Thread& thread) {
        const auto start = time_of(event, "ts"), length = time_of(event, "dur");
        if (!length) return "has no duration";
        std::int64_t& end = slice_ends_[thread];
        if (*start < end) return "begins before the one before it ends";
        end = *start + *length;
        used_threads_.insert(thread);
        return {};
    }

    std::string check_counter(const Json& event) {
        if (event["args"].empty()) return "counts nothing";
        for (const auto& value : event["args"]) {
            if (!value.is_number()) return "counts something that is no number";
        }
        ++counts[event["name"]];
        std::int64_t& last = counter_times_[{event["pid"], event["name"]}];
        if (*time_of(event, "ts") < last) return "goes back in time";
        last = *time_of(event, "ts");
        return {};
    }

    std::set<Thread> used_threads_, named_threads_;
    std::map<Thread, std::int64_t> slice_ends_;
    std::map<std::pair<std::uint64_t, std::string>, std::int64_t> counter_times_;
};

}  // namespace fl::trace_events
