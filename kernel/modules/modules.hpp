// Modules: those that the user asked for, and those that are loaded (Linux: kernel/module/main.c).
#pragma once

#include "kernel/modules/registry.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace fl::kernel {

class Modules {
public:
    static constexpr std::uint64_t never = ~std::uint64_t{0};

    Modules() = default;
    Modules(const Modules&) = delete;
    Modules& operator=(const Modules&) = delete;
    ~Modules();

    // What modules are given when they are loaded, and the choices, in the order in which they are to be loaded.
    void request(std::vector<ModuleChoice> choices, std::function<ModuleContext(const ModuleInfo&)> context);
    // The fault whose handling is waited for first; 0: one is due before the first instruction; never: none is left.
    std::uint64_t next_fault() const;
    // So many page faults have been handled: what is due is loaded, and says so in the log where it cannot be.
    void load_due(std::uint64_t fault_count);
    // The machine ends, after so many page faults.
    void unload_all(std::uint64_t fault_count);

    // One line for each that could not be loaded, or whose fault never came.
    const std::vector<std::string>& problems() const { return problems_; }
    // /proc/modules: the newest first (m_show).
    std::string proc_text() const;

private:
    struct Loaded {
        const ModuleInfo* info;
        std::unique_ptr<Module> module;
    };
    void load(const ModuleChoice& choice);

    std::vector<ModuleChoice> waiting_;
    std::function<ModuleContext(const ModuleInfo&)> context_;
    std::vector<Loaded> loaded_;
    std::vector<std::string> problems_;
};

}  // namespace fl::kernel
