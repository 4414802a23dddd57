// HostDirectory: a directory of the host as an inode, with the names that the guest added and took away in memory (see
// host_layer.hpp).
//
// Invariants: a name in children_ hides the host's of that name; a name in hidden_ is the host's and is gone for the
// guest; under HostAccess::write_through children_ holds mount points alone and hidden_ nothing.
#pragma once

#include "kernel/vfs/host_layer.hpp"

#include <map>
#include <set>

namespace fl::kernel {

class HostDirectory final : public Directory {
public:
    HostDirectory(HostLayer& layer, std::shared_ptr<HostNode> node);

    Result<std::shared_ptr<FileDescription>> open(System& system, const DentryPointer& dentry, int flags) override;
    DentryPointer find(const System& system, const DentryPointer& self, std::string_view name) override;
    Result<DentryPointer> lookup(const System& system, const DentryPointer& self, std::string_view name) override;
    std::vector<DirectoryEntry> list(const System& system) override;
    bool is_writable() const override { return true; }
    void add(const DentryPointer& child) override;
    void remove(const Dentry& child) override;
    bool is_empty() const override;
    bool is_of_host() const override { return layer_.access() == HostAccess::write_through; }
    std::uint64_t size_bytes() const override { return static_cast<std::uint64_t>(node_->status().st_size); }
    struct stat status() const override;
    Result<void> change_attributes(const AttributeChange& change, std::uint64_t now_ns) override;
    const HostNode* host_node() const override { return node_.get(); }

    Result<std::shared_ptr<Inode>> create(System& system, std::string_view name, const NewInode& what) override;
    Result<void> prepare_link(Inode& inode, std::string_view name) override;
    Result<void> prepare_remove(const Dentry& child) override;
    Result<void> prepare_rename(const Dentry& child, Directory& to, std::string_view name, bool exchange) override;
    std::vector<DentryPointer> take_children() override;

    // find() for whoever has no System.
    Result<DentryPointer> child(const DentryPointer& self, std::string_view name);
    // Puts something over whatever the host has by this name; nothing of the host changes.
    void mount(const DentryPointer& child);

private:
    bool writes_through() const { return layer_.access() == HostAccess::write_through; }
    std::uint64_t position_of(const std::string& name);
    DentryPointer dentry_of(const DentryPointer& self, std::string_view name, std::shared_ptr<Inode> inode);

    HostLayer& layer_;
    std::shared_ptr<HostNode> node_;
    std::map<std::string, DentryPointer, std::less<>> children_;
    std::set<std::string, std::less<>> hidden_;
    std::map<std::string, std::weak_ptr<Dentry>, std::less<>> seen_;  // so that a name has one dentry while it is used
    std::size_t sweep_at_ = 64;
    std::map<std::string, std::uint64_t, std::less<>> positions_;  // of the names that were listed
    std::uint64_t last_position_ = 1;
};

}  // namespace fl::kernel
