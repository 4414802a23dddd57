#include "kernel/modules/modules.hpp"

#include "mm/print_to.hpp"

#include <algorithm>
#include <utility>

namespace fl::kernel {

Modules::~Modules() { FL_ASSERT(loaded_.empty()); }

void Modules::request(std::vector<ModuleChoice> choices, std::function<ModuleContext(const ModuleInfo&)> context) {
    waiting_ = std::move(choices);
    context_ = std::move(context);
}

std::uint64_t Modules::next_fault() const {
    std::uint64_t next = never;
    for (const ModuleChoice& choice : waiting_) next = std::min(next, choice.at_fault);
    return next;
}

void Modules::load_due(std::uint64_t fault_count) {
    std::vector<ModuleChoice> due;
    std::erase_if(waiting_, [&](ModuleChoice& choice) {
        const bool is_due = choice.at_fault <= fault_count;
        if (is_due) due.push_back(std::move(choice));
        return is_due;
    });
    for (const ModuleChoice& choice : due) load(choice);
}

// A module that fails stays away, and insmod(8) would say why.
void Modules::load(const ModuleChoice& choice) {
    ModuleContext context = context_(*choice.info);
    auto module = choice.info->make(choice.arguments);
    if (const auto started = module->init(context); !started) {
        context.log.print(LogLevel::error, "{}: {}", choice.info->name, started.error());
        problems_.push_back(fmt::format("--module {}: {}", choice.info->name, started.error()));
        return;
    }
    loaded_.push_back({choice.info, std::move(module)});
}

void Modules::unload_all(std::uint64_t fault_count) {
    for (const ModuleChoice& choice : waiting_) {
        problems_.push_back(fmt::format("--module {}: page fault {} did not happen; there {} {} page fault{}",
                                        choice.info->name, choice.at_fault, fault_count == 1 ? "was" : "were",
                                        fault_count, fault_count == 1 ? "" : "s"));
    }
    waiting_.clear();
    while (!loaded_.empty()) {
        Loaded last = std::move(loaded_.back());
        loaded_.pop_back();
        ModuleContext context = context_(*last.info);
        last.module->exit(context);
    }
}

// Built in, they take nothing of the machine's memory and have no address there; nobody depends on them.
std::string Modules::proc_text() const {
    std::string text;
    for (auto newest = loaded_.rbegin(); newest != loaded_.rend(); ++newest) {
        print_to(text, "{} 0 0 - Live 0x0000000000000000\n", newest->info->name);
    }
    return text;
}

}  // namespace fl::kernel
