#include "cli/manual_page.hpp"

#include "cli/manual_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

namespace fl::cli {

namespace {

// Text that man(7) leaves as it is; hyphens stay hyphens, so that options can be copied.
std::string escaped(std::string_view text) {
    std::string result;
    for (const char letter : text) {
        switch (letter) {
            case '\\': result += "\\e"; break;
            case '-': result += "\\-"; break;
            case '^': result += "\\(ha"; break;
            case '~': result += "\\(ti"; break;
            case '`': result += "\\(ga"; break;
            case '\'': result += "\\(aq"; break;
            default: result += letter;
        }
    }
    return result;
}

// A line that is text, whatever it begins with.
std::string text_line(std::string_view text) {
    const bool is_request = text.starts_with('.');
    return (is_request ? "\\&" : "") + escaped(text) + "\n";
}

std::string upper_case(std::string text) {
    for (char& letter : text) letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::string_view line = text.substr(0, text.find('\n'));
        lines.push_back(line);
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return lines;
}

struct Paragraph {
    std::vector<std::string_view> lines;

    bool is_example() const { return lines.front().starts_with("  "); }
    // Words and their meanings, side by side: each line has them.
    bool is_table() const {
        return std::all_of(lines.begin(), lines.end(),
                           [](std::string_view line) { return line.find("   ") != std::string_view::npos; });
    }
    static constexpr std::string_view exit_status = "Exit status: ";

    Paragraph without_heading() const {
        Paragraph rest = *this;
        if (rest.lines.front().starts_with(exit_status)) rest.lines.front().remove_prefix(exit_status.size());
        return rest;
    }
    bool is_exit_status() const {
        return lines.front().starts_with(exit_status) || lines.front().starts_with("The exit status ");
    }
};

std::vector<Paragraph> paragraphs_of(std::string_view text) {
    std::vector<Paragraph> paragraphs(1);
    for (const std::string_view line : lines_of(text)) {
        if (!line.empty()) {
            paragraphs.back().lines.push_back(line);
        } else if (!paragraphs.back().lines.empty()) {
            paragraphs.emplace_back();
        }
    }
    if (paragraphs.back().lines.empty()) paragraphs.pop_back();
    return paragraphs;
}

std::string source_of(const Paragraph& paragraph) {
    if (!paragraph.is_example() && !paragraph.is_table()) {
        std::string source = ".PP\n";
        for (const std::string_view line : paragraph.lines) source += text_line(line);
        return source;
    }
    std::string source = ".PP\n.RS 2\n.nf\n";
    for (const std::string_view line : paragraph.lines)
        source += text_line(line.substr(std::min(line.find_first_not_of(' '), line.size())));
    return source + ".fi\n.RE\n";
}

class Page {
public:
    Page(const CommandModel& command, const CommandModel& all, const std::string& version)
        : command_(command), all_(all), text_(manual_text(is_all() ? "" : command.name())) {
        source_ = fmt::format(".\\\" Made by faultline --generate man.\n.TH {} 1 {} \"faultline {}\" \"faultline\"\n",
                              upper_case(manual_page_name(command)), FAULTLINE_DATE, version);
    }

    std::string make() {
        add_name();
        add_synopsis();
        add_description();
        add_options();
        add_subcommands();
        for (const ManualSection& section : text_.sections) {
            if (is_own(section)) add_section(section.heading, paragraphs_of(section.text));
        }
        add_section("EXIT STATUS", exit_status_);
        add_section("EXAMPLES", examples_);
        add_see_also();
        return source_;
    }

private:
    bool is_all() const { return command_.words.size() == 1; }
    static bool is_own(const ManualSection& section) {
        return !section.heading.empty() && section.heading != "DESCRIPTION";
    }

    void add_section(std::string_view heading, const std::vector<Paragraph>& paragraphs) {
        if (paragraphs.empty()) return;
        source_ += fmt::format(".SH {}\n", heading);
        for (const Paragraph& paragraph : paragraphs) source_ += without_first_break(source_of(paragraph));
    }
    // .PP right behind a heading does nothing, and is warned of.
    std::string without_first_break(std::string source) const {
        const bool is_first = source_.rfind(".SH ") == source_.rfind('\n', source_.size() - 2) + 1 ||
                              source_.rfind(".SS ") == source_.rfind('\n', source_.size() - 2) + 1;
        if (is_first && source.starts_with(".PP\n")) source.erase(0, 4);
        return source;
    }

