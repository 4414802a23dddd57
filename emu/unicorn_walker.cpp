#include "emu/cpu_model.hpp"
#include "emu/table_walker.hpp"
#include "emu/unicorn_error.hpp"
#include "emu/user_mode.hpp"

#include <unicorn/unicorn.h>

#include <array>

namespace fl::emu {

namespace {

constexpr std::uint32_t msr_efer = 0xc000'0080;
constexpr std::uint64_t efer_no_execute_enable = 0x800;
constexpr std::uint64_t cr0_write_protect = 0x1'0000, cr0_paging = 0x8000'0000;
constexpr std::uint64_t cr4_pae = 0x20;

struct EngineCloser {
    void operator()(uc_engine* engine) const { uc_close(engine); }
};
using Engine = std::unique_ptr<uc_engine, EngineCloser>;

// One instance for each privilege level, as Unicorn asks for the level that it is in.
class UnicornWalker final : public TableWalker {
public:
    tl::expected<void, std::string> start(const Ram& ram);

    const char* name() const override { return "Unicorn's MMU"; }
    bool answers(Access, Mode) const override { return true; }
    void set_root(Pfn root) override;
    std::optional<PhysAddr> translate(VirtAddr address, Access access, Mode mode) override;

private:
    Engine& engine(Mode mode) { return engines_.at(static_cast<std::size_t>(mode)); }

    std::array<Engine, 2> engines_;
};

tl::expected<Engine, std::string> open_engine(const Ram& ram, Mode mode) {
    uc_engine* opened = nullptr;
    if (const uc_err error = uc_open(UC_ARCH_X86, UC_MODE_64, &opened); error != UC_ERR_OK) {
        return tl::unexpected(std::string("cannot start Unicorn: ") + uc_strerror(error));
    }
    Engine engine(opened);
    must(uc_ctl_set_cpu_model(opened, cpu_model), "the CPU model");
    must(uc_ctl_tlb_mode(opened, UC_TLB_VIRTUAL), "the virtual TLB");
    if (const uc_err error = uc_mem_map_ptr(opened, 0, ram.page_count().bytes(), UC_PROT_ALL, ram.base());
        error != UC_ERR_OK) {
        return tl::unexpected(std::string("Unicorn cannot map the machine's memory: ") + uc_strerror(error));
    }
    if (mode == Mode::user) {
        if (auto entered = enter_user_mode(opened, ram); !entered) return tl::unexpected(entered.error());
    }
    uc_x86_msr efer{msr_efer, 0};
    must(uc_reg_read(opened, UC_X86_REG_MSR, &efer), "to read EFER");
    efer.value |= efer_no_execute_enable;
    must(uc_reg_write(opened, UC_X86_REG_MSR, &efer), "to write EFER");
    std::uint64_t cr0 = 0, cr4 = 0;
    must(uc_reg_read(opened, UC_X86_REG_CR4, &cr4), "to read CR4");
    cr4 |= cr4_pae;
    must(uc_reg_write(opened, UC_X86_REG_CR4, &cr4), "to write CR4");
    must(uc_reg_read(opened, UC_X86_REG_CR0, &cr0), "to read CR0");
    cr0 |= cr0_write_protect | cr0_paging;
    must(uc_ctl_tlb_mode(opened, UC_TLB_CPU), "its own TLB");
    must(uc_reg_write(opened, UC_X86_REG_CR0, &cr0), "to write CR0");
    return engine;
}

tl::expected<void, std::string> UnicornWalker::start(const Ram& ram) {
    for (const Mode mode : {Mode::user, Mode::kernel}) {
        auto opened = open_engine(ram, mode);
        if (!opened) return tl::unexpected(opened.error());
        engine(mode) = *std::move(opened);
    }
    return {};
}

void UnicornWalker::set_root(Pfn root) {
    const std::uint64_t cr3 = root.address().value();
    for (const Engine& engine : engines_) {
        must(uc_reg_write(engine.get(), UC_X86_REG_CR3, &cr3), "to write CR3");
        // Global pages outlive CR3.
        must(uc_ctl_flush_tlb(engine.get()), "to flush the TLB");
    }
}

std::optional<PhysAddr> UnicornWalker::translate(VirtAddr address, Access access, Mode mode) {
    const uc_prot protection = access == Access::write     ? UC_PROT_WRITE
                               : access == Access::execute ? UC_PROT_EXEC
                                                           : UC_PROT_READ;
    std::uint64_t physical = 0;
    const uc_err error = uc_vmem_translate(engine(mode).get(), address.value(), protection, &physical);
    if (error != UC_ERR_OK) return std::nullopt;
    return PhysAddr(physical);
}

}  // namespace

tl::expected<std::unique_ptr<TableWalker>, std::string> make_unicorn_walker(const Ram& ram) {
    auto walker = std::make_unique<UnicornWalker>();
    if (auto started = walker->start(ram); !started) return tl::unexpected(started.error());
    return walker;
}

}  // namespace fl::emu
