#include "cli/command_model.hpp"

#include "cli/command_line.hpp"

#include <memory>
#include <utility>

namespace fl::cli {

namespace {

// Operands that the usage line has under names of its own are no options.
bool is_option(const CLI::Option& option) { return !option.get_lnames().empty() || !option.get_snames().empty(); }

OptionModel option_model(const CLI::Option& option) {
    OptionModel model;
    for (const std::string& name : option.get_snames()) model.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames()) model.names.push_back("--" + name);
    model.meaning = option.get_description();
    if (option.get_items_expected_max() == 0) return model;
    model.value = option.get_option_text();
    if (model.value.starts_with("[=") && model.value.ends_with("]")) {
        model.value = model.value.substr(2, model.value.size() - 3);
        model.value_needs_equals = true;
    }
    if (model.value.empty()) model.value = "VALUE";
    model.may_be_repeated = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll;
    return model;
}

// Behind "usage: NAME ", up to the end of the line.
std::string operands_of(const CLI::App& application) {
    const auto* formatter = dynamic_cast<const HelpFormatter*>(application.get_formatter().get());
    if (formatter == nullptr) return {};
    const std::string usage = formatter->make_usage(&application, application.get_name());
    const std::size_t begin = usage.find(application.get_name()) + application.get_name().size() + 1;
    return usage.substr(begin, usage.find('\n') - begin);
}

CommandModel model_of(const CLI::App& application, std::vector<std::string> words) {
    CommandModel model;
    words.push_back(application.get_name());
    model.title = application.get_description();
    model.footer = application.get_footer();
    model.operands = operands_of(application);
    for (const CLI::Option* option : application.get_options()) {
        if (is_option(*option) && !option->get_group().empty()) model.options.push_back(option_model(*option));
    }
    for (const CLI::App* subcommand : application.get_subcommands(nullptr))
        if (!subcommand->get_group().empty()) model.subcommands.push_back(model_of(*subcommand, words));
    model.words = std::move(words);
    return model;
}

}  // namespace

CommandModel command_model(const CLI::App& application) { return model_of(application, {}); }

}  // namespace fl::cli