    void add_name() {
        std::string title = is_all() ? "runs Linux programs, and shows the page faults they take" : command_.title;
        title.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(title.front())));
        source_ += ".SH NAME\n" + escaped(manual_page_name(command_)) + " \\- " + escaped(title) + "\n";
    }

    static std::string usage(const CommandModel& command) {
        return fmt::format(".B {}\n{}", escaped(fmt::format("{}", fmt::join(command.words, " "))),
                           command.operands.empty() ? "" : text_line(command.operands));
    }
    void add_synopsis() {
        source_ += ".SH SYNOPSIS\n";
        if (!is_all() && !command_.subcommands.empty()) {
            for (const CommandModel& part : command_.subcommands)
                source_ += usage(part) + (&part == &command_.subcommands.back() ? "" : ".br\n");
            return;
        }
        source_ += usage(command_);
        if (is_all()) source_ += ".br\n.B faultline \\-\\-version\n";
    }

    // The help's text goes where it belongs: examples, and what stands between them, the exit status, all else here.
    void add_description() {
        std::vector<Paragraph> description;
        std::string_view sentence = is_all() ? command_.title : std::string_view();
        if (!sentence.empty()) description = paragraphs_of(sentence);
        if (description.empty()) {
            sentence_ = command_.title + ".";
            description = paragraphs_of(sentence_);
        }
        for (const ManualSection& section : text_.sections) {
            if (section.heading != "DESCRIPTION") continue;
            for (const Paragraph& paragraph : paragraphs_of(section.text)) description.push_back(paragraph);
        }
        for (const Paragraph& paragraph : is_all() ? std::vector<Paragraph>() : paragraphs_of(command_.footer)) {
            if (paragraph.is_exit_status()) {
                exit_status_.push_back(paragraph.without_heading());
            } else if (paragraph.is_example() || !examples_.empty()) {
                examples_.push_back(paragraph);
            } else {
                description.push_back(paragraph);
            }
        }
        add_section("DESCRIPTION", description);
    }

    void add_options() {
        if (command_.options.empty()) return;
        source_ += ".SH OPTIONS\n";
        add_options_of(command_);
    }
    void add_options_of(const CommandModel& command) {
        for (const OptionModel& option : command.options) {
            std::string names;
            for (const std::string& name : option.names)
                names += (names.empty() ? "" : ", ") + fmt::format("\\fB{}\\fR", escaped(name));
            if (option.value_needs_equals) {
                names += fmt::format("[=\\fI{}\\fR]", escaped(option.value));
            } else if (!option.value.empty()) {
                names += fmt::format(" \\fI{}\\fR", escaped(option.value));
            }
            source_ += ".TP\n" + names + "\n" + text_line(option.meaning + ".");
        }
    }

    void add_subcommands() {
        if (command_.subcommands.empty()) return;
        source_ += ".SH SUBCOMMANDS\n";
        for (const CommandModel& part : command_.subcommands) {
            if (is_all()) {
                source_ +=
                    fmt::format(".TP\n.BR {} (1)\n", escaped(manual_page_name(part))) + text_line(part.title + ".");
                continue;
            }
            source_ += fmt::format(".SS {}\n", escaped(fmt::format("{}", fmt::join(part.words, " "))));
            source_ += text_line(part.title + ".");
            for (const Paragraph& paragraph : paragraphs_of(part.footer)) source_ += source_of(paragraph);
            add_options_of(part);
        }
    }

    void add_see_also() {
        source_ += ".SH SEE ALSO\n";
        std::vector<std::string> names;
        if (!is_all()) names.emplace_back("faultline");
        for (const CommandModel& other : all_.subcommands)
            if (other.words != command_.words) names.push_back(manual_page_name(other));
        for (const std::string& name : names)
            source_ += fmt::format(".BR {} (1){}\n", escaped(name), name == names.back() ? "" : ",");
        source_ += ".PP\n" + text_line("The guides and exercises in /usr/share/doc/faultline, or docs/ of the source.");
    }

    const CommandModel& command_;
    const CommandModel& all_;
    const ManualText& text_;
    std::string sentence_;
    std::vector<Paragraph> exit_status_, examples_;
    std::string source_;
};

}  // namespace

std::string manual_page_name(const CommandModel& command) {
    return command.words.size() == 1 ? command.words[0] : command.words[0] + "-" + command.words[1];
}

std::string manual_page(const CommandModel& command, const CommandModel& all, const std::string& version) {
    return Page(command, all, version).make();
}

}  // namespace fl::cli
