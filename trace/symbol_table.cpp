#include "trace/symbol_table.hpp"

#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>

namespace fl::trace {

namespace {

// C++ names run to a few hundred characters; beyond that a name only floods the trace.
constexpr std::size_t max_name_bytes = 256;

struct Section {
    std::uint64_t start = 0;
    std::uint64_t end = 0;  // 0: not a section that is loaded
};

std::vector<Section> loaded_sections(Elf& elf) {
    std::vector<Section> sections;
    std::size_t count = 0;
    if (elf_getshdrnum(&elf, &count) != 0) return sections;
    sections.resize(count);
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(&elf, section)) != nullptr) {
        GElf_Shdr header{};
        const std::size_t index = elf_ndxscn(section);
        if (index >= count || gelf_getshdr(section, &header) == nullptr) continue;
        const bool wraps = header.sh_addr + header.sh_size < header.sh_addr;
        if ((header.sh_flags & SHF_ALLOC) == 0 || wraps) continue;
        sections[index] = {header.sh_addr, header.sh_addr + header.sh_size};
    }
    return sections;
}

Elf_Scn* find_table(Elf& elf, GElf_Word type, GElf_Shdr& header) {
    Elf_Scn* section = nullptr;
    while ((section = elf_nextscn(&elf, section)) != nullptr) {
        if (gelf_getshdr(section, &header) != nullptr && header.sh_type == type) return section;
    }
    return nullptr;
}

// Labels without a type name code only where other files may refer to them; the rest are places inside functions.
bool names_a_place(unsigned type, unsigned binding) {
    return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT ||
           (type == STT_NOTYPE && binding != STB_LOCAL);
}

// Of several names for one address the one that the programmer wrote: functions before labels, the exported before the
// internal, few leading underscores before many.
unsigned rank_of(unsigned type, unsigned binding, std::string_view name) {
    const unsigned by_type = type == STT_NOTYPE ? 2 : (type == STT_OBJECT ? 1 : 0);
    const unsigned by_binding = binding == STB_GLOBAL ? 0 : (binding == STB_LOCAL ? 2 : 1);
    const auto underscores = std::min<std::size_t>(name.find_first_not_of('_'), 3);
    return by_type * 100 + static_cast<unsigned>(underscores) * 10 + by_binding;
}

}  // namespace

std::vector<SymbolTable::Symbol> SymbolTable::collect(Elf& elf) {
    std::vector<Symbol> symbols;
    GElf_Shdr header{};
    Elf_Scn* table = find_table(elf, SHT_SYMTAB, header);
    if (table == nullptr) table = find_table(elf, SHT_DYNSYM, header);
    Elf_Data* data = table != nullptr ? elf_getdata(table, nullptr) : nullptr;
    if (data == nullptr) return symbols;

    const std::vector<Section> sections = loaded_sections(elf);
    const auto count = static_cast<int>(std::min<std::size_t>(data->d_size / sizeof(Elf64_Sym), 1U << 30U));
    for (int index = 0; index < count; ++index) {
        GElf_Sym symbol{};
        if (gelf_getsym(data, index, &symbol) == nullptr) break;
        const unsigned type = GELF_ST_TYPE(symbol.st_info);
        const unsigned binding = GELF_ST_BIND(symbol.st_info);
        if (!names_a_place(type, binding) || symbol.st_shndx >= sections.size()) continue;
        const Section& section = sections[symbol.st_shndx];
        if (symbol.st_value < section.start || symbol.st_value >= section.end) continue;
        const char* name = elf_strptr(&elf, header.sh_link, symbol.st_name);
        if (name == nullptr || *name == '\0') continue;
        const bool sized = symbol.st_size != 0 && symbol.st_size <= section.end - symbol.st_value;
        symbols.push_back({symbol.st_value, sized ? symbol.st_value + symbol.st_size : section.end,
                           rank_of(type, binding, name), sized, std::string(name, strnlen(name, max_name_bytes))});
    }
    return symbols;
}

SymbolTable SymbolTable::read(Elf& elf) { return SymbolTable(collect(elf)); }

SymbolTable::SymbolTable(std::vector<Symbol> symbols) : symbols_(std::move(symbols)) {
    keep_best_of_each_address();
    end_unsized_symbols();
}

void SymbolTable::keep_best_of_each_address() {
    std::sort(symbols_.begin(), symbols_.end(), [](const Symbol& a, const Symbol& b) {
        return std::tie(a.start, a.rank, a.name) < std::tie(b.start, b.rank, b.name);
    });
    const auto same_start = [](const Symbol& a, const Symbol& b) { return a.start == b.start; };
    symbols_.erase(std::unique(symbols_.begin(), symbols_.end(), same_start), symbols_.end());
}

// Hand-written assembly often says nothing of sizes: such a symbol reaches to the next one, and inside a function that
// has a size it is only a label.
void SymbolTable::end_unsized_symbols() {
    std::vector<Symbol> kept;
    kept.reserve(symbols_.size());
    std::uint64_t sized_until = 0;
    for (Symbol& symbol : symbols_) {
        if (!symbol.sized && symbol.start < sized_until) continue;
        if (!kept.empty() && !kept.back().sized) kept.back().end = std::min(kept.back().end, symbol.start);
        if (symbol.sized) sized_until = std::max(sized_until, symbol.end);
        kept.push_back(std::move(symbol));
    }
    symbols_ = std::move(kept);
}

const SymbolTable::Symbol* SymbolTable::find(std::uint64_t address) const {
    const auto starts_after = [](std::uint64_t value, const Symbol& symbol) { return value < symbol.start; };
    const auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address, starts_after);
    if (after == symbols_.begin()) return nullptr;
    const Symbol& symbol = *std::prev(after);
    return address < symbol.end ? &symbol : nullptr;
}

std::string SymbolTable::name_of(std::uint64_t address) const {
    const Symbol* symbol = find(address);
    return symbol != nullptr ? fmt::format("{}+{:#x}", symbol->name, address - symbol->start) : std::string();
}

std::optional<std::uint64_t> SymbolTable::start_of(std::uint64_t address) const {
    const Symbol* symbol = find(address);
    return symbol != nullptr ? std::optional(symbol->start) : std::nullopt;
}

}  // namespace fl::trace
