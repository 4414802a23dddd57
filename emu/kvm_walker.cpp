#include "emu/table_walker.hpp"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fl::emu {

namespace {

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const { return number_; }
    bool is_open() const { return number_ >= 0; }

private:
    int number_;
};

// The state of a processor in 64-bit mode as emu::Mmu describes it: CR0 with PE, WP and PG; CR4 with PAE; EFER with
// LME, LMA and NXE.
constexpr std::uint64_t cr0_long_mode = 0x8001'0011, cr4_pae = 0x20, efer_long_mode = 0xd00;

class KvmWalker final : public TableWalker {
public:
    tl::expected<void, std::string> start(const Ram& ram);

    const char* name() const override { return "KVM"; }
    bool answers(Access access, Mode mode) const override { return access == Access::read && mode == Mode::kernel; }
    void set_root(Pfn root) override;
    std::optional<PhysAddr> translate(VirtAddr address, Access access, Mode mode) override;

private:
    Descriptor machine_, processor_;
    kvm_sregs registers_{};
};

std::string said(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

tl::expected<void, std::string> KvmWalker::start(const Ram& ram) {
    const Descriptor kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
    if (!kvm.is_open()) return tl::unexpected(said("/dev/kvm"));
    machine_ = Descriptor(::ioctl(kvm.number(), KVM_CREATE_VM, 0));
    if (!machine_.is_open()) return tl::unexpected(said("KVM_CREATE_VM"));
    kvm_userspace_memory_region region{};
    region.memory_size = ram.page_count().bytes();
    region.userspace_addr = reinterpret_cast<std::uintptr_t>(ram.base());
    if (::ioctl(machine_.number(), KVM_SET_USER_MEMORY_REGION, &region) != 0) {
        return tl::unexpected(said("KVM_SET_USER_MEMORY_REGION"));
    }
    processor_ = Descriptor(::ioctl(machine_.number(), KVM_CREATE_VCPU, 0));
    if (!processor_.is_open()) return tl::unexpected(said("KVM_CREATE_VCPU"));
    if (::ioctl(processor_.number(), KVM_GET_SREGS, &registers_) != 0) return tl::unexpected(said("KVM_GET_SREGS"));
    registers_.cr0 = cr0_long_mode;
    registers_.cr4 = cr4_pae;
    registers_.efer = efer_long_mode;
    registers_.cs.l = 1;
    registers_.cs.db = 0;
    if (::ioctl(processor_.number(), KVM_SET_SREGS, &registers_) != 0) return tl::unexpected(said("KVM_SET_SREGS"));
    return {};
}

void KvmWalker::set_root(Pfn root) {
    registers_.cr3 = root.address().value();
    FL_ASSERT(::ioctl(processor_.number(), KVM_SET_SREGS, &registers_) == 0);
}

std::optional<PhysAddr> KvmWalker::translate(VirtAddr address, Access, Mode) {
    kvm_translation translation{};
    translation.linear_address = address.value();
    FL_ASSERT(::ioctl(processor_.number(), KVM_TRANSLATE, &translation) == 0);
    if (translation.valid == 0) return std::nullopt;
    return PhysAddr(translation.physical_address);
}

}  // namespace

tl::expected<std::unique_ptr<TableWalker>, std::string> make_kvm_walker(const Ram& ram) {
    auto walker = std::make_unique<KvmWalker>();
    if (auto started = walker->start(ram); !started) return tl::unexpected(started.error());
    return walker;
}

}  // namespace fl::emu
