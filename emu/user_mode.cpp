#include "emu/user_mode.hpp"

#include "emu/registers.hpp"
#include "emu/unicorn_error.hpp"

#include <array>
#include <cstring>

namespace fl::emu {

namespace {

constexpr std::uint32_t msr_efer = 0xc000'0080;
constexpr std::uint32_t msr_star = 0xc000'0081;
constexpr std::uint64_t efer_syscall_enable = 1;
// SYSRET loads CS = STAR[63:48] + 16 with RPL 3 and SS = STAR[63:48] + 8: 0x33 and 0x2b.
constexpr std::uint64_t star_linux = 0x0023'0008'0000'0000;
constexpr std::uint64_t cr4_osfxsr_osxmmexcpt = 0x600;

constexpr std::uint64_t trampoline_address = 0x1000;

}  // namespace

// Ring 3 is reached as a kernel reaches it: by SYSRETQ, run once from a frame that lends itself for the purpose.
tl::expected<void, std::string> enter_user_mode(uc_engine* engine, const Ram& ram) {
    FrameBytes lent = ram.frame(Pfn(0));
    constexpr std::array<std::uint8_t, 3> sysretq = {0x48, 0x0f, 0x07};
    std::array<std::byte, sysretq.size()> saved{};
    std::memcpy(saved.data(), lent.data(), saved.size());
    std::memcpy(lent.data(), sysretq.data(), sysretq.size());

    const auto identity = +[](uc_engine*, std::uint64_t, uc_mem_type, uc_tlb_entry* entry, void*) {
        entry->paddr = 0;
        entry->perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
        return true;
    };
    uc_hook boot_hook = 0;
    must(uc_hook_add(engine, &boot_hook, UC_HOOK_TLB_FILL, reinterpret_cast<void*>(identity), nullptr, 1, 0),
         "a TLB hook");

    std::uint64_t cr4 = 0;
    must(uc_reg_read(engine, UC_X86_REG_CR4, &cr4), "to read CR4");
    cr4 |= cr4_osfxsr_osxmmexcpt;
    must(uc_reg_write(engine, UC_X86_REG_CR4, &cr4), "to write CR4");
    uc_x86_msr efer{msr_efer, 0};
    must(uc_reg_read(engine, UC_X86_REG_MSR, &efer), "to read EFER");
    efer.value |= efer_syscall_enable;
    must(uc_reg_write(engine, UC_X86_REG_MSR, &efer), "to write EFER");
    const uc_x86_msr star{msr_star, star_linux};
    must(uc_reg_write(engine, UC_X86_REG_MSR, &star), "to write STAR");

    constexpr std::uint64_t landing = trampoline_address + 16;
    const std::uint64_t flags = rflags_fixed;
    must(uc_reg_write(engine, UC_X86_REG_RCX, &landing), "to write RCX");
    must(uc_reg_write(engine, UC_X86_REG_R11, &flags), "to write R11");
    const uc_err error = uc_emu_start(engine, trampoline_address, landing, 0, 0);
    std::uint16_t cs = 0;
    must(uc_reg_read(engine, UC_X86_REG_CS, &cs), "to read CS");

    must(uc_hook_del(engine, boot_hook), "to remove a hook");
    must(uc_ctl_flush_tb(engine), "to flush translations");
    must(uc_ctl_flush_tlb(engine), "to flush the TLB");
    std::memcpy(lent.data(), saved.data(), saved.size());
    if (error != UC_ERR_OK || cs != user_cs) {
        return tl::unexpected(std::string("Unicorn does not enter user mode: ") + uc_strerror(error));
    }
    return {};
}

}  // namespace fl::emu
