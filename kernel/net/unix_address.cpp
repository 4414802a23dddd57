#include "kernel/net/unix_address.hpp"

#include <sys/socket.h>

#include <cstring>

namespace fl::kernel {

std::vector<std::byte> UnixAddress::encoded() const {
    const bool is_path = !name.empty() && !is_abstract();
    std::vector<std::byte> bytes(family_bytes + name.size() + (is_path ? 1 : 0));
    const std::uint16_t family = AF_UNIX;
    std::memcpy(bytes.data(), &family, sizeof family);
    std::memcpy(bytes.data() + family_bytes, name.data(), name.size());
    return bytes;
}

Result<UnixAddress> UnixAddress::decoded(std::span<const std::byte> bytes) {
    std::uint16_t family = 0;
    if (bytes.size() <= family_bytes || bytes.size() > family_bytes + max_path_bytes) return fail(Errno::einval);
    std::memcpy(&family, bytes.data(), sizeof family);
    if (family != AF_UNIX) return fail(Errno::einval);
    const auto path = bytes.subspan(family_bytes);
    std::string name(reinterpret_cast<const char*>(path.data()), path.size());
    if (name.front() != '\0') name.resize(std::strlen(name.c_str()));
    return UnixAddress{std::move(name)};
}

}  // namespace fl::kernel
