// UnixMessage: what is on its way from one socket to another (Linux: struct sk_buff with unix_skb_parms).
//
// Invariants: while it lives, its sender is charged for it and its files count as in flight.
#pragma once

#include "kernel/net/unix_address.hpp"
#include "kernel/vfs/file_description.hpp"
#include "mm/kernel_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace fl::kernel {

struct Task;
class UnixSocket;
class UnixSockets;

struct UserCredentials {  // struct ucred
    std::uint32_t pid = 0, uid = ~std::uint32_t{0}, gid = ~std::uint32_t{0};
    bool operator==(const UserCredentials&) const = default;
};

using PassedFiles = std::vector<std::shared_ptr<FileDescription>>;

class UnixMessage {
public:
    struct Contents {
        std::vector<std::byte> bytes;
        UnixAddress from;
        std::optional<UserCredentials> credentials;
        PassedFiles files{};
        mm::KernelCharge ram{};  // for the bytes
        mm::SlabObject head{};   // sk_buff
    };
    // `charge` as the sender's account counts it; `uid` whose files these are.
    UnixMessage(UnixSockets& all, const std::shared_ptr<UnixSocket>& sender, std::uint64_t charge, std::uint32_t uid,
                Contents contents);
    UnixMessage(const UnixMessage&) = delete;
    UnixMessage& operator=(const UnixMessage&) = delete;
    ~UnixMessage();

    std::span<const std::byte> left() const { return std::span(contents_.bytes).subspan(taken_); }
    // At most what is left.
    void take(std::uint64_t count) { taken_ += std::min<std::uint64_t>(count, left().size()); }
    const UnixAddress& from() const { return contents_.from; }
    const std::optional<UserCredentials>& credentials() const { return contents_.credentials; }
    // Those of the task that sends it, where it has none (maybe_add_creds).
    void add_credentials(const Task& task);
    const PassedFiles& files() const { return contents_.files; }
    PassedFiles take_files();

private:
    UnixSockets& all_;
    std::weak_ptr<UnixSocket> sender_;
    std::uint64_t charge_;
    std::uint32_t uid_;
    Contents contents_;
    std::size_t taken_ = 0;
};

}  // namespace fl::kernel
