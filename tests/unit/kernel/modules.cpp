// Modules: what a user writes to load one, and their lives.
#include "kernel/modules/modules.hpp"
#include "kernel_support.hpp"

#include <string>
#include <vector>

namespace fl::kernel {

using test::TestSystem;

namespace {

std::string refusal(std::string_view text) {
    const auto choice = parse_module(text);
    return choice ? "(none)" : choice.error();
}

std::vector<std::string> lived;

class Traced final : public Module {
public:
    explicit Traced(std::uint64_t number) : number_(number) {}
    tl::expected<void, std::string> init(ModuleContext& context) override {
        lived.push_back("init " + std::to_string(number_));
        if (number_ == 0) return tl::unexpected(std::string("nothing to do"));
        context.print("number {}", number_);
        context.print_lines("first\nsecond\n");
        return {};
    }
    void exit(ModuleContext& context) override {
        lived.push_back("exit " + std::to_string(number_));
        context.print("gone");
    }

private:
    std::uint64_t number_;
};

constexpr std::array traced_parameters{ModuleParameter{.name = "number", .meaning = "its own", .is_required = true}};
const ModuleInfo traced_info{
    .name = "traced",
    .summary = "tells of its life",
    .parameters = traced_parameters,
    .make = [](const ModuleArguments& arguments) -> std::unique_ptr<Module> {
        return std::make_unique<Traced>(arguments.at("number"));
    },
};

ModuleChoice traced(std::uint64_t number, std::uint64_t at_fault = 0) {
    ModuleChoice choice{.info = &traced_info, .arguments = {}, .at_fault = at_fault};
    choice.arguments.set("number", number);
    return choice;
}

}  // namespace

TEST_CASE("a module is named with its arguments") {
    const auto choice = parse_module("pgwalk,va=0xFFFF888000001000,pid=5,at-fault=12");
    REQUIRE(choice.has_value());
    CHECK(choice->info == find_module("pgwalk"));
    CHECK(choice->arguments.at("va") == 0xffff'8880'0000'1000);
    CHECK(choice->arguments.find("pid") == 5);
    CHECK(choice->at_fault == 12);
    const auto bare = parse_module("memshow");
    REQUIRE(bare.has_value());
    CHECK(bare->at_fault == 0);
    for (const ModuleInfo* info : all_modules()) CHECK(find_module(info->name) == info);
}

TEST_CASE("what a user got wrong is said in a line that names what was meant") {
    CHECK(refusal("") == "a module has a name");
    CHECK(refusal(",va=1") == "a module has a name");
    CHECK(refusal("memshaw") == "unknown module 'memshaw'; did you mean 'memshow'?");
    CHECK(refusal("xyz").starts_with("unknown module 'xyz'; there are: "));
    CHECK(refusal("pgwalk,vb=1") == "module pgwalk: unknown argument 'vb'; there are: va, pid, at-fault");
    CHECK(refusal("memshow,at-falt=3") == "module memshow: unknown argument 'at-falt'; did you mean 'at-fault'?");
    CHECK(refusal("vmashow,pid") == "module vmashow: 'pid' needs a value: pid=N");
    CHECK(refusal("vmashow,pid=two") == "module vmashow: pid=two: want a number, such as 7 or 0x404000");
    for (const char* wrong : {"pid=", "pid=-1", "pid=0x", "pid=1x", "pid=99999999999999999999"}) {
        CHECK(refusal(std::string("vmashow,") + wrong).starts_with(std::string("module vmashow: ") + wrong + ": want"));
    }
    CHECK(refusal("vmashow,at-fault=0") == "module vmashow: at-fault=0: want a number from 1");
    CHECK(refusal("vmashow,") == "module vmashow: an argument is missing behind the ','");
    CHECK(refusal("vmashow,,pid=2") == "module vmashow: an argument is missing behind the ','");
    CHECK(refusal("vmashow,pid=2,") == "module vmashow: an argument is missing behind the ','");
    CHECK(refusal("pgwalk,pid=2") == "module pgwalk: va is missing: va=N, the virtual address");
}

TEST_CASE("modules are loaded when their fault has been handled, and unloaded the last one first") {
    TestSystem system;
    lived.clear();
    Modules modules;
    KernelLog& log = system.processes().kernel().log;
    CHECK(modules.next_fault() == Modules::never);
    modules.request({traced(1), traced(2, 7), traced(0), traced(3, 100)}, [&](const ModuleInfo& info) {
        return ModuleContext{log, system.memory(), {}, info.name};
    });
    CHECK(modules.next_fault() == 0);
    modules.load_due(3);
    CHECK(lived == std::vector<std::string>{"init 1", "init 0"});
    CHECK(modules.next_fault() == 7);
    CHECK(modules.proc_text() == "traced 0 0 - Live 0x0000000000000000\n");
    modules.load_due(8);
    CHECK(lived.back() == "init 2");
    modules.unload_all(9);
    CHECK(lived == std::vector<std::string>{"init 1", "init 0", "init 2", "exit 2", "exit 1"});
    CHECK(modules.proc_text().empty());
    CHECK(modules.problems() ==
          std::vector<std::string>{"--module traced: nothing to do",
                                   "--module traced: page fault 100 did not happen; there were 9 page faults"});
    CHECK(log.find(0)->text == "traced: number 1");
    CHECK(log.find(2)->text == "traced: second");
    CHECK(log.find(3)->text == "traced: nothing to do");
    CHECK(log.find(3)->level == LogLevel::error);
    CHECK(log.find(log.next_sequence() - 1)->text == "traced: gone");
}

}  // namespace fl::kernel
