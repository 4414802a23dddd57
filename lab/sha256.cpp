#include "lab/sha256.hpp"

#include "lab/host_file.hpp"

#include <sha2.h>

#include <array>
#include <cstdint>

namespace fl::lab {

namespace {

class Digest {
public:
    Digest() { ::SHA256Init(&context_); }
    void add(std::string_view bytes) {
        ::SHA256Update(&context_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
    std::string finish() {
        std::array<char, SHA256_DIGEST_STRING_LENGTH> digits{};
        return ::SHA256End(&context_, digits.data());
    }

private:
    SHA2_CTX context_{};
};

}  // namespace

std::string sha256(std::string_view text) {
    Digest digest;
    digest.add(text);
    return digest.finish();
}

tl::expected<std::string, std::string> sha256_of_file(const std::string& path) {
    Digest digest;
    const auto read = read_pieces(path, [&digest](std::string_view piece) { digest.add(piece); });
    if (!read) return tl::unexpected(read.error());
    return digest.finish();
}

}  // namespace fl::lab
