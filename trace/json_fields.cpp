#include "trace/json_fields.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>
#include <string_view>

namespace fl::trace {

using Json = nlohmann::json;

namespace {

[[noreturn]] void refuse(const char* name, const char* wanted) {
    throw LineError(fmt::format("'{}' is not {}", name, wanted));
}

}  // namespace

JsonFields::JsonFields(const Json& object) : object_(object) {
    if (!object.is_object()) throw LineError("there is something else where an object has to be");
}

const Json& JsonFields::at(const char* name) const {
    const auto found = object_.find(name);
    if (found == object_.end()) throw LineError(fmt::format("'{}' is missing", name));
    return *found;
}

bool JsonFields::has(const char* name) const { return object_.contains(name); }
bool JsonFields::is_null(const char* name) const { return at(name).is_null(); }

std::uint64_t JsonFields::number(const char* name, std::uint64_t largest) const {
    const Json& value = at(name);
    if (!value.is_number_unsigned()) refuse(name, "a whole number");
    const auto number = value.get<std::uint64_t>();
    if (number > largest) throw LineError(fmt::format("'{}' is more than {}", name, largest));
    return number;
}

std::optional<std::uint64_t> JsonFields::number_or_null(const char* name) const {
    return is_null(name) ? std::nullopt : std::optional(number(name));
}

std::uint32_t JsonFields::small_number(const char* name) const {
    return static_cast<std::uint32_t>(number(name, std::numeric_limits<std::uint32_t>::max()));
}

std::uint32_t JsonFields::small_number_or_zero(const char* name) const {
    return is_null(name) ? 0 : small_number(name);
}

std::uint64_t JsonFields::hex(const char* name) const {
    const Json& value = at(name);
    constexpr const char* wanted = "a hexadecimal number in quotes, as \"0x1f\"";
    if (!value.is_string()) refuse(name, wanted);
    const std::string_view text = value.get_ref<const std::string&>();
    std::uint64_t number = 0;
    if (!text.starts_with("0x")) refuse(name, wanted);
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), number, 16);
    if (error != std::errc() || end != text.data() + text.size()) refuse(name, wanted);
    return number;
}

bool JsonFields::truth(const char* name) const {
    const Json& value = at(name);
    if (!value.is_boolean()) refuse(name, "true or false");
    return value.get<bool>();
}

std::string JsonFields::text(const char* name) const {
    const Json& value = at(name);
    if (!value.is_string()) refuse(name, "a text");
    return value.get<std::string>();
}

std::string JsonFields::text_or_empty(const char* name) const { return is_null(name) ? std::string() : text(name); }

const Json& JsonFields::list(const char* name, std::size_t most) const {
    const Json& value = at(name);
    if (!value.is_array()) refuse(name, "a list");
    if (value.size() > most) throw LineError(fmt::format("'{}' has more than {} elements", name, most));
    return value;
}

VirtRange JsonFields::range() const {
    const VirtRange range{VirtAddr(hex("start")), VirtAddr(hex("end"))};
    if (range.start >= range.end || !range.start.page_aligned() || !range.end.page_aligned()) {
        throw LineError("'start' and 'end' are no range of whole pages");
    }
    return range;
}

}  // namespace fl::trace
