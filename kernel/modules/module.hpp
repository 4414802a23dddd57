// Module: code of the kernel's own that a user loads to look into it (Linux: include/linux/module.h). Every module is
// built in: one file of this folder, which registry.cpp names.
//
// A module is loaded while no program executes: before the first instruction, or once a page fault has been handled and
// the instruction that took it is done. It may take memory then, as any module may; what it takes it gives back in
// exit(). What it has to say goes to the kernel's log.
#pragma once

#include "kernel/inspection.hpp"
#include "kernel/kernel_log.hpp"
#include "mm/physical_memory.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fl::kernel {

// The machine, as a module sees it.
struct ModuleContext {
    KernelLog& log;
    mm::PhysicalMemory& memory;
    // The processes and their address spaces, and all that the views of `faultline inspect` show of the machine.
    std::function<Inspection()> inspect;
    const char* name;  // of the module

    // pr_info(): "name: text".
    template <class... Values>
    void print(fmt::format_string<Values...> format, Values&&... values) {
        log.print(LogLevel::info, "{}: {}", name, fmt::format(format, std::forward<Values>(values)...));
    }
    // The same for each line of a text.
    void print_lines(std::string_view text) {
        while (!text.empty()) {
            const std::size_t length = std::min(text.find('\n'), text.size());
            print("{}", text.substr(0, length));
            text.remove_prefix(std::min(length + 1, text.size()));
        }
    }
};

class Module {
public:
    Module() = default;
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;
    virtual ~Module() = default;

    // module_init(): once. The error is one line; the module is not there then, and exit() is not called.
    virtual tl::expected<void, std::string> init(ModuleContext& context) = 0;
    // module_exit(): when the machine ends and no program runs any more, the last that was loaded first.
    virtual void exit(ModuleContext& /*context*/) {}
};

// All values are numbers: decimal, or hexadecimal behind 0x.
struct ModuleParameter {
    const char* name;
    const char* meaning;  // one line without a full stop
    bool is_required = false;
    std::uint64_t least = 0, most = ~std::uint64_t{0};
};

// What the user wrote: each a parameter of the module's, within its bounds, the required ones all there.
class ModuleArguments {
public:
    void set(std::string name, std::uint64_t value) { values_[std::move(name)] = value; }
    std::optional<std::uint64_t> find(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? std::nullopt : std::optional(found->second);
    }
    // Of a parameter that is required.
    std::uint64_t at(const std::string& name) const { return values_.at(name); }

private:
    std::map<std::string, std::uint64_t> values_;
};

struct ModuleInfo {
    const char* name;
    const char* summary;  // one line without a full stop
    std::span<const ModuleParameter> parameters;
    std::unique_ptr<Module> (*make)(const ModuleArguments& arguments);
};

}  // namespace fl::kernel
