// JsonFields: an object's fields, each of the kind that it has to be.
#pragma once

#include "emu/address.hpp"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

namespace fl::trace {

// What is wrong with a line, in words for people. It never leaves the reader.
class LineError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class JsonFields {
public:
    // LineError where `object` is none. It must outlive this.
    explicit JsonFields(const nlohmann::json& object);

    // Each throws LineError where the field is missing or not what it should be.
    const nlohmann::json& at(const char* name) const;
    bool has(const char* name) const;
    bool is_null(const char* name) const;
    std::uint64_t number(const char* name, std::uint64_t largest = std::numeric_limits<std::uint64_t>::max()) const;
    std::optional<std::uint64_t> number_or_null(const char* name) const;
    // Up to 2^32 - 1; 0 where it is null.
    std::uint32_t small_number(const char* name) const;
    std::uint32_t small_number_or_zero(const char* name) const;
    // "0x1f"
    std::uint64_t hex(const char* name) const;
    bool truth(const char* name) const;
    std::string text(const char* name) const;
    std::string text_or_empty(const char* name) const;
    // The elements; LineError where it is no array, or has more than `most`.
    const nlohmann::json& list(const char* name, std::size_t most) const;
    // {"start": hex, "end": hex, ...}: whole pages, and at least one.
    VirtRange range() const;

private:
    const nlohmann::json& object_;
};

}  // namespace fl::trace
