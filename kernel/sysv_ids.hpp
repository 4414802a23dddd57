// What the three kinds of System V IPC have in common (Linux: ipc/util.c): keys, identifiers and rights.
#pragma once

#include "kernel/task.hpp"

#include <sys/ipc.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace fl::kernel {

// struct kern_ipc_perm.
struct IpcPermissions {
    std::int32_t key = 0;
    std::int32_t id = 0;
    std::uint32_t uid = 0, gid = 0;    // the owner
    std::uint32_t cuid = 0, cgid = 0;  // who made it
    std::uint32_t mode = 0;            // rights, and bits of the kind's own
};

inline constexpr std::uint32_t ipc_rights = 0777;     // S_IRWXUGO
inline constexpr std::uint32_t ipc_read_all = 0444;   // S_IRUGO
inline constexpr std::uint32_t ipc_write_all = 0222;  // S_IWUGO

// ipcperms(): the rights asked for may stand at any of the three places.
inline bool ipc_permits(const Task& task, const IpcPermissions& permissions, std::uint32_t wanted) {
    const std::uint32_t requested = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    std::uint32_t granted = permissions.mode;
    if (task.credentials.user.effective == permissions.cuid || task.credentials.user.effective == permissions.uid) {
        granted >>= 6;
    } else if (task.credentials.group.effective == permissions.cgid ||
               task.credentials.group.effective == permissions.gid) {
        granted >>= 3;
    }
    return (requested & ~granted) == 0 || task.credentials.may(Capability::ipc_owner);
}

// ipcctl_obtain_check(): who may change or remove it.
inline bool ipc_owns(const Task& task, const IpcPermissions& permissions) {
    return task.credentials.user.effective == permissions.cuid || task.credentials.user.effective == permissions.uid ||
           task.credentials.may(Capability::sys_admin);
}

inline IpcPermissions ipc_new_permissions(const Task& task, std::int32_t key, std::int32_t flags) {
    return {.key = key,
            .uid = task.credentials.user.effective,
            .gid = task.credentials.group.effective,
            .cuid = task.credentials.user.effective,
            .cgid = task.credentials.group.effective,
            .mode = static_cast<std::uint32_t>(flags) & ipc_rights};
}

// struct ipc64_perm from and to the program's.
inline ipc_perm ipc_user_permissions(const IpcPermissions& permissions) {
    ipc_perm user{};
    user.__key = permissions.key;
    user.uid = permissions.uid, user.gid = permissions.gid;
    user.cuid = permissions.cuid, user.cgid = permissions.cgid;
    user.mode = static_cast<decltype(user.mode)>(permissions.mode);
    constexpr unsigned index_bits = 15;
    user.__seq = static_cast<unsigned short>(permissions.id >> index_bits);
    return user;
}
inline void ipc_set_permissions(IpcPermissions& permissions, const ipc_perm& user) {
    permissions.uid = user.uid;
    permissions.gid = user.gid;
    permissions.mode = (permissions.mode & ~ipc_rights) | (user.mode & ipc_rights);
}

// The objects of one kind, by identifier: an index, and above it how often the indices were given out.
//
// Object: has `IpcPermissions permissions`.
template <class Object>
class IpcTable {
public:
    static constexpr std::int32_t max_index = 1 << 15;  // IPCMNI

    // The object gets its identifier. Indices go round, so that one that was removed is not soon another.
    Object& add(std::shared_ptr<Object> object) {
        constexpr std::int32_t least_cycle = 64;
        const auto in_use = static_cast<std::int32_t>(objects_.size());
        const std::int32_t end = std::min(std::max(in_use * 3 / 2, least_cycle), max_index);
        std::int32_t index = last_index_ + 1;
        if (index >= end) index = 0;
        while (objects_.contains(index)) index = index + 1 < end ? index + 1 : 0;
        if (index <= last_index_) sequence_ = (sequence_ + 1) % sequence_end;
        last_index_ = index;
        object->permissions.id = sequence_ * max_index + index;
        return *objects_.emplace(index, std::move(object)).first->second;
    }
    void remove(const Object& object) { objects_.erase(object.permissions.id % max_index); }

    // EINVAL: there is none, or not this one any more.
    Result<std::shared_ptr<Object>> find(std::int32_t id) const {
        const auto found = find_index(id);
        if (!found) return found;
        if ((*found)->permissions.id != id) return fail(Errno::einval);
        return found;
    }
    // Of the identifier the index alone counts (SHM_STAT). EINVAL.
    Result<std::shared_ptr<Object>> find_index(std::int32_t id) const {
        const auto found = objects_.find(id % max_index);
        if (id < 0 || found == objects_.end()) return fail(Errno::einval);
        return found->second;
    }
    std::shared_ptr<Object> find_key(std::int32_t key) const {
        for (const auto& [index, object] : objects_) {
            if (object->permissions.key == key) return object;
        }
        return nullptr;
    }
    const std::map<std::int32_t, std::shared_ptr<Object>>& all() const { return objects_; }
    std::uint32_t count() const { return static_cast<std::uint32_t>(objects_.size()); }
    // What IPC_INFO answers; 0 where there is none.
    std::uint32_t highest_index() const {
        return objects_.empty() ? 0 : static_cast<std::uint32_t>(objects_.rbegin()->first);
    }

private:
    static constexpr std::int32_t sequence_end = 1 << 16;  // ipcid_seq_max()
    std::map<std::int32_t, std::shared_ptr<Object>> objects_;
    std::int32_t last_index_ = -1;
    std::int32_t sequence_ = 0;
};

// ipcget(): the object of a key, or a new one. ENOENT, EEXIST, EACCES; whatever fits(object) and make() answer.
template <class Object, class Fits, class Make>
Result<std::uint64_t> ipc_get(const Task& task, const IpcTable<Object>& table, std::int32_t key, std::int32_t flags,
                              Fits&& fits, Make&& make) {
    const auto found = key == IPC_PRIVATE ? nullptr : table.find_key(key);
    if (found == nullptr) {
        if (key != IPC_PRIVATE && (flags & IPC_CREAT) == 0) return fail(Errno::enoent);
        return make();
    }
    if ((flags & IPC_CREAT) != 0 && (flags & IPC_EXCL) != 0) return fail(Errno::eexist);
    if (auto fine = fits(*found); !fine) return fail(fine.error());
    if (!ipc_permits(task, found->permissions, static_cast<std::uint32_t>(flags))) return fail(Errno::eacces);
    return static_cast<std::uint64_t>(found->permissions.id);
}

}  // namespace fl::kernel
