// A payload read back, as the page's scripts do it.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fl::trace::test {

// The payload of a page. Requires that there is one.
std::string_view payload_of(std::string_view page);

class ReadPayload {
public:
    // Of base64 text. Requires that it is whole.
    explicit ReadPayload(std::string_view text);

    const nlohmann::json& head() const { return head_; }
    std::uint64_t row_count(const std::string& table) const { return head_["tables"][table]["rows"]; }
    std::vector<std::uint64_t> column(const std::string& table, const std::string& name) const;
    // A column of numbers of strings.
    std::vector<std::string> texts(const std::string& table, const std::string& name) const;

private:
    std::vector<std::uint64_t> codes(const std::string& table, const std::string& name) const;
    std::vector<std::uint64_t> differences(const std::string& table, const std::string& name) const;
    void decode_predicted() const;

    mutable std::map<std::string, std::vector<std::uint64_t>> predicted_;  // by table and column
    nlohmann::json head_;
    std::string columns_;
};

}  // namespace fl::trace::test
