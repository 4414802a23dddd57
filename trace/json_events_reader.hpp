// JsonEventReader: one line of a trace as an event, and as a call of a Writer.
#pragma once

#include "trace/json_fields.hpp"
#include "trace/writer.hpp"

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

namespace fl::trace {

class JsonEventReader {
public:
    // LineError where the object is no event.
    void read(const nlohmann::json& object, Writer& writer);

private:
    mm::FaultEvent fault(const JsonFields& fields);
    mm::PageName page(const JsonFields& fields);
    Instruction instruction(const JsonFields& fields);
    mm::EvictionEvent eviction(const JsonFields& fields);
    mm::WriteBackEvent write_back(const JsonFields& fields);
    std::shared_ptr<const mm::FileIdentity> file_named(const std::string& path);

    // What has been given a number, by all its texts, and files, by path.
    std::unordered_map<std::string, std::uint64_t> instructions_;
    std::uint64_t last_instruction_ = 0;
    std::map<std::string, std::shared_ptr<const mm::FileIdentity>> files_;
};

}  // namespace fl::trace
