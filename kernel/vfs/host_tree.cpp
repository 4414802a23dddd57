#include "kernel/vfs/host_tree.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace fl::kernel {

namespace {

tl::unexpected<std::string> refuse(std::string reason) { return tl::unexpected<std::string>(std::move(reason)); }

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == separator) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

// The reason why nothing can be put at this path.
std::optional<std::string> wrong_guest_path(const std::string& path) {
    if (!path.starts_with('/')) return "is not absolute";
    std::vector<std::string> names;
    for (std::string& name : split(path, '/')) {
        if (name == "." || name == "..") return "contains '" + name + "'";
        if (name.size() > max_name_bytes) return "has a name that is too long";
        if (!name.empty()) names.push_back(std::move(name));
    }
    if (names.empty()) return "is the root; see --root";
    if (names.front() == "proc") return "is in /proc";
    return std::nullopt;
}

}  // namespace

std::string HostTree::guest_path(const std::string& host_path) const {
    if (!root || root->host_path == "/") return host_path;
    if (host_path == root->host_path) return "/";
    return host_path.starts_with(root->host_path + "/") ? host_path.substr(root->host_path.size()) : host_path;
}

tl::expected<HostRoot, std::string> open_host_root(const std::string& folder) {
    auto node = HostNode::open_named(folder);
    if (!node) return refuse(fmt::format("--root: {}: {}", folder, node.error()));
    if (!S_ISDIR((*node)->status().st_mode)) return refuse(fmt::format("--root: {}: is not a folder", folder));
    const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(folder.c_str(), nullptr), std::free);
    if (resolved == nullptr) return refuse(fmt::format("--root: {}: {}", folder, std::strerror(errno)));
    return HostRoot{std::move(*node), resolved.get()};
}

tl::expected<HostBind, std::string> open_host_bind(const std::string& words) {
    const auto parts = split(words, ':');
    const bool known_end = parts.size() < 3 || parts[2] == "rw" || parts[2] == "ro";
    if (parts.size() < 2 || parts.size() > 3 || !known_end || parts[0].empty() || parts[1].empty()) {
        return refuse(fmt::format("--bind: '{}' is not of the form HOST:GUEST or HOST:GUEST:rw", words));
    }
    if (const auto reason = wrong_guest_path(parts[1])) {
        return refuse(fmt::format("--bind: {}: {} {}", words, parts[1], *reason));
    }
    auto node = HostNode::open_named(parts[0]);
    if (!node) return refuse(fmt::format("--bind: {}: {}", parts[0], node.error()));
    const mode_t mode = (*node)->status().st_mode;
    if (!S_ISDIR(mode) && !S_ISREG(mode)) {
        return refuse(fmt::format("--bind: {}: is neither a folder nor a regular file", parts[0]));
    }
    return HostBind{std::move(*node), parts[1], parts.size() == 3 && parts[2] == "rw"};
}

}  // namespace fl::kernel
