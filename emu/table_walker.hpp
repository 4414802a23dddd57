// TableWalker: somebody else's x86-64 page walker over the same RAM, to hold ours against. It sets A and D bits in the
// tables as a processor does.
#pragma once

#include "emu/page_fault.hpp"
#include "emu/ram.hpp"

#include <tl/expected.hpp>

#include <memory>
#include <optional>
#include <string>

namespace fl::emu {

class TableWalker {
public:
    virtual ~TableWalker() = default;
    virtual const char* name() const = 0;
    // Whether translate() knows about such accesses at all.
    virtual bool answers(Access access, Mode mode) const = 0;
    // From now on walks begin here (CR3), and nothing is remembered of earlier ones.
    virtual void set_root(Pfn root) = 0;
    // nullopt: a page fault. `address` is canonical, and answers() said yes.
    virtual std::optional<PhysAddr> translate(VirtAddr address, Access access, Mode mode) = 0;
};

// Unicorn's own MMU, in instances of their own that run nothing. The error is one line for a person.
tl::expected<std::unique_ptr<TableWalker>, std::string> make_unicorn_walker(const Ram& ram);
// The host's kernel walks for a virtual machine that never runs (KVM_TRANSLATE): reads by the supervisor only. The
// error says why there is none: "/dev/kvm: Permission denied".
tl::expected<std::unique_ptr<TableWalker>, std::string> make_kvm_walker(const Ram& ram);

}  // namespace fl::emu
